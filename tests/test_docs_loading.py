"""The examples of docs/loading.md run as they stand, against a Hub on this machine."""

import re
import shutil
from pathlib import Path

import datasets

import voxpress as vp
from voxpress.cards import dataset_card

BLOCKS = re.findall(
    r"^```python\n(.*?)^```$",
    (Path(__file__).parent.parent / "docs" / "loading.md").read_text(),
    flags=re.MULTILINE | re.DOTALL,
)


def test_examples_run_one_after_the_other(brains, loopback_hub, tmp_path, monkeypatch):
    datasets.disable_progress_bars()
    source = shutil.copytree(brains, tmp_path / "brains")
    (source / "README.md").write_text(dataset_card(vp.open(source).manifest))
    loopback_hub.add_folder("org/brains", source, tag="v1.0.0")
    for name in ("1mm", "2mm"):
        shutil.copytree(brains, tmp_path / "resolutions" / name)
    configs = "".join(
        f"- {{config_name: {name}, data_files: [{{split: train, path: {name}/metadata/train-*.parquet}}]}}\n"
        for name in ("1mm", "2mm")
    )
    (tmp_path / "resolutions" / "README.md").write_text(f"---\nconfigs:\n{configs}---\n")
    loopback_hub.add_folder("org/resolutions", tmp_path / "resolutions")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    names: dict[str, object] = {}
    assert len(BLOCKS) > 6
    for number, block in enumerate(BLOCKS):
        exec(compile(block, f"docs/loading.md, example {number + 1}", "exec"), names)
    assert len(names["commit"]) == 40
    assert len(names["cohort"]) == 6
    assert (tmp_path / "here/decades.parquet").exists()
