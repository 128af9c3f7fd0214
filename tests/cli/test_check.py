"""`vnc-gateway check` as an operator sees it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

STATIC = "[providers.lab]\ntype = 'static'\nconsoles = { vm = 'ws://127.0.0.1:1/x?token=hidden' }\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.toml"
    path.write_text("access.mode = 'open'\n" + STATIC)
    return path


def test_a_sound_configuration_is_called_so(command, config: Path):
    done = command("check", "--config", config)
    assert (done.code, done.out) == (0, f"{config}: no faults\n")


def test_nothing_else_is_printed_by_the_program_itself(config: Path):
    """The one case that runs as a process of its own: no traceback, no warning of the interpreter."""
    config.write_text("listen.port = 'x'\n")
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "check", "--config", config],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={name: value for name, value in os.environ.items() if not name.startswith("VNC_GATEWAY_")},
    )
    assert done.returncode == 2
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["listen.port"]


def test_five_faults_are_five_lines_on_stderr_and_exit_code_2(command, config: Path):
    config.write_text(
        """
        [listen]
        host = "0.0.0.0"
        prot = 1
        [access]
        mode = "opened"
        [limits]
        held = "x"
        [providers.a]
        type = "alibabab"
        """
    )
    done = command("check", "--config", config)
    assert done.code == 2
    assert done.out == ""
    places = [line.split(":")[0] for line in done.err.splitlines()]
    assert places == ["listen.prot", "access.mode", "providers.a.type", "limits.held", "listen.public_url"]


@pytest.mark.parametrize("name", ["check", "serve"])
def test_both_commands_refuse_the_same(command, name: str, config: Path):
    done = command(name, "--config", config, VNC_GATEWAY_LISTEN__HOST="0.0.0.0")
    assert done.code == 2
    assert done.err.startswith("VNC_GATEWAY_LISTEN__HOST: 0.0.0.0 is refused")
    assert len(done.err.splitlines()) == 1


def test_a_missing_file_and_a_syntax_error_are_one_line(command, tmp_path: Path):
    path = tmp_path / "x.toml"
    missing = command("check", "--config", path)
    assert (missing.code, missing.err) == (2, f"{path}: cannot be read: No such file or directory\n")
    path.write_text("a = \n")
    wrong = command("check", "--config", path)
    assert (wrong.code, wrong.err) == (2, f"{path}: Invalid value (at line 1, column 5)\n")


def test_warnings_do_not_fail(command, config: Path):
    done = command(
        "check", "--config", config, VNC_GATEWAY_LIMITS__HUMAN_IDLE="0", VNC_GATEWAY_LIMITS__SESSIONS="9000000"
    )
    assert done.code == 0
    assert [line.split(":")[:2] for line in done.err.splitlines()] == [
        ["warning", " limits.sessions"],
        ["warning", " limits.human_idle"],
    ]


def test_resolve_prints_an_address_without_its_secret(command, config: Path):
    done = command("check", "--config", config, "--resolve", "lab/vm")
    assert done.code == 0, done.err
    assert done.out.startswith("ws://127.0.0.1:1/")
    assert "hidden" not in done.out + done.err


def test_resolve_of_what_is_not_there_is_one_line(command, config: Path):
    provider = command("check", "--config", config, "--resolve", "nope/vm")
    assert provider.code == 2
    assert len(provider.err.splitlines()) == 1
    instance = command("check", "--config", config, "--resolve", "lab/nope")
    assert instance.code == 1
    assert len(instance.err.splitlines()) == 1
    for done in (provider, instance):
        assert "Traceback" not in done.err


@pytest.mark.parametrize("instance", ["-q", "../../v2/x?y", "a" * 65, "a b&RegionId=c", "\u00e9"])
def test_resolve_asks_nobody_for_what_is_no_instance(command, config: Path, instance: str):
    done = command("check", "--config", config, "--resolve", f"lab/{instance}")
    assert done.code == 2
    assert "must be PROVIDER/INSTANCE" in done.err


def test_what_a_cloud_says_to_resolve_is_one_line_of_its_own(command, tmp_path: Path):
    """Not a line of the log as well, and not where the address would be."""
    with answering(403, b'{"Code": "InvalidAccessKeyId.NotFound", "RequestId": "R"}') as endpoint:
        config = tmp_path / "c.toml"
        config.write_text(f"""
access.mode = "open"
credentials.a = {{ source = "static", access_key = "AK", secret_key = "SK" }}
[providers.ali]
type = "alibaba"
region = "cn-hangzhou"
credentials = "a"
endpoint = "{endpoint}"
""")
        done = command("check", "--config", config, "--resolve", "ali/i-1")
    assert (done.code, done.out) == (1, "")
    assert len(done.err.splitlines()) == 1


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """A cloud's API with one answer to everything, in a thread: its address."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815 -- the library's names

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_names_cannot_trick_the_terminal(command, config: Path):
    config.write_text('access.mode = "open"\n["a\\u001b[2Jb\\n"]\n')
    done = command("check", "--config", config)
    assert done.code == 2
    assert done.err.replace("\n", "").isprintable()
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nope"],
        ["check", "--nope"],
        ["check", "--resolve", "lab"],
        ["check", "--resolve", "/vm"],
        ["demo", "--port", "70000"],
        ["demo", "--cut-every", "0"],
        ["simulate", "--idle-counts", "pings"],
        ["simulate", "--time-scale", "0"],
    ],
)
def test_wrong_usage_is_exit_code_2(command, arguments: list[str]):
    done = command(*arguments, VNC_GATEWAY_ACCESS__MODE="open")
    assert done.code == 2
    assert "Traceback" not in done.err


def test_the_version_is_printed(command):
    from gateway import __version__

    assert command("--version").out == f"vnc-gateway {__version__}\n"


def test_help_names_the_options(command):
    assert all(option in command("simulate", "--help").out for option in ("--port", "--time-scale", "--no-pong"))
    assert all(option in command("demo", "--help").out for option in ("--host", "--port", "--cut-every"))
    assert "--config" in command("serve", "--help").out
    assert all(option in command("check", "--help").out for option in ("--config", "--resolve"))


def test_faults_that_only_building_shows_are_told_too(command, tmp_path: Path):
    file = tmp_path / "gateway.toml"
    file.write_text(
        """
[access]
mode = "open"
[credentials.none]
source = "env"
prefix = "NOBODY_SET_"
[providers.hangzhou]
type = "alibaba"
region = "cn-hangzhou"
credentials = "none"
"""
    )
    done = command("check", "--config", file)
    assert done.code == 2
    assert "credentials.none" in done.err
