"""When the compiled framing is used: only where it was built from the very sources that are there."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.compiled import loader

ROOT = Path(__file__).parents[2]

TELL = (
    "from gateway.compiled import loader; import gateway.rfb.updates as updates;"
    "print(loader.framing(), updates.__file__)"
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The sources alone."""
    left_out = shutil.ignore_patterns("__pycache__", "static", "*.so")
    shutil.copytree(ROOT / "gateway", tmp_path / "gateway", ignore=left_out)
    return tmp_path


def pretend_built(tree: Path) -> None:
    folder = loader.built_in(tree)
    folder.mkdir(exist_ok=True)
    for module in loader.MODULES:
        (folder / f"{module}{loader.SUFFIX}").write_bytes(b"")


def told(tree: Path, before: str = "") -> str:
    command = [sys.executable, "-c", before + TELL]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=60, check=True).stdout.strip()


def test_what_was_built_from_these_sources_is_found(tree: Path) -> None:
    assert loader.built(tree) == {}
    pretend_built(tree)
    assert sorted(loader.built(tree)) == sorted(loader.MODULES)


@pytest.mark.parametrize("module", [*loader.MODULES, *loader.INLINED])
@pytest.mark.parametrize("suffix", [".py", ".pxd"])
def test_a_change_in_any_source_makes_it_stale(tree: Path, module: str, suffix: str) -> None:
    pretend_built(tree)
    file = loader.source(tree, module).with_suffix(suffix)
    file.write_text(file.read_text() + "\n")
    assert loader.built(tree) == {}


def test_one_missing_file_leaves_all_interpreted(tree: Path) -> None:
    pretend_built(tree)
    (loader.built_in(tree) / f"{loader.MODULES[-1]}{loader.SUFFIX}").unlink()
    assert loader.built(tree) == {}


def test_sources_that_are_gone_leave_nothing_to_trust(tree: Path) -> None:
    pretend_built(tree)
    loader.source(tree, loader.MODULES[0]).unlink()
    assert loader.built(tree) == {}


def test_a_tree_without_a_build_is_interpreted_and_says_so(tree: Path) -> None:
    assert told(tree) == f"interpreted {tree / 'gateway' / 'rfb' / 'updates.py'}"


def test_a_stale_build_is_not_imported(tree: Path) -> None:
    """Its files are no libraries at all: a try would fail."""
    pretend_built(tree)
    file = loader.source(tree, "gateway.rfb.framing")
    file.write_text(file.read_text() + "\n")
    assert told(tree).startswith("interpreted ")


def test_a_fresh_build_is_imported(tree: Path) -> None:
    """The negative control of the last one: the same files are tried, and fail."""
    pretend_built(tree)
    with pytest.raises(subprocess.CalledProcessError) as failed:
        told(tree)
    assert "ImportError" in failed.value.stderr
