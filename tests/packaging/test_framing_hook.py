"""When the framing is compiled, and what is said if it can't be (hatch_build.py)."""

import importlib.util
import shutil
from pathlib import Path

import pytest

from gateway.compiled import loader

ROOT = Path(__file__).parents[2]


class App:
    """hatchling's application, as far as the hook uses it."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def display_warning(self, message: str) -> None:
        self.said.append(message)

    def abort(self, message: str = "") -> None:
        pytest.fail(f"an install never fails for want of a compiled framing: {message}")


@pytest.fixture(scope="module")
def module():
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture
def tree(tmp_path):
    """The sources, with a page and without compiled modules."""
    left_out = shutil.ignore_patterns("__pycache__", "node_modules", "*.so")
    for name in ("web", "gateway"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=left_out)
    shutil.copy(ROOT / "hatch_build.py", tmp_path)
    for folder in (tmp_path / "gateway" / "compiled").iterdir():
        if folder.is_dir():
            shutil.rmtree(folder)
    return tmp_path


@pytest.fixture
def app():
    return App()


def hook_for(target, module, tree, app, monkeypatch):
    """One that has its page."""
    made = module.BuildHook(str(tree), {}, None, None, "", target, app)
    monkeypatch.setattr(type(made._page), "dependencies", lambda self: [])
    monkeypatch.setattr(type(made._page), "initialize", lambda self, version, data: None)
    return made


@pytest.fixture
def hook(module, tree, app, monkeypatch):
    return hook_for("wheel", module, tree, app, monkeypatch)


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    """Sets what CC names: a program that does this."""

    def set_to(body: str) -> None:
        file = tmp_path / "cc"
        file.write_text(f"#!/bin/sh\n{body}\n")
        file.chmod(0o755)
        monkeypatch.setenv("CC", str(file))

    return set_to


def initialized(hook, version: str = "standard") -> dict:
    data = {"artifacts": []}
    hook.initialize(version, data)
    return data


@pytest.fixture
def compiles(module, compiler, monkeypatch):
    """A machine on which compilation works, or nearly: the modules come out with their names in them."""

    def run(command: list[str], directory: str) -> None:
        for name in command[3:]:
            Path(command[2], f"{name}{loader.SUFFIX}").write_bytes(name.encode())

    compiler("exit 0")
    monkeypatch.setattr(module, "_run", run)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())


def test_a_wheel_that_carries_it_is_for_this_platform(hook, tree, app, compiles):
    data = initialized(hook)
    assert data["infer_tag"]
    assert not data["pure_python"]
    files = loader.built(tree)
    assert sorted(files) == sorted(loader.MODULES)
    (folder,) = {file.parent for file in files.values()}
    assert data["artifacts"] == [f"/{folder.relative_to(tree)}/*{loader.SUFFIX}"]
    assert not app.said


def test_an_editable_install_has_it_beside_the_source(hook, tree, compiles):
    assert initialized(hook, "editable") == {"artifacts": []}
    assert loader.built(tree)


def test_it_is_compiled_once_and_again_after_a_change(module, hook, tree, compiles, monkeypatch):
    assert hook.dependencies() == list(module.TOOLS)
    initialized(hook)
    before = loader.built_in(tree)
    assert hook.dependencies() == []
    file = loader.source(tree, loader.MODULES[0])
    file.write_text(file.read_text() + "\n")
    assert hook.dependencies() == list(module.TOOLS)
    initialized(hook)
    assert loader.built(tree)
    assert not before.exists()


def test_an_sdist_has_sources_only(module, tree, app, compiles, monkeypatch):
    hook = hook_for("sdist", module, tree, app, monkeypatch)
    assert hook.dependencies() == []
    assert initialized(hook) == {"artifacts": []}
    assert not loader.built(tree)


def test_without_a_compiler_one_line_says_so_and_the_install_goes_on(hook, tree, app, monkeypatch):
    monkeypatch.setenv("CC", "/nonexistent/cc -pipe")
    assert hook.dependencies() == []
    assert initialized(hook) == {"artifacts": []}
    assert app.said == ["vnc-gateway: the framing will be interpreted: no C compiler (/nonexistent/cc)"]


def test_without_headers_one_line_says_what_to_install(module, hook, app, compiler, tmp_path, monkeypatch):
    compiler("exit 0")
    monkeypatch.setattr(module.sysconfig, "get_path", lambda name: str(tmp_path / "nowhere"))
    assert initialized(hook) == {"artifacts": []}
    (line,) = app.said
    assert "no Python.h" in line


def test_without_cython_one_line_says_so(hook, app, compiler, monkeypatch):
    compiler("exit 0")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert initialized(hook) == {"artifacts": []}
    (line,) = app.said
    assert "no Cython" in line


def test_a_compilation_that_fails_is_one_line_with_its_cause(module, hook, tree, app, compiler, monkeypatch):
    compiler("exit 0")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(module.sys, "executable", str(tree / "cc"))
    compiler("echo building; echo 'x.c:1:1: error: no such thing'; echo bye; exit 1")
    assert initialized(hook) == {"artifacts": []}
    assert app.said == ["vnc-gateway: the framing will be interpreted: x.c:1:1: error: no such thing"]
    assert not loader.built(tree)
