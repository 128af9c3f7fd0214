"""How many may stand at a door goes by the files that the process may open."""

import pytest
from support.inprocess import settings

from gateway.app import entrances
from gateway.web.door import MOST


@pytest.mark.parametrize(
    ("files", "sessions", "most"),
    [(-1, 2000, MOST), (1_000_000, 2000, MOST), (6000, 2000, 500), (4200, 2000, 100), (1024, 2000, 100)],
)
def test_doors_leave_files_for_the_sessions(files: int, sessions: int, most: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(entrances, "open_files", lambda: files)
    configured = settings({"vm": "tcp://127.0.0.1:9"}, limits={"sessions": sessions})
    assert entrances._room(configured) == most
