"""Some tests of framing once more over the interpreted source, which a machine without a C compiler runs.

test_same compares the two on all else.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.compiled import loader

ROOT = Path(__file__).parents[2]

REPEATED = (
    "tests/rfb/test_tight_runs.py",
    "tests/rfb/splice/test_joined.py",
    "tests/websocket/test_runs.py",
)


@pytest.mark.timeout(400)
def test_the_interpreted_framing_passes_its_tests() -> None:
    if loader.framing() == "interpreted":
        pytest.skip("that is what all tests ran over here")
    command = [sys.executable, "-m", "pytest", "-p", "support.interpreted", "-p", "no:cacheprovider", *REPEATED]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "tests")}
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=380, check=False
    )
    assert result.returncode == 0, result.stdout[-3000:]
    assert "\nframing: interpreted\n" in result.stdout
