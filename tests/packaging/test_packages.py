"""What sdist and wheel carry, and that neither needs npm (product.md, "From nothing to a running console")."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from support.components import missing_is_failure

from gateway.compiled import loader

ROOT = Path(__file__).parents[2]
LEFT_OUT = (".git", ".venv", "node_modules", ".artifacts", "__pycache__", ".*_cache", ".hypothesis", "dist")
PAGE = {"console.html", "console.js", "page.css", "novnc.js", "novnc.LICENSE.txt", "client.js", "endings.js"}
PAGE |= {"operator.html", "operator.js", "operator.css"}


def copy(to: Path, *, built: bool) -> Path:
    ignored = LEFT_OUT if built else (*LEFT_OUT, "static")
    shutil.copytree(ROOT, to, ignore=shutil.ignore_patterns(*ignored))
    return to


def run(*command: str, cwd: Path, npm: bool) -> subprocess.CompletedProcess[str]:
    """Run with or without Node.js on PATH; what it says comes back, good or bad."""
    environment = dict(os.environ)
    if not npm:
        environment["PATH"] = str(Path(sys.executable).parent)
        assert shutil.which("npm", path=environment["PATH"]) is None
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=100, check=False)


def page_in(names: list[str]) -> set[str]:
    return {Path(name).name for name in names if "gateway/web/static/" in name}


def from_index(result: subprocess.CompletedProcess[str]) -> None:
    """Without a network there is nothing to be shown here."""
    if result.returncode == 0:
        return
    said = result.stdout + result.stderr
    unreachable = (
        "No matching distribution",
        "Temporary failure",
        "Connection",
        "ENOTFOUND",
        "ECONNREFUSED",
        "EAI_AGAIN",
    )
    if any(word in said for word in unreachable) and not missing_is_failure():
        pytest.skip("the package index cannot be reached")
    pytest.fail(said[-3000:])


def test_an_sdist_becomes_a_wheel_without_npm(tmp_path):
    tree = copy(tmp_path / "tree", built=True)
    from_index(run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path), cwd=tree, npm=True))
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = archive.getnames()
        archive.extractall(tmp_path / "unpacked", filter="data")
    assert page_in(names) >= PAGE
    assert not [name for name in names if "node_modules" in name or name.endswith(".so")]
    assert {Path(name).name for name in names} >= {"hatch_build.py", "tight.py", "tight.pxd"}
    (tree,) = (tmp_path / "unpacked").iterdir()
    result = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path), cwd=tree, npm=False)
    assert result.returncode == 0, result.stderr
    (line,) = [line for line in (result.stdout + result.stderr).splitlines() if "interpreted" in line]
    assert "no C compiler" in line
    (wheel,) = tmp_path.glob("*-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        licences = archive.read("gateway/web/static/novnc.LICENSE.txt").decode()
    assert page_in(names) >= PAGE
    assert {Path(name).name for name in names if "/licenses/" in name} == {"LICENSE", "NOTICE"}
    assert "Mozilla Public License" in licences
    assert "Vitaly Puzrin" in licences


def test_a_clone_becomes_a_wheel_on_a_machine_without_npm(tmp_path):
    """The hook asks for Node.js from the Python package index. A compiled framing that is there is carried along."""
    tree = copy(tmp_path / "tree", built=False)
    from_index(run(sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", str(tmp_path), ".", cwd=tree, npm=False))
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert page_in(names) >= PAGE
    carried = {Path(name).name for name in names if name.endswith(".so")}
    assert carried == {file.name for file in loader.built(tree).values()}
    assert wheel.name.endswith("-py3-none-any.whl") is not bool(carried)
