"""HAProxy in HTTP mode, which tunnels after the upgrade: one thread.

What serves it best was tried: `splice-response` moves plain bytes inside the kernel (0.29 s a GB instead of 0.90;
`splice-auto` gains nothing), and where TLS is in the way, buffers of 64 KiB do (1.2 instead of 1.55).
"""

import contextlib
import resource
from collections.abc import AsyncIterator
from pathlib import Path

from support.components import program
from support.programs import LOOPBACK, free_port, listens, running

from benchmarks.relays.relay import Relay, Way


def configuration(way: Way, port: int, health: int) -> str:
    """The text of haproxy.cfg."""
    connections = resource.getrlimit(resource.RLIMIT_NOFILE)[1] * 35 // 100  # two files each, and some for pipes
    bind = f" ssl crt {way.server_pem}" if way.browser_tls else ""
    server = f" ssl verify required ca-file {way.certificate.authority}" if way.upstream == "wss" else ""
    return f"""
global
  nbthread 1
  tune.bufsize 65536
  maxconn {connections}
defaults
  mode http
  option splice-response
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout tunnel 1h
frontend browsers
  bind {LOOPBACK}:{port} backlog 4096{bind}
  default_backend servers
backend servers
  server one {LOOPBACK}:{way.port}{server}
frontend health
  bind {LOOPBACK}:{health}
  monitor-uri /healthz
"""


@contextlib.asynccontextmanager
async def haproxy(way: Way, directory: Path) -> AsyncIterator[Relay]:
    """Run HAProxy in `directory`."""
    port, health = free_port(), free_port()
    file = directory / "haproxy.cfg"
    file.write_text(configuration(way, port, health))
    argv: list[str | Path] = [program("haproxy"), "-db", "-f", file]
    async with running("haproxy", argv, logs=directory, ready=lambda: listens(port) and listens(health)) as process:
        yield Relay(process.pid, port, health=health)
