"""The tool that records the office's streams still gets whole streams out of real servers."""

from pathlib import Path

import pytest
from support.components import needs

from benchmarks.record import record


@pytest.mark.parametrize(
    "scene",
    [
        pytest.param("boot", marks=needs("qemu", "nasm")),
        pytest.param("terminal", marks=needs("xvnc", "xterm")),
        pytest.param("desktop-session", marks=needs("xvnc", "xterm")),
    ],
)
async def test_a_scene_is_recorded_to_the_end_of_a_message(scene: str, tmp_path: Path) -> None:
    recording = await record(scene, tmp_path, seconds=1.0)
    assert recording.decoded().idle
    assert sum(chunk.count for chunk in recording.chunks if chunk.from_server) == len(recording.server)
