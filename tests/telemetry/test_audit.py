"""What a line holds, how lines are chained, and what becomes of acts while none can be written."""

import json

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from support.audit import Paper, chained

from gateway.errors import AuditUnwritable
from gateway.telemetry.audit import COMMON, Audit
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.trail import MAX_LINE


class Desk:
    def __init__(self, *, refuse: bool = True, last: bytes = b"") -> None:
        self.paper = Paper(last)
        self.metrics = Metrics(CollectorRegistry())
        lost = self.metrics.audit_lines_lost
        self.audit = Audit(self.paper, replica="here", refuse=refuse, lost=lost, clock=lambda: 1_700_000_000.25)

    @property
    def lost(self) -> float:
        return self.metrics.audit_lines_lost._value.get()


def test_a_line_says_who_did_what_where_and_when() -> None:
    desk = Desk()
    desk.audit.write("session_opened", actor="ana", console="lab/vm", rights={"control": True}, outcome="done")
    (line,) = chained(desk.paper.lines)
    assert line["time"] == "2023-11-14T22:13:20.250+00:00"
    assert (line["schema"], line["replica"], line["act"], line["actor"]) == (1, "here", "session_opened", "ana")
    assert line["rights"] == {"control": True}
    assert set(COMMON) <= set(line)
    assert line["source"] is None


def test_each_line_carries_the_hash_of_the_one_before() -> None:
    desk = Desk()
    for count in range(5):
        desk.audit.note("input_dropped", count=count)
    assert [line["count"] for line in chained(desk.paper.lines)] == list(range(5))


@pytest.mark.parametrize("change", ["changed", "left out", "added", "swapped"])
def test_whatever_is_done_to_a_line_breaks_the_chain(change: str) -> None:
    desk = Desk()
    for count in range(4):
        desk.audit.note("input_dropped", count=count)
    lines = desk.paper.lines
    if change == "changed":
        lines[1] = lines[1].replace(b'"count":1', b'"count":7')
    elif change == "left out":
        del lines[1]
    elif change == "added":
        lines.insert(1, lines[1])
    else:
        lines[1:3] = lines[2:0:-1]
    with pytest.raises(AssertionError, match="broken"):
        chained(lines)


def test_a_new_process_goes_on_with_the_chain_that_it_finds() -> None:
    first = Desk()
    first.audit.note("stop")
    second = Desk(last=first.paper.lines[-1])
    second.audit.note("start")
    assert [line["act"] for line in chained(first.paper.lines + second.paper.lines)] == ["stop", "start"]


def test_a_chain_goes_on_from_a_line_that_is_none_of_ours() -> None:
    desk = Desk(last=b"somebody's note")
    desk.audit.note("start")
    assert json.loads(desk.paper.lines[0])["seq"] == 1


def test_no_value_can_begin_a_line_of_its_own() -> None:
    desk = Desk()
    desk.audit.note("ticket_refused", actor='x"}\n{"act":"session_opened"\r\u2028\x1b[2J\u202e', why="unknown")
    (line,) = desk.paper.lines
    assert line.isascii()
    assert line.decode().isprintable()
    assert json.loads(line)["act"] == "ticket_refused"


def test_secrets_do_not_pass_even_where_they_are_handed_over() -> None:
    desk = Desk()
    secret = SecretStr("hunter2")
    desk.audit.note("ticket_refused", actor=secret, reference="https://u:hunter2@x/?ticket=hunter2")  # type: ignore[typeddict-item]  # the point
    assert b"hunter2" not in desk.paper.lines[0]


def test_a_line_is_never_longer_than_what_a_pipe_takes_at_once() -> None:
    desk = Desk()
    long = "\U0001f512" * 5000
    desk.audit.note("ticket_refused", actor=long, source=long, reference=long, console=long, grant=long, user=long)
    (line,) = desk.paper.lines
    assert len(line) <= MAX_LINE


def test_an_act_that_needs_its_line_is_refused_without_it_and_nothing_new_is_opened() -> None:
    desk = Desk()
    desk.paper.full = True
    with pytest.raises(AuditUnwritable):
        desk.audit.write("ticket_redeemed", actor="ana")
    assert not desk.audit.ready
    assert desk.lost == 1


def test_what_has_happened_anyway_does_not_fail_for_want_of_a_line() -> None:
    desk = Desk()
    desk.paper.full = True
    desk.audit.note("session_ended", actor="ana")
    assert not desk.audit.ready


def test_the_trail_says_how_many_lines_it_misses_once_it_can_be_written_again() -> None:
    desk = Desk()
    desk.audit.note("start")
    desk.paper.full = True
    desk.audit.note("splice")
    desk.audit.note("splice")
    desk.paper.full = False
    assert desk.audit.ready
    desk.audit.write("session_opened")
    start, resumed, opened = chained(desk.paper.lines)
    assert (start["act"], resumed["act"], resumed["count"], opened["act"]) == (
        "start",
        "audit_resumed",
        2,
        "session_opened",
    )


def test_an_operator_may_choose_to_go_on_without_lines() -> None:
    desk = Desk(refuse=False)
    desk.paper.full = True
    desk.audit.write("session_opened")
    assert desk.audit.ready
    assert desk.lost == 1
