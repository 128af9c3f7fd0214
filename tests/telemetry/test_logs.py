"""Log lines: one per event, in both formats, from us and from libraries, without secrets or tricks."""

import io
import json
import logging
import os
import re
from collections.abc import Iterator

import pytest
import structlog
from pydantic import SecretStr
from yarl import URL

from gateway.telemetry import logs
from gateway.telemetry.replica import replica

TRICK = "a\nb\r\x1b[31m\u2028\u202e"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    quiet = {name: logging.getLogger(name).level for name in logs.QUIET}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, number in quiet.items():
        logging.getLogger(name).setLevel(number)
    structlog.reset_defaults()


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_json_lines_have_time_level_and_event_first():
    out = io.StringIO()
    logs.configure("info", "auto", out)
    structlog.get_logger().info("session.spliced", session="s1", took_ms=7)
    line = json.loads(out.getvalue())
    assert list(line)[:3] == ["timestamp", "level", "event"]
    assert line["timestamp"].endswith("Z")
    assert (line["level"], line["event"]) == ("info", "session.spliced")
    assert (line["session"], line["took_ms"]) == ("s1", 7)


def test_a_terminal_gets_text_with_colours():
    out = _Terminal()
    logs.configure("info", "auto", out)
    structlog.get_logger().info("session.spliced", session="s1")
    assert not out.getvalue().startswith("{")
    assert "\x1b[" in out.getvalue()
    assert "session.spliced" in out.getvalue()


def test_console_on_request_has_no_colours_in_a_file():
    out = io.StringIO()
    logs.configure("info", "console", out)
    structlog.get_logger().info("session.spliced", session="s1")
    assert "\x1b" not in out.getvalue()
    assert "session=s1" in out.getvalue()


@pytest.mark.parametrize(("level", "count"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_a_level_lets_through_what_is_above(level, count: int):
    out = io.StringIO()
    logs.configure(level, "json", out)
    log = structlog.get_logger()
    for name in ("debug", "info", "warning", "error"):
        getattr(log, name)("x")
    assert len(out.getvalue().splitlines()) == count


@pytest.mark.parametrize("shape", ["json", "console"])
def test_no_value_begins_a_line_or_moves_the_cursor(shape):
    out = io.StringIO()
    logs.configure("info", shape, out)
    structlog.get_logger().info("event " + TRICK, user=TRICK, nested={"k": [TRICK]}, error=ValueError(TRICK))
    logging.getLogger("library").warning("text %s", TRICK)
    text = out.getvalue()
    assert len(text.split("\n")) == 3  # two lines, each with its end
    assert text.replace("\n", "").isprintable()


@pytest.mark.parametrize("shape", ["json", "console"])
def test_secrets_do_not_get_through(shape):
    out = io.StringIO()
    logs.configure("debug", shape, out)
    log = structlog.get_logger()
    log.info("at wss://h/?s=hidden", password="hidden", key=SecretStr("hidden"), url=URL("wss://u:hidden@h/?hidden"))
    log.info("x", nested={"token": "hidden", "list": [URL("http://h/?hidden"), b"hidden"]})
    logging.getLogger("aiohttp.server").error("request %s", "http://h/?hidden", extra={"ticket": "hidden"})
    try:
        raise ValueError("wss://h/?hidden")
    except ValueError:
        log.exception("failed")
    assert out.getvalue().count("\n") >= 4
    assert "ValueError" in out.getvalue()
    assert "s=hidden" not in out.getvalue()
    assert "?hidden" not in out.getvalue().replace('"wss://h/?hidden"', "")
    assert "'hidden'" not in out.getvalue()


def test_a_traceback_on_a_terminal_stays_indented():
    out = io.StringIO()
    logs.configure("info", "console", out)
    try:
        raise ValueError("x\n2026-01-01 [info] forged")
    except ValueError:
        structlog.get_logger().exception("failed")
    first, *rest = out.getvalue().rstrip("\n").split("\n")
    assert "failed" in first
    assert all(line.startswith("    ") for line in rest)


def test_chatty_libraries_are_heard_from_warning_on():
    out = io.StringIO()
    logs.configure("debug", "json", out)
    logging.getLogger("aiohttp.access").info("GET /")
    logging.getLogger("asyncio").warning("slow")
    assert [json.loads(line)["event"] for line in out.getvalue().splitlines()] == ["slow"]


def test_fields_bound_to_a_task_are_in_its_lines():
    out = io.StringIO()
    logs.configure("info", "json", out)
    with structlog.contextvars.bound_contextvars(session="s1"):
        structlog.get_logger().info("x")
        logging.getLogger("library").warning("y")
    assert [json.loads(line)["session"] for line in out.getvalue().splitlines()] == ["s1", "s1"]


def test_each_json_line_says_which_replica_wrote_it():
    out = io.StringIO()
    logs.configure("info", "json", out)
    structlog.get_logger().info("x", replica="somebody-else")
    logging.getLogger("library").warning("y")
    assert [json.loads(line)["replica"] for line in out.getvalue().splitlines()] == [replica(), replica()]
    assert re.fullmatch(rf".+-{os.getpid()}-[0-9a-f]{{6}}", replica())


def test_a_second_call_replaces_the_first():
    first, second = io.StringIO(), io.StringIO()
    logs.configure("info", "json", first)
    log = structlog.get_logger()
    log.info("one")
    logs.configure("info", "json", second)
    log.info("two")
    assert "two" not in first.getvalue()
    assert "two" in second.getvalue()
