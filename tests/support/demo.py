"""`vnc-gateway demo` as a process, known by nothing but what it prints."""

import contextlib
import re
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from support.programs import Program, running

ROOT = Path(__file__).parents[2]
READY = "Ctrl-C ends the demo"
CONSOLE = re.compile(r"^ *(Alibaba|Huawei) Cloud +(http://\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo. `alibaba` and `huawei`: the addresses of the two consoles."""

    program: Program
    alibaba: str
    huawei: str

    @property
    def base(self) -> str:
        """The gateway's own address."""
        return self.huawei.partition("/console/")[0]

    @property
    def port(self) -> int:
        return int(self.base.rpartition(":")[2])


@contextlib.asynccontextmanager
async def demo(*options: object, logs: Path) -> AsyncIterator[Demo]:
    """Run the demo with these options; entered when it has said where the consoles are."""
    argv = [sys.executable, "-m", "gateway", "demo", *map(str, options)]
    log = logs / "demo.log"
    async with running("demo", argv, logs=logs, ready=lambda: READY in log.read_text(), cwd=ROOT) as program:
        consoles = dict(CONSOLE.findall(program.output()))
        yield Demo(program, consoles["Alibaba"], consoles["Huawei"])
        assert "Traceback" not in program.output()
