"""`vnc-gateway sessions`: what is asked of the admin API, and how its answers are shown."""

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest

from gateway.access.grants import Grant
from gateway.app.remote import AdminApi
from gateway.sessions.records import Passed, SessionRecord
from gateway.web.session_api import described

KEY = {"VNC_GATEWAY_ADMIN_KEY": "k"}
PLAIN = {"COLUMNS": "200", "LINES": "50", "TERM": "dumb"}


def session(id_: str = "s1", *, user: str = "ana", last_input_at: float | None = None) -> dict[str, Any]:
    record = SessionRecord(
        Grant(id_, "lab/vm", user, 2_000_000_000, reference="CHG-17 [red]"),
        source="10.0.0.7",
        replica="blue",
        state="open",
        started_at=time.time() - 7265,
        upstream="tcp://10.0.0.5:5901",
        splices=2,
        passed=Passed(1_500_000, 400, 30, 20),
        per_second=Passed(25_000, 6.7, 0.5, 0.3),
        last_input_at=last_input_at,
    )
    return described(record)


class Api:
    """The admin API as `vnc-gateway` asks it: gives `answers` in order, and keeps what was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: dict[str, Any]) -> None:
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        left = list(answers)

        async def ask(
            _: AdminApi, method: str, path: str, body: object = None, query: Mapping[str, str] | None = None
        ) -> dict[str, Any]:
            self.asked.append((method, path, dict(query or {})))
            return left.pop(0) if left else {}

        monkeypatch.setattr(AdminApi, "_ask", ask)


def test_a_pipe_gets_a_line_with_tabs_for_each_session(command, monkeypatch):
    Api(monkeypatch, {"sessions": [session(), session("s2", user="bob", last_input_at=1_800_000_000)]})
    first, second = (line.split("\t") for line in command("sessions", "list", **KEY).out.splitlines())
    assert first[:5] == ["s1", "open", "lab/vm", "ana", "10.0.0.7"]
    assert first[6:] == ["", "blue", "CHG-17 [red]"]
    assert second[6] == "2027-01-15T08:00:00+00:00"


def test_a_terminal_gets_a_table_in_which_no_value_is_markup(command, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    Api(monkeypatch, {"sessions": [session(last_input_at=time.time() - 90_100)]})
    heading, _, row = command("sessions", "list", **PLAIN, **KEY).out.strip().splitlines()
    assert heading.split()[:4] == ["id", "state", "console", "user"]
    for cell in ("s1", "lab/vm", "ana", "2 h 1 min", "1 d 1 h", "25.0 kB/s", "blue", "CHG-17 [red]"):
        assert cell in row


def test_a_session_is_shown_as_json_or_as_a_table(command, monkeypatch, capsys):
    one = session(last_input_at=time.time())
    Api(monkeypatch, one, one, one)
    assert json.loads(command("sessions", "show", "s1", **KEY).out) == one
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert json.loads(command("sessions", "show", "s1", "--json", **KEY).out) == one
    shown = command("sessions", "show", "s1", **PLAIN, **KEY).out
    for text in ("tcp://10.0.0.5:5901", "clipboard: both", "1.5 MB in 30 messages", "2 h 1 min ago", "CHG-17 [red]"):
        assert text in shown


def test_all_pages_are_one_list_and_filters_go_with_each(command, monkeypatch):
    api = Api(monkeypatch, {"sessions": [session("s1")], "next": "c2"}, {"sessions": [session("s2")]})
    listed = command("sessions", "list", "--user", "ana", "--reference", "CHG-17", "--json", **KEY)
    assert [one["id"] for one in json.loads(listed.out)["sessions"]] == ["s1", "s2"]
    wanted = {"user": "ana", "reference": "CHG-17"}
    assert api.asked == [("GET", "/sessions", wanted), ("GET", "/sessions", wanted | {"cursor": "c2"})]


def test_a_list_without_the_other_replicas_says_so(command, monkeypatch):
    Api(monkeypatch, {"sessions": [], "state": "away"})
    listed = command("sessions", "list", **KEY)
    assert (listed.code, listed.out) == (0, "")
    assert listed.err == "warning: the shared state is away: these are the sessions of one replica\n"


def test_one_session_ends_or_all_with_a_value(command, monkeypatch):
    api = Api(monkeypatch)
    assert command("sessions", "end", "a/b", **KEY).code == 0
    assert command("sessions", "end", "--user", "ana", **KEY).code == 0
    assert api.asked == [("DELETE", "/sessions/a%2Fb", {}), ("DELETE", "/sessions", {"user": "ana"})]


@pytest.mark.parametrize("arguments", [(), ("s1", "--user", "ana")])
def test_nobody_ends_sessions_by_a_slip(command, monkeypatch, arguments):
    api = Api(monkeypatch)
    assert command("sessions", "end", *arguments, **KEY).code == 2
    assert api.asked == []


def test_a_narrow_terminal_shows_who_is_where_and_no_more(command, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    one = session("0123456789abcdef", user="ana.b") | {"console": "hangzhou/i-bp1abcdefghij"}
    Api(monkeypatch, {"sessions": [one]})
    heading, _, row = command("sessions", "list", **{**PLAIN, "COLUMNS": "80"}, **KEY).out.strip().splitlines()
    assert heading.split() == ["id", "state", "console", "user", "open", "input"]
    assert row.split()[:4] == ["0123456789abcdef", "open", "hangzhou/i-bp1abcdefghij", "ana.b"]
