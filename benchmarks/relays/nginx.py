"""nginx as a WebSocket proxy: one worker; buffers of 256 KiB, or its own."""

import contextlib
import resource
from collections.abc import AsyncIterator
from pathlib import Path

from support.components import program
from support.programs import LOOPBACK, free_port, listens, running

from benchmarks.relays.relay import Relay, Way

LARGE_BUFFERS = "proxy_buffer_size 256k; proxy_buffers 4 256k; proxy_busy_buffers_size 256k;"


def configuration(way: Way, directory: Path, port: int, health: int, buffers: str) -> str:
    """The text of nginx.conf."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    tls = way.certificate
    listen = f"listen {LOOPBACK}:{port}" + (" ssl" if way.browser_tls else "") + " backlog=4096"
    certificate = f"ssl_certificate {tls.certificate}; ssl_certificate_key {tls.key};" if way.browser_tls else ""
    verify = f"proxy_ssl_trusted_certificate {tls.authority}; proxy_ssl_verify on; proxy_ssl_name localhost;"
    scheme = "https" if way.upstream == "wss" else "http"
    paths = "\n".join(
        f"  {kind}_temp_path {directory}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""
daemon off;
user root;
worker_processes 1;
worker_rlimit_nofile {files};
pid {directory}/nginx.pid;
error_log stderr warn;
events {{ worker_connections {files}; }}
http {{
{paths}
  access_log off;
  server {{ listen {LOOPBACK}:{health}; location = /healthz {{ return 204; }} keepalive_requests 1000000; }}
  server {{
    {listen};
    {certificate}
    location / {{
      proxy_pass {scheme}://{LOOPBACK}:{way.port};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_read_timeout 1h;
      proxy_send_timeout 1h;
      {verify if way.upstream == "wss" else ""}
      {buffers}
    }}
  }}
}}
"""


@contextlib.asynccontextmanager
async def nginx(way: Way, directory: Path, buffers: str = LARGE_BUFFERS) -> AsyncIterator[Relay]:
    """Run nginx in `directory`."""
    port, health = free_port(), free_port()
    file = directory / "nginx.conf"
    file.write_text(configuration(way, directory, port, health, buffers))
    argv: list[str | Path] = [program("nginx"), "-c", file, "-p", directory]
    async with running("nginx", argv, logs=directory, ready=lambda: listens(port) and listens(health)) as process:
        yield Relay(process.pid, port, health=health)


@contextlib.asynccontextmanager
async def nginx_default(way: Way, directory: Path) -> AsyncIterator[Relay]:
    """Run nginx with the buffers it has by itself."""
    async with nginx(way, directory, buffers="") as relay:
        yield relay
