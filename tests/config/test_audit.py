"""[audit]."""

from pathlib import Path

import pytest

from gateway.config.load import build
from gateway.errors import ConfigurationError


def test_by_default_lines_go_to_standard_output_and_nothing_is_opened_without_them() -> None:
    audit = build({"access": {"mode": "open"}}, {}).audit
    assert (audit.target, audit.file, audit.on_failure) == ("stdout", None, "refuse")


def test_a_file_is_named_by_its_path() -> None:
    table = {"target": "file", "file": "audit.jsonl", "on_failure": "continue"}
    assert build({"access": {"mode": "open"}, "audit": table}, {}).audit.file == Path("audit.jsonl")


def test_a_file_without_a_path_is_a_fault() -> None:
    with pytest.raises(ConfigurationError, match='audit: target "file" needs its path'):
        build({"access": {"mode": "open"}, "audit": {"target": "file"}}, {})
