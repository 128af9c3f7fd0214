"""`vnc-gateway` as it is, but on SIGUSR1 it writes what is alive in it to the file that COUNTED names."""

import json
import os
import signal
from collections import Counter
from pathlib import Path
from types import FrameType

from gateway.cli import main
from support.alive import alive, running
from support.programs import Program, eventually

FILE = "COUNTED"


async def alive_in(program: Program, file: Path) -> Counter[str]:
    """What is alive in `program`, which was told of `file` in COUNTED when it was started."""
    file.unlink(missing_ok=True)
    os.kill(program.pid, signal.SIGUSR1)
    await eventually(file.exists, within=30, what=f"{program.name} to count")
    return Counter(json.loads(file.read_text()))


def _tell(_number: int, _frame: FrameType | None) -> None:
    file = Path(os.environ[FILE])
    part = file.with_suffix(".part")
    part.write_text(json.dumps(alive() + running()))
    part.replace(file)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, _tell)
    main()
