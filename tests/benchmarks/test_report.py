"""The pages say what results.json says."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import report
from benchmarks.growth import SWEEPS
from benchmarks.rows import ROWS
from benchmarks.sizing import nodes
from benchmarks.summary import machine, merged
from benchmarks.verdicts import TIMES

ROOT = Path(__file__).parents[2]


def figure(median: float) -> dict[str, float]:
    return {"median": median, "spread": 0.1}


def row(name: str, cost: float, **more: Any) -> dict[str, Any]:
    figures = {
        "gateway": {"cost": figure(cost), "bare": figure(64), "p99": figure(3), "lag": figure(5)},
        "nginx-256k": {"cost": figure(1)},
    }
    verdict = {
        "what": "cost",
        "limit": f"≤ 1.5 {TIMES} nginx-256k, aim 1",
        "measured": f"{cost:.2f} ± 0.10",
        "state": "missed",
    }
    ratios = {"nginx-256k": figure(cost)}
    common = {"title": ROWS[name].title, "unit": ROWS[name].cost, "figures": figures, "ratios": ratios}
    return {**common, "verdicts": [verdict], "failures": {}, "samples": {}, **more}


def results(**rows: Any) -> dict[str, Any]:
    names = ("input", "office", "office-tls", "idle-tls", "connect-tls")
    return {
        "machine": {"cores": 2, "uvloop": "0.23"},
        "rows": {name: row(name, 3) for name in names} | rows,
        "growth": {},
    }


@pytest.mark.parametrize("page", [pytest.param(page, id=str(page)) for page in report.PAGES])
def test_a_page_agrees_with_the_committed_results(page: Path) -> None:
    text = (ROOT / page).read_text()
    assert report.filled(text, report.committed()) == text, "make bench-report writes it"


def test_the_plots_agree_with_the_committed_results() -> None:
    found = report.committed()
    if found is None:
        pytest.skip("there are no results.json yet")
    for name, picture in report.plots(found).items():
        assert (ROOT / report.PLOTS / f"{name}.svg").read_text() == picture, "make bench-report writes it"


def test_a_page_without_results_says_so() -> None:
    page = "before\n<!-- benchmarks:targets -->\nold\n<!-- /benchmarks -->\nafter\n"
    assert report.filled(page, None) == page.replace("old", report.NOTHING)


def test_a_miss_is_marked_in_the_table() -> None:
    table = report.targets(results())
    assert "| input: 100 sessions, pointer and update | 3 ± 0.1 µs / trip | 1 ± 0.1 µs / trip | cost |" in table
    assert "**missed**" in table


def test_rows_without_figures_are_named_and_not_left_out() -> None:
    (line,) = [line for line in report.targets(results()).splitlines() if line.startswith("| long: ")]
    assert line.endswith("| not measured |")


def test_a_relay_that_failed_is_named_with_its_reason() -> None:
    broken = row("tight-1k", 2, failures={"haproxy": "load: session 0: byte 1 of 2 is 00, and 01 was sent"})
    assert "| tight-1k | haproxy | load: session 0: byte 1 of 2 is 00, and 01 was sent |" in report.costs(
        results(**{"tight-1k": broken})
    )


def test_every_part_is_made_of_results_alone() -> None:
    assert all(make(results()) for name, make in report.PARTS.items() if name != "pictures")


def test_growth_is_drawn_for_every_sweep_and_for_the_length_of_a_session() -> None:
    line = {"cpu": [[1, 2], [2, 3]], "memory": [[1, 2], [2, 3]]}
    grown = {
        name: {"title": "t", "x": "x", "cpu": "c", "subjects": {"gateway": line}, "failures": {}} for name in SWEEPS
    }
    long = row("long", 1, samples={"gateway": [[1, 2, 3], [2, 2, 3]]})
    found = report.plots({**results(long=long), "growth": grown})
    assert set(found) == {*SWEEPS, "length", "ratios"}


def test_a_node_holds_what_its_cores_do_at_the_planned_load() -> None:
    rows = results()["rows"]
    rows["office"]["figures"]["gateway"]["cost"] = figure(30)  # % of a core for 300 sessions
    one, sixteen, _ = nodes(rows)
    assert one.plain == pytest.approx(600)  # 60 % of a core at 0.1 % each
    assert sixteen.plain == pytest.approx(600 * 15 * 0.85)


def test_nothing_is_computed_from_rows_that_were_not_measured() -> None:
    assert nodes({}) == []


def test_a_row_that_is_measured_again_replaces_only_itself() -> None:
    before = results()
    again = merged(before, {"machine": before["machine"], "rows": {"input": row("input", 9)}, "growth": {}})
    assert again["rows"]["input"]["ratios"]["nginx-256k"]["median"] == 9
    assert again["rows"]["office"] == before["rows"]["office"]


def test_results_of_another_machine_are_not_mixed_in() -> None:
    before = results()
    again = merged(before, {"machine": {"cores": 64}, "rows": {}, "growth": {}})
    assert again["rows"] == {}


def test_the_machine_is_described() -> None:
    assert {"cores", "kernel", "Python", "Python built with PGO", "uvloop", "OpenSSL", "nginx", "HAProxy"} <= set(
        machine()
    )
