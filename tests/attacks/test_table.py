"""SECURITY.md names a test for each attack: the tests are there, under these names."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = sorted(set(re.findall(r"`(tests/\S+\.py(?:::\w+)?)`", (ROOT / "SECURITY.md").read_text())))


def names_in(file: Path) -> set[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    names = {node.name for node in ast.parse(file.read_text()).body if isinstance(node, kinds)}
    return {name for name in names if name.startswith("test_")}


@pytest.mark.parametrize("name", NAMED)
def test_a_test_that_security_md_names_exists(name: str) -> None:
    file, _, function = name.partition("::")
    assert (function or next(iter(names_in(ROOT / file)))) in names_in(ROOT / file)


def test_every_file_of_attacks_is_named() -> None:
    files = {f"tests/attacks/{file.name}" for file in Path(__file__).parent.glob("test_*.py")}
    assert files - {name.partition("::")[0] for name in NAMED} == {"tests/attacks/test_table.py"}
