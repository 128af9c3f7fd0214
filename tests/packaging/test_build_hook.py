"""When the console page is built, with which Node.js, and what is said if it cannot be (web/build_hook.py)."""

import importlib.util
import json
import os
import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class Aborted(Exception):
    """What hatchling would print before it exits."""


class App:
    """hatchling's application, as far as the hook uses it."""

    def abort(self, message: str = "") -> None:
        raise Aborted(message)


@pytest.fixture(scope="module")
def module():
    spec = importlib.util.spec_from_file_location("build_hook", ROOT / "web" / "build_hook.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture
def tree(tmp_path):
    """The sources of the page, and nothing built from them."""
    shutil.copytree(ROOT / "web", tmp_path / "web", ignore=shutil.ignore_patterns("node_modules"))
    return tmp_path


@pytest.fixture
def hook(module, tree):
    return module.PageBuildHook(str(tree), {}, None, None, "", "wheel", App())


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A PATH with nothing but what a test puts there, and the shell's own directory out of the way."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    return directory


def program(directory: Path, name: str, body: str) -> None:
    file = directory / name
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)


def built(module, hook, tree: Path) -> None:
    """Pretend that the page was built from the sources as they are."""
    made = tree / "made"
    made.mkdir()
    (made / "console.html").write_text("<!doctype html>")
    hook._put(made)


def test_a_built_page_needs_nothing(module, hook, tree, path):
    built(module, hook, tree)
    assert hook.dependencies() == []
    hook.initialize("standard", {})


def test_a_changed_source_makes_it_stale(module, hook, tree, path):
    built(module, hook, tree)
    source = tree / "web" / "src" / "console.js"
    source.write_text(source.read_text() + "// more\n")
    assert hook.dependencies() == [module.NODE_WHEEL]


def test_a_new_or_moved_source_makes_it_stale(module, hook, tree, path):
    built(module, hook, tree)
    (tree / "web" / "src" / "landing.js").rename(tree / "web" / "src" / "other.js")
    assert hook.dependencies() == [module.NODE_WHEEL]


def test_what_was_built_earlier_goes_when_it_is_built_again(module, hook, tree):
    output = tree / "gateway" / "web" / "static"
    output.mkdir(parents=True)
    (output / "old.js").write_text("")
    built(module, hook, tree)
    assert sorted(file.name for file in output.iterdir()) == [module.STAMP, "console.html"]


def test_npm_that_is_here_is_used(hook, path):
    program(path, "node", "echo v20.1.0")
    program(path, "npm", "exit 0")
    assert hook.dependencies() == []


@pytest.mark.parametrize(
    ("node", "npm"), [("echo v16.20.0", "exit 0"), ("exit 127", "exit 0"), ("echo v20.1.0", "exit 127")]
)
def test_npm_that_is_too_old_or_broken_is_not_used(module, hook, path, node, npm):
    program(path, "node", node)
    program(path, "npm", npm)
    assert hook.dependencies() == [module.NODE_WHEEL]


def test_without_any_npm_one_line_says_so(module, hook, path, monkeypatch):
    monkeypatch.setattr(module, "_wheel_npm", lambda: None)
    with pytest.raises(Aborted, match=r"^vnc-gateway: the console page cannot be built: no npm here; .*$"):
        hook.initialize("standard", {})


@pytest.mark.parametrize(
    ("output", "cause"),
    [
        ("npm error code E404\nnpm error 404 Not Found\nnpm error A complete log of this run", "404 Not Found"),
        ("npm error code ENOTFOUND\nnpm error syscall x\nnpm error request to host failed, reason: y", "reason: y"),
        ("Killed", "Killed"),
        ("", "it said nothing"),
    ],
)
def test_a_failure_is_one_line_that_names_the_cause(hook, tree, path, output, cause):
    (tree / "said").write_text(output)
    program(path, "node", "echo v20.1.0")
    program(
        path, "npm", f'[ "$1" = --version ] && exit 0; while read -r line; do echo "$line"; done < {tree}/said; exit 1'
    )
    (tree / "said").write_text(output + "\n")
    with pytest.raises(Aborted) as aborted:
        hook.initialize("standard", {})
    message = str(aborted.value)
    assert message.startswith("vnc-gateway: the console page cannot be built: npm ci failed: ")
    assert message.endswith(cause)
    assert "\n" not in message
    assert not (tree / "gateway" / "web" / "static").exists(), "never half a page"


def test_the_lock_file_names_no_registry():
    lock = (ROOT / "web" / "package-lock.json").read_text()
    assert "resolved" not in lock
    assert "://" not in lock
    packages = json.loads(lock)["packages"]
    assert all("integrity" in entry for name, entry in packages.items() if name)


@pytest.mark.parametrize("page", ["console.html", "landing.html"])
def test_pages_keep_the_content_security_policy(page):
    """No inline script or style, and nothing from elsewhere (product.md, "Page headers")."""
    text = (ROOT / "web" / "src" / page).read_text()
    assert not re.search(r"""\sstyle\s*=|\son[a-z]+\s*=|<style|<script(?![^>]*\ssrc=)|https?:|"//""", text)


def test_the_environment_is_not_changed(hook, module, tree, path):
    before = dict(os.environ)
    built(module, hook, tree)
    hook.initialize("standard", {})
    assert dict(os.environ) == before
