"""Real components that tests run against: their names, how they are found, and how to install them.

A test says what it needs with ``@needs("qemu", "xterm")``. The hooks in tests/conftest.py skip it by name
where a component is missing, and fail it instead under CI=true. Nothing here starts anything: that is
`support.programs` and `support.servers`.
"""

import importlib.util
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass

import pytest


@dataclass(frozen=True, slots=True)
class Component:
    """A program found on PATH (any of `programs`), an importable Python `module`, or a `file` to compile with."""

    name: str
    package: str
    programs: tuple[str, ...] = ()
    module: str | None = None
    file: str | None = None

    def path(self) -> str | None:
        """Where the program is, None if it is not installed."""
        found = (shutil.which(program) for program in self.programs)
        return next((path for path in found if path), None)

    @property
    def present(self) -> bool:
        if self.module is not None:
            return importlib.util.find_spec(self.module) is not None
        if self.file is not None:
            return os.path.exists(self.file)
        return self.path() is not None

    @property
    def from_pip(self) -> bool:
        return self.module is not None


_ALL = (
    Component("qemu", "qemu-system-x86", programs=("qemu-system-x86_64",)),
    Component("xvnc", "tigervnc-standalone-server", programs=("Xtigervnc", "Xvnc")),
    Component("vncviewer", "tigervnc-viewer", programs=("xtigervncviewer", "vncviewer")),
    Component("x11vnc", "x11vnc", programs=("x11vnc",)),
    Component("xvfb", "xvfb", programs=("Xvfb",)),
    Component("xterm", "xterm", programs=("xterm",)),
    Component("xdotool", "xdotool", programs=("xdotool",)),
    Component("xinput", "xinput", programs=("xinput",)),
    Component("chromium", "chromium", programs=("chromium", "chromium-browser")),
    Component("node", "nodejs", programs=("node",)),
    Component("npm", "npm", programs=("npm",)),
    Component("nginx", "nginx-light", programs=("nginx",)),
    Component("haproxy", "haproxy", programs=("haproxy",)),
    Component("redis", "redis-server", programs=("redis-server", "valkey-server")),
    Component("promtool", "prometheus", programs=("promtool",)),
    Component("kubectl", "kubernetes-client", programs=("kubectl",)),
    Component("systemd-analyze", "systemd", programs=("systemd-analyze",)),
    Component("cc", "gcc", programs=("cc", "gcc")),
    Component("libvncclient", "libvncserver-dev", file="/usr/include/rfb/rfbclient.h"),
    Component("nasm", "nasm", programs=("nasm",)),
    Component("websockify", "websockify", module="websockify"),
    Component("vncdotool", "vncdotool", module="vncdotool"),
    Component("asyncvnc", "asyncvnc", module="asyncvnc"),
    Component("playwright", "playwright", module="playwright"),
)
COMPONENTS = {component.name: component for component in _ALL}


def needs(*names: str) -> pytest.MarkDecorator:
    """Mark a test, class or module with the components that it needs."""
    for name in names:
        _known(name)
    return pytest.mark.needs(*names)


def program(name: str) -> str:
    """The path of a component's program, for a test that `needs` it."""
    path = _known(name).path()
    if path is None:
        raise LookupError(f"{name} is not installed: {install_command([name])}")
    return path


def missing(names: Iterable[str]) -> list[str]:
    """Those of `names` that are not installed here."""
    return [name for name in names if not _known(name).present]


def install_command(names: Iterable[str]) -> str:
    """The one command that installs all of `names` (Debian packages first, then Python ones)."""
    wanted = [_known(name) for name in names]
    debian = sorted({component.package for component in wanted if not component.from_pip})
    python = sorted({component.package for component in wanted if component.from_pip})
    commands = []
    if debian:
        commands.append("sudo apt-get install -y " + " ".join(debian))
    if python:
        commands.append("pip install " + " ".join(python))
    return " && ".join(commands)


def missing_is_failure() -> bool:
    """Under CI=true everything has been installed first, so a gap is a fault of the run."""
    return os.environ.get("CI", "").lower() == "true"


def _known(name: str) -> Component:
    try:
        return COMPONENTS[name]
    except KeyError:
        raise LookupError(f"unknown component {name!r}: add it to tests/support/components.py") from None
