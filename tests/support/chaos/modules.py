"""The JavaScript that the tests need: noVNC as the page's lock file pins it, and our own client's few packages.

Both are installed by npm where package.json is, only when they are not there yet; git ignores them.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from support.components import missing_is_failure, program

ROOT = Path(__file__).parents[3]
CLIENT = Path(__file__).with_name("node")
_PATIENCE = 300  # seconds: a slow network, not a dead one


def novnc() -> Path:
    """The directory of the real noVNC, the version that the console page is built from."""
    return _installed(ROOT / "web", "@novnc/novnc")


def client() -> Path:
    """The directory of our client without a browser."""
    for name in json.loads((CLIENT / "package.json").read_text())["dependencies"]:
        _installed(CLIENT, name)
    return CLIENT


def _installed(directory: Path, name: str) -> Path:
    """Where npm has put `name`, in the version that `directory`'s lock file says. Skips the test where it cannot."""
    place = directory / "node_modules" / name
    lock = json.loads((directory / "package-lock.json").read_text())
    wanted = lock["packages"][f"node_modules/{name}"]["version"]
    if _version(place) != wanted:
        command = [program("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(
            command, cwd=directory, env=os.environ, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
        if done.returncode:
            give_up = pytest.fail if missing_is_failure() else pytest.skip
            give_up(f"npm cannot install {name}: {done.stderr.strip()[-300:]}")
    return place


def _version(place: Path) -> str | None:
    try:
        return str(json.loads((place / "package.json").read_text())["version"])
    except OSError:
        return None
