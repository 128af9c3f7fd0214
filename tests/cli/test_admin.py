"""Keys of the admin API, and the commands that use it, against a real gateway."""

import asyncio
import hashlib
import json
import sys
import tomllib
from pathlib import Path

import aiohttp
import pytest
from support.gateway import NO_DRAIN
from support.inprocess import ending, rfb_handshake
from support.programs import LOOPBACK, accepts, free_port, running
from support.scripted_server import ScriptedServer, idle

PROGRAM = (sys.executable, "-m", "gateway")
KEY = "k" * 43
CONFIG = """
listen.port = {port}
admin.port = {admin}
admin.keys.bastion = "sha256:{digest}"
[providers.lab]
type = "static"
consoles = {{ vm = "{url}" }}
"""


def test_a_new_key_is_printed_with_its_line(command):
    done = command("key", "bastion")
    key, line = done.out.splitlines()
    assert tomllib.loads(line) == {"bastion": "sha256:" + hashlib.sha256(key.encode()).hexdigest()}
    assert len(key) >= 43
    assert done.code == 0
    assert command("key", "bastion").out != done.out


@pytest.mark.parametrize("name", ["Bastion", "a b", "1", "x" * 33, 'a"'])
def test_a_key_has_a_name_that_the_configuration_takes(command, name: str):
    done = command("key", name)
    assert (done.code, done.out) == (2, "")


@pytest.mark.parametrize("arguments", [("ticket", "lab/vm"), ("sessions", "list"), ("sessions", "end", "x")])
def test_without_a_key_the_commands_say_which_variable_is_missing(command, tmp_path: Path, arguments):
    assert command(*arguments).code == 2
    assert "VNC_GATEWAY_ADMIN_KEY" in command(*arguments).err
    both = {"VNC_GATEWAY_ADMIN_KEY": "k", "VNC_GATEWAY_ADMIN_KEY_FILE": "f"}
    assert command(*arguments, **both).code == 2
    missing = command(*arguments, VNC_GATEWAY_ADMIN_KEY_FILE=str(tmp_path / "none"))
    assert missing.err == (f"VNC_GATEWAY_ADMIN_KEY_FILE: cannot read {tmp_path / 'none'}: No such file or directory\n")
    assert missing.code == 2


def test_a_gateway_that_is_not_there_is_one_line(command, unused_tcp_port: int):
    url = f"http://{LOOPBACK}:{unused_tcp_port}"
    done = command("ticket", "lab/vm", VNC_GATEWAY_ADMIN_URL=url, VNC_GATEWAY_ADMIN_KEY=KEY)
    assert done.code == 1
    assert done.err.startswith(f"{url} does not answer as the admin API: ")
    assert len(done.err.splitlines()) == 1


async def vnc_gateway(*arguments: str, admin: int, key: str = KEY) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *PROGRAM,
        *arguments,
        env={"VNC_GATEWAY_ADMIN_URL": f"http://{LOOPBACK}:{admin}", "VNC_GATEWAY_ADMIN_KEY": key, "USER": "rosa"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, out.decode(), err.decode()


async def test_a_ticket_opens_a_session_which_is_listed_shown_and_ended(tmp_path: Path, artifacts: Path):
    port, admin = free_port(), free_port()
    config = tmp_path / "c.toml"
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    async with ScriptedServer(idle).running() as server:
        config.write_text(CONFIG.format(port=port, admin=admin, digest=digest, url=server.url))
        argv = [*PROGRAM, "serve", "--config", config]
        async with (
            running("serve", argv, logs=artifacts, ready=lambda: accepts(port), env=NO_DRAIN),
            aiohttp.ClientSession() as http,
        ):
            code, link, _ = await vnc_gateway("ticket", "lab/vm", "--view-only", "--ttl", "60", admin=admin)
            assert code == 0
            base, _, ticket = link.strip().partition("#ticket=")
            assert base == f"http://{LOOPBACK}:{port}/console/lab/vm"
            ws = await http.ws_connect(f"http://{LOOPBACK}:{port}/ws/lab/vm?ticket={ticket}")
            await rfb_handshake(ws)  # a session of one that stops halfway is over after ten seconds
            how = asyncio.create_task(ending(ws, within=300))  # answers pings: each command takes its time

            _, listed, _ = await vnc_gateway("sessions", "list", admin=admin)
            [[session, _, console, user, source, *_]] = [line.split("\t") for line in listed.splitlines()]
            assert (console, user, source) == ("lab/vm", "rosa", LOOPBACK)
            _, shown, _ = await vnc_gateway("sessions", "show", session, admin=admin)
            assert json.loads(shown)["rights"]["control"] is False

            assert (await vnc_gateway("sessions", "end", session, admin=admin))[0] == 0
            assert await how == (4410, "ended_by_admin")
            gone = await vnc_gateway("sessions", "show", session, admin=admin)
            assert gone == (1, "", f"no open session has the id {session}\n")
            wrong = await vnc_gateway("sessions", "list", admin=admin, key="wrong")
            assert wrong == (1, "", "401: The API key is missing or unknown.\n")
            late = await vnc_gateway("ticket", "lab/vm", "--ttl", "999", admin=admin)
            assert late == (1, "", "422: ttl: must be 120 seconds at most\n")
