"""Running rows: every relay of a row stands at once, rounds go round the relays, what fails is named and left out."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from support.certificates import Certificate, loopback_certificate
from support.programs import ProgramError, free_port

from benchmarks import load, process, streams
from benchmarks.figures import Results
from benchmarks.load import LoadError
from benchmarks.measure import measure
from benchmarks.relays.relay import Relay, Way
from benchmarks.rows import Row
from benchmarks.subjects import SUBJECTS

SETTLE = 0.15
"""Seconds between two measurements, for processes and sockets of the last one to go."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Bench:
    """What all rows share. `seconds`, and `long` for what watches memory: None leaves each row its own."""

    directory: Path
    program: Path
    certificate: Certificate
    rounds: int
    seconds: float | None
    long: float | None
    subjects: frozenset[str]
    say: Say

    @classmethod
    def prepare(
        cls,
        directory: Path,
        *,
        subjects: Iterable[str],
        rounds: int = 7,
        seconds: float | None = None,
        long: float | None = None,
        say: Say = lambda _: None,
    ) -> "Bench":
        """Compile the load, write streams and certificates. Raises LoadError with what to install."""
        certificate = loopback_certificate(directory / "tls")
        both = certificate.certificate.read_bytes() + certificate.key.read_bytes()
        (directory / "tls" / "both.pem").write_bytes(both)
        (directory / "streams").mkdir()
        streams.write_all(directory / "streams")
        return cls(directory, load.built(directory), certificate, rounds, seconds, long, frozenset(subjects), say)

    async def run(self, name: str, row: Row) -> Results:
        """Measure one row with all its subjects that are here: by turns, or at once where only memory counts."""
        results = Results()
        for subject in row.subjects:
            if subject in self.subjects and SUBJECTS[subject].lacks:
                results.failures[subject] = f"not installed: {SUBJECTS[subject].lacks}"
        names = [each for each in row.subjects if each in self.subjects and each not in results.failures]
        if row.kind == "memory":
            await asyncio.gather(*[self._one(name, row, each, None, self._way(row), results) for each in names])
            return results
        way = self._way(row)
        async with AsyncExitStack() as stack:
            relays: dict[str, Relay] = {}
            if not row.fresh:
                for each in names:
                    try:
                        relays[each] = await stack.enter_async_context(self._standing(name, each, way))
                    except (LoadError, ProgramError) as error:
                        results.failures[each] = str(error)
            for number in range(min(self.rounds, row.rounds or self.rounds) if names else 0):
                turn = number % len(names)
                for each in names[turn:] + names[:turn]:
                    await self._one(name, row, each, relays.get(each), way, results)
        return results

    async def _one(self, name: str, row: Row, subject: str, relay: Relay | None, way: Way, results: Results) -> None:
        if subject in results.failures:
            return
        self.say(f"{name}: {subject}")
        seconds = (self.long if row.kind == "memory" else self.seconds) or row.seconds
        try:
            async with AsyncExitStack() as stack:
                if relay is None:
                    relay = await stack.enter_async_context(self._standing(name, subject, way))
                measured = await measure(row, relay, way, self.program, self.directory / "streams", seconds)
            results.rounds.setdefault(subject, []).append(measured.figure)
            if measured.samples:
                results.samples[subject] = list(measured.samples)
        except (LoadError, ProgramError) as error:
            results.failures[subject] = str(error)
        await asyncio.sleep(SETTLE)

    @contextlib.asynccontextmanager
    async def _standing(self, row: str, subject: str, way: Way) -> AsyncIterator[Relay]:
        directory = self.directory / row / subject
        directory.mkdir(parents=True, exist_ok=True)
        async with SUBJECTS[subject].start(way, directory) as relay:
            if relay.pid is None:
                yield relay
                return
            process.pin(relay.pid, process.RELAY_CORES)
            yield replace(relay, bare=process.rss_bytes(relay.pid))

    def _way(self, row: Row) -> Way:
        way = Way(row.upstream, free_port(), self.certificate, row.browser_tls, row.sessions)
        if not row.api:
            return way
        (self.directory / "streams" / "answer").write_bytes(_answer(way.url))
        return replace(way, api=free_port())


def _answer(url: str) -> bytes:
    """What the simulated cloud says to whoever asks for a console's address."""
    body = json.dumps({"RequestId": "1", "VncUrl": quote(url + "?token=1", safe="")}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
