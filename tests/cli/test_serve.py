"""The commands that keep running, as processes: they say where they are, and end when told."""

import signal
import socket
import sys
from pathlib import Path

import aiohttp
import pytest
from support.gateway import NO_DRAIN
from support.programs import LOOPBACK, accepts, free_port, running

PROGRAM = (sys.executable, "-m", "gateway")
CONFIG = """
access.mode = "open"
listen.port = {port}
admin.port = {admin}
[providers.lab]
type = "static"
consoles = {{ vm = "tcp://127.0.0.1:1" }}
"""


@pytest.mark.parametrize(("number", "env"), [(signal.SIGTERM, NO_DRAIN), (signal.SIGINT, {})])
async def test_serve_answers_and_ends_when_told(
    tmp_path: Path, artifacts: Path, number: signal.Signals, env: dict[str, str]
):
    port, admin = free_port(), free_port()
    config = tmp_path / "c.toml"
    config.write_text(CONFIG.format(port=port, admin=admin))
    async with running(
        "serve", [*PROGRAM, "serve", "--config", config], logs=artifacts, ready=lambda: accepts(port), env=env
    ) as gateway:
        async with aiohttp.ClientSession() as http:
            async with http.get(f"http://{LOOPBACK}:{port}/healthz") as answer:
                assert answer.status == 200
            async with http.get(f"http://{LOOPBACK}:{admin}/metrics") as answer:
                assert 'vnc_gateway_endings_total{reason="idle"} 0.0' in await answer.text()
        gateway.signal(number)
        assert await gateway.wait_exit() == 0
    assert '"event": "gateway.ready"' in gateway.output()
    assert "Traceback" not in gateway.output()


async def test_a_port_in_use_is_one_line(tmp_path: Path, artifacts: Path):
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        config = tmp_path / "c.toml"
        config.write_text(CONFIG.format(port=port, admin=0))
        async with running("serve", [*PROGRAM, "serve", "--config", config], logs=artifacts) as gateway:
            assert await gateway.wait_exit() == 1
        said = [line for line in gateway.output().splitlines() if not line.startswith("{")]  # audit and log
        assert said == [f"cannot listen on {LOOPBACK}:{port}: the port is in use"]


def test_workers_that_share_nothing_are_refused(command, tmp_path: Path):
    config = tmp_path / "c.toml"
    config.write_text(CONFIG.format(port=8080, admin=9090))
    done = command("serve", "--config", config, "--workers", "2")
    assert (done.code, done.out, done.err) == (2, "", "state memory:// belongs to one process\n")
