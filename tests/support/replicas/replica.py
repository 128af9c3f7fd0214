"""Gateways that share a Redis: real processes, each drained and started again at its own addresses."""

import asyncio
import contextlib
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from support.deployed import SECOND
from support.gateway import ROOT, Gateway
from support.inprocess import API_KEY_HASH
from support.programs import LOOPBACK, Program, accepts, free_port, running
from support.replicas.counted import FILE, Count, count_of
from support.tickets import Bastion

HOSTS = (LOOPBACK, SECOND)
SEAL = "5e" * 32


@dataclass(slots=True)
class Replica:
    """One of them. Each of its lives has a log of its own, all have one audit. `counted`: it can be asked what is alive
    in it.
    """

    name: str
    host: str
    port: int
    admin_port: int
    directory: Path
    counted: bool = False
    lives: int = 0
    _program: Program | None = None
    _life: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    @property
    def process(self) -> Program:
        assert self._program is not None, "not started"
        return self._program

    @property
    def bastion(self) -> Bastion:
        """Its admin API."""
        return Bastion(Gateway(self.process, self.port, self.admin_port))

    @property
    def file(self) -> Path:
        """Its configuration."""
        return self.directory / f"{self.name}.toml"

    @property
    def audit(self) -> Path:
        return self.directory / f"{self.name}.audit"

    @property
    def _count(self) -> Path:
        return self.directory / f"{self.name}.count"

    async def start(self) -> None:
        """Start it, or again; it is ready then."""
        self.lives += 1
        module = "support.replicas.counted" if self.counted else "gateway"
        argv: list[str | Path] = [sys.executable, "-m", module, "serve", "--config", self.file]
        life = running(
            f"{self.name}-{self.lives}",
            argv,
            logs=self.directory,
            ready=lambda: accepts(self.port, self.host),
            within=60,
            env={FILE: str(self._count), "PYTHONPATH": str(ROOT / "tests")} if self.counted else {},
            cwd=ROOT,
        )
        self._program = await self._life.enter_async_context(life)

    async def drain(self, *, within: float) -> float:
        """Ask it to stop as an orchestrator does, and wait until it has: the seconds that this took."""
        asked = time.monotonic()
        self.process.signal(signal.SIGTERM)
        assert await self.process.wait_exit(within) == 0, self.process.output()
        took = time.monotonic() - asked
        await self.stop()
        return took

    async def count(self) -> Count:
        """What is alive and held in it."""
        return await count_of(self.process, self._count)

    async def stop(self) -> None:
        """End it, whatever becomes of its sessions."""
        await self._life.aclose()


@contextlib.asynccontextmanager
async def replicas(
    directory: Path,
    *,
    redis: str,
    tables: str,
    public_url: str = "",
    drain_delay: float = 0,
    drain: float = 0,
    counted: bool = False,
) -> AsyncIterator[list[Replica]]:
    """Two of them on one port, each on an address of its own. `tables`: providers and whatever else they need."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "seal").write_text(SEAL)
    port, pair = free_port(), []
    for number, host in enumerate(HOSTS, 1):
        replica = Replica(f"replica-{number}", host, port, free_port(), directory, counted)
        listen = {"host": host, "port": port, "trusted_proxies": [LOOPBACK]}
        listen["public_url"] = public_url or f"http://{LOOPBACK}:{port}"
        limits = {"drain_delay": drain_delay, "drain": drain}
        each = {
            "listen": listen,
            "admin": {"port": replica.admin_port},
            "admin.keys": {"bastion": API_KEY_HASH},
            "access": {"mode": "ticket", "seal_keys_file": str(directory / "seal")},
            "state": {"url": redis},
            "audit": {"target": "file", "file": str(replica.audit)},
            "log": {"format": "json"},
            "limits": limits,
        }
        replica.file.write_text("\n".join([*(_table(name, keys) for name, keys in each.items()), tables]))
        pair.append(replica)
    try:
        async with asyncio.TaskGroup() as group:
            for replica in pair:
                group.create_task(replica.start())
        yield pair
    finally:
        for replica in pair:
            await replica.stop()


def _table(name: str, keys: Mapping[str, object]) -> str:
    return "\n".join([f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items())])
