"""The unit, as systemd understands it, and how little of the machine it leaves to the gateway."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.components import needs, program
from support.deployed import DEPLOY, exchanged

pytestmark = needs("systemd-analyze")
UNIT = DEPLOY / "systemd/vnc-gateway.service"
EXPOSURE = 20
"""In tenths of systemd's own measure, of 100: what talks to networks can't be at nought."""


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    argv = [program("systemd-analyze"), *arguments]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


def verify(text: str, directory: Path) -> str:
    """What systemd has to say of a unit's text, with a program that is here."""
    unit = directory / UNIT.name
    unit.write_text(exchanged(text, {"/opt/vnc-gateway/bin/vnc-gateway": sys.executable}))
    told = analyze("verify", "--man=no", unit)
    return "\n".join(line for line in (told.stdout + told.stderr).splitlines() if UNIT.name in line)


def test_systemd_understands_all_of_it(tmp_path: Path):
    text = UNIT.read_text()
    assert verify(text, tmp_path) == ""
    assert "Unknown key" in verify(text.replace("WatchdogSec", "WatchdogSeconds"), tmp_path)


@pytest.mark.parametrize("hardened", [True, False])
def test_it_is_hardened(tmp_path: Path, hardened: bool):
    unit = tmp_path / UNIT.name
    text = UNIT.read_text()
    unit.write_text(text if hardened else text.partition("# It talks")[0])
    told = analyze("security", "--offline=yes", f"--threshold={EXPOSURE}", unit)
    assert (told.returncode == 0) is hardened, told.stdout
