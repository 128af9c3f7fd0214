"""SIGHUP to a real `vnc-gateway serve`: its configuration is read again, and its consoles stay open."""

import signal
import sys
from pathlib import Path

import aiohttp
from support.programs import LOOPBACK, accepts, eventually, free_port, running

from gateway.config.changes import NEEDS_RESTART

CONFIG = """
access.mode = "open"
listen.port = {port}
admin.port = {admin}
[providers.{provider}]
type = "static"
consoles = {{ vm = "tcp://127.0.0.1:1" }}
"""
PAGE = Path(__file__).parents[2] / "docs" / "reload.md"


async def test_sighup_reads_the_configuration_again(tmp_path: Path, artifacts: Path):
    port, admin = free_port(), free_port()
    config = tmp_path / "c.toml"
    config.write_text(CONFIG.format(port=port, admin=admin, provider="lab"))
    argv = [sys.executable, "-m", "gateway", "serve", "--config", config]
    async with (
        running("serve", argv, logs=artifacts, ready=lambda: accepts(port)) as gateway,
        aiohttp.ClientSession() as http,
    ):

        async def reload(text: str, event: str) -> list[str]:
            config.write_text(text)
            gateway.signal(signal.SIGHUP)
            await eventually(lambda: f'"event": "{event}"' in gateway.output(), what=event)
            async with http.get(f"http://{LOOPBACK}:{port}/consoles") as answer:
                consoles: list[str] = (await answer.json())["consoles"]
                return consoles

        assert await reload("access.mode = 7\nlimits.session = 1\n", "configuration.not_reloaded") == ["lab/vm"]
        assert "limits.session: unknown key, did you mean sessions?" in gateway.output()
        wanted = CONFIG.format(port=port + 1, admin=admin, provider="other")
        assert await reload(wanted, "configuration.needs_restart") == ["other/vm"]
        assert "listen.port: needs a restart" in gateway.output()
        gateway.signal(signal.SIGINT)
        assert await gateway.wait_exit() == 0
    assert "Traceback" not in gateway.output()


def test_the_page_names_every_key_that_needs_a_restart():
    text = PAGE.read_text().partition("A restart is needed by")[2].partition(".\n")[0]
    for path in NEEDS_RESTART:
        assert f"`{'.'.join(path)}`" in text
