"""A gateway in this process whose configuration is a file that changes."""

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
from structlog.testing import capture_logs

from gateway.app.reloading import Reloader
from gateway.app.wiring import running
from gateway.config.source import Source
from support.inprocess import API_KEY_HASH, Site


def toml(tables: dict[str, Any], path: str = "") -> str:
    """TOML of nested tables: a dotted key a line."""
    lines = []
    for name, value in tables.items():
        key = f"{path}.{name}" if path else name
        lines.append(toml(value, key) if isinstance(value, dict) else f"{key} = {json.dumps(value)}")
    return "\n".join(line for line in lines if line)


class Reloaded:
    """A running gateway whose configuration is a file that changes."""

    def __init__(self, site: Site, path: Path, reloader: Reloader, audit: Path) -> None:
        self.site = site
        self.reloader = reloader
        self._path = path
        self._audit = audit

    async def goes_over_to(self, tables: dict[str, Any]) -> list[Any]:
        """Write another configuration and have it read: what the log says of it."""
        self._path.write_text(toml(tables))
        with capture_logs() as lines:
            await self.reloader.reload("signal")
        return [line for line in lines if line["event"] != "configuration.caution"]

    def audited(self) -> list[tuple[str, str]]:
        lines = map(json.loads, self._audit.read_text().splitlines())
        return [(line["outcome"], line["why"]) for line in lines if line["act"] == "configuration_reloaded"]


def configuration(tmp_path: Path, consoles: dict[str, str], **tables: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "listen": {"port": 0},
        "admin": {"port": 0, "keys": {"test": API_KEY_HASH}},
        "access": {"mode": "open"},
        "audit": {"target": "file", "file": str(tmp_path / "audit.jsonl")},
        "providers": {"lab": {"type": "static", "consoles": consoles}},
        "reconnect": {"window": 20},
    }
    return base | {name: base.get(name, {}) | table for name, table in tables.items()}


@contextlib.asynccontextmanager
async def reloadable(tmp_path: Path, tables: dict[str, Any]) -> AsyncIterator[Reloaded]:
    path = tmp_path / "gateway.toml"
    path.write_text(toml(tables))
    source = Source(path, {})
    async with running(source.read()) as gateway, aiohttp.ClientSession() as http:
        reloader = Reloader(gateway, source, lambda: None, lambda: None)
        yield Reloaded(Site(gateway, http), path, reloader, tmp_path / "audit.jsonl")
