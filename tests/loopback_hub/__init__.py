"""A Hugging Face Hub on this machine, for tests with the real `huggingface_hub` and `datasets`.

    with LoopbackHub(folder) as hub:
        hub.environment(tmp_path / "home")         # for a process that is started: HF_ENDPOINT, HF_HOME, HF_TOKEN …
        hub.run(program, home=tmp_path / "home")   # runs Python text with that environment
        hub.log, hub.storage.log                   # every request of the Hub, and of where its large files lie
        hub.fail("POST", "/commit/", after=2)      # what goes wrong

In the process of the tests, the fixture `loopback_hub` sets what both libraries have read from the environment when
they were imported. What is committed lies in `folder`: clients, and the Hub too, may be killed at any time.
"""

from .hub import LoopbackHub
from .troubles import Trouble

__all__ = ["LoopbackHub", "Trouble"]
