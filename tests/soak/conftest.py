"""Prints the figures of the soak below the tests' own report."""

import pytest
from support.soak import FIGURES


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if FIGURES:
        terminalreporter.section("soak")
        for line in FIGURES:
            terminalreporter.write_line(line)
