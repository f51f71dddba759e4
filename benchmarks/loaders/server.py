"""nginx on loopback that waits before it answers each request, as a server far away would, and counts what it is asked.

Needs nginx and its echo module: ``apt-get install nginx-light libnginx-mod-http-echo``.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Asked", "Server"]

_MODULE = "/usr/lib/nginx/modules/ngx_http_echo_module.so"
_CONFIG = """
load_module {module};
user root;
worker_processes 1;
daemon off;
pid {work}/pid;
error_log {work}/error.log;
events {{ worker_connections 4096; }}
http {{
  log_format counted '$request_method $status $bytes_sent $uri';
  access_log {work}/access.log counted;
  client_body_temp_path {work}/body;
  proxy_temp_path {work}/proxy;
  fastcgi_temp_path {work}/fastcgi;
  uwsgi_temp_path {work}/uwsgi;
  scgi_temp_path {work}/scgi;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ echo_sleep {delay_s}; echo_exec /files$uri; }}
    location /files/ {{ internal; alias {root}/; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the server was asked since it was last counted."""

    requests: int
    bytes: int


class Server:
    """Serves a folder until it is closed.

    Args:
        root: folder that is served.
        work: folder for configuration and log.
        delay_s: that each request waits before its answer begins.
    """

    def __init__(self, root: Path, work: Path, *, delay_s: float) -> None:
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        work.mkdir(parents=True, exist_ok=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        config = work / "nginx.conf"
        config.write_text(
            _CONFIG.format(module=_MODULE, work=work, port=port, root=root.resolve(), delay_s=f"{delay_s:.3f}")
        )
        self._log = work / "access.log"
        self._log.unlink(missing_ok=True)
        self._process = subprocess.Popen([nginx, "-c", str(config), "-p", str(work)], stderr=subprocess.DEVNULL)
        self._read = 0
        self.url = f"http://127.0.0.1:{port}"
        for _ in range(100):
            try:
                urllib.request.urlopen(f"{self.url}/none", timeout=5)
            except urllib.error.HTTPError:
                break
            except OSError:
                time.sleep(0.05)
        self.asked()

    def asked(self) -> Asked:
        """Requests and bytes since the last call."""
        time.sleep(0.05)
        with self._log.open() as log:
            log.seek(self._read)
            lines = [line.split(" ", 3) for line in log if line.endswith("\n")]
            self._read = log.tell()
        return Asked(requests=len(lines), bytes=sum(int(line[2]) for line in lines))

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)
