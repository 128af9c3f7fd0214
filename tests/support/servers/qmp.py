"""QEMU's control channel (QMP): one JSON command a line, one answer; events in between are skipped."""

import asyncio
import json
from pathlib import Path
from typing import Any


class Qmp:
    """An open control channel. `execute` is for one caller at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, path: Path) -> "Qmp":
        channel = cls(*await asyncio.open_unix_connection(path))
        await channel._line()  # the greeting
        await channel.execute("qmp_capabilities")
        return channel

    async def execute(self, command: str, **arguments: Any) -> Any:
        """Run a command and return what it returns; RuntimeError with QEMU's own text if it refuses."""
        request = {"execute": command, "arguments": arguments}
        self._writer.write(json.dumps(request).encode() + b"\n")
        while True:
            answer = await self._line()
            if "error" in answer:
                raise RuntimeError(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    async def monitor(self, line: str) -> str:
        """Run a command of the human monitor and return what it prints."""
        text: str = await self.execute("human-monitor-command", **{"command-line": line})
        return text

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def _line(self) -> dict[str, Any]:
        line = await asyncio.wait_for(self._reader.readline(), 10.0)
        if not line:
            raise ConnectionError("QEMU closed its control channel")
        message: dict[str, Any] = json.loads(line)
        return message
