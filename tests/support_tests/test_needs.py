"""The `needs` marker, seen from outside: a run of pytest on a machine without the component."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
CASE = """
from support.components import needs

@needs("qemu")
def test_console():
    pass

@needs("qemu", "xterm")
def test_desktop():
    pass

def test_plain():
    pass
"""


def run_pytest(tmp_path: Path, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run CASE under our conftest with nothing on PATH."""
    shutil.copy(TESTS / "conftest.py", tmp_path / "conftest.py")
    (tmp_path / "test_case.py").write_text(CASE)
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        "-q",
        "test_case.py",
        *options,
    ]
    environment = {"PATH": "", "PYTHONPATH": str(TESTS), **env}
    return subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("processes", ["0", "2"])
def test_missing_components_skip_by_name_and_are_counted(tmp_path: Path, processes: str) -> None:
    result = run_pytest(tmp_path, "-n", processes)
    assert result.returncode == 0, result.stdout
    assert "1 passed, 2 skipped" in result.stdout
    assert "skipped for want of: qemu (2 tests), xterm (1 tests)" in result.stdout
    assert "install with: sudo apt-get install -y qemu-system-x86 xterm" in result.stdout


def test_under_ci_a_missing_component_is_a_failure(tmp_path: Path) -> None:
    result = run_pytest(tmp_path, CI="true")
    assert result.returncode == pytest.ExitCode.TESTS_FAILED
    assert "qemu missing: sudo apt-get install -y qemu-system-x86" in result.stdout
