"""Hooks that every test shares: missing components are named, figures told at the end, logs of failed tests kept."""

import re
import shutil
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from support.components import install_command, missing, missing_is_failure

from gateway.compiled.loader import framing

ARTIFACTS = Path(__file__).parent / ".artifacts"
# What a test tells for the end of the run goes with its report, which may come from another process.
MISSING = "missing"
FIGURE = "figure"

_failed = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*components): real components that the test runs against")


def pytest_report_header() -> str:
    return f"framing: {framing()}"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip by name what cannot run here; under CI=true fail it."""
    names = dict.fromkeys(name for mark in item.iter_markers("needs") for name in mark.args)
    absent = missing(names)
    if not absent:
        return
    reason = f"{', '.join(absent)} missing: {install_command(absent)}"
    if missing_is_failure():
        pytest.fail(reason, pytrace=False)
    item.user_properties.extend((MISSING, name) for name in absent)
    pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    figures = [*_told(terminalreporter, "passed", FIGURE), *_told(terminalreporter, "failed", FIGURE)]
    if figures:
        terminalreporter.section("figures")
        for line in figures:
            terminalreporter.write_line(line)
    absent = Counter(_told(terminalreporter, "skipped", MISSING))
    if not absent:
        return
    counts = ", ".join(f"{name} ({count} tests)" for name, count in sorted(absent.items()))
    terminalreporter.section("missing components")
    terminalreporter.write_line(f"skipped for want of: {counts}")
    terminalreporter.write_line(f"install with: {install_command(sorted(absent))}")


def _told(terminalreporter: pytest.TerminalReporter, outcome: str, what: str) -> list[str]:
    """What tests of this outcome have recorded under the name `what`."""
    reports = terminalreporter.stats.get(outcome, [])
    return [str(value) for report in reports for name, value in report.user_properties if name == what]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[_failed] = item.stash.get(_failed, False) or report.failed
    return report


@pytest.fixture
def artifacts(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A directory for the logs and pictures of one test, kept only if it fails."""
    yield from _kept_on_failure(request.node)


@pytest.fixture(scope="module")
def module_artifacts(request: pytest.FixtureRequest) -> Iterator[Path]:
    """The same for servers that the tests of a module share: kept if one of them fails."""
    yield from _kept_on_failure(request.node)


def _kept_on_failure(node: pytest.Item | pytest.Module) -> Iterator[Path]:
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", node.nodeid.removeprefix("tests/"))
    directory = ARTIFACTS / name[-150:]
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    yield directory
    tests = [item for item in node.session.items if node in item.listchain()]
    if not any(item.stash.get(_failed, False) for item in tests):
        shutil.rmtree(directory, ignore_errors=True)
