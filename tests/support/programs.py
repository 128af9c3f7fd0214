"""Real programs as test fixtures: started on loopback, waited for, ended by their own process group.

Owns free ports, deadlines and logs. What the programs are is `support.servers`.
"""

import asyncio
import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path

LOOPBACK = "127.0.0.1"

# Below the kernel's ephemeral range, so that no outgoing connection takes a port between our look and the
# program's bind.
_PORTS = range(12_000, 32_000)
_handed_out: set[int] = set()
_dice = random.SystemRandom()

_POLL = 0.02  # seconds between two looks at a condition
_LISTEN = "0A"  # TCP_LISTEN as /proc/net/tcp writes it
_GRACE = 3.0  # seconds between SIGTERM and SIGKILL


class ProgramError(AssertionError):
    """A program did not become ready, or ended when it should run; carries the end of its log."""


def free_port() -> int:
    """A TCP port on loopback that nobody listens on and that this process has not handed out before."""
    for _ in range(200):
        port = _dice.choice(_PORTS)
        if port in _handed_out:
            continue
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
        _handed_out.add(port)
        return port
    raise RuntimeError("no free port found")


async def eventually(condition: Callable[[], bool | Awaitable[bool]], *, within: float = 10.0, what: str = "") -> None:
    """Wait until `condition` holds; fail after `within` seconds saying `what` was waited for."""
    deadline = time.monotonic() + within
    while True:
        outcome = condition()
        if not isinstance(outcome, bool):
            outcome = await outcome
        if outcome:
            return
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {within:g} s: {what or condition}")
        await asyncio.sleep(_POLL)


async def accepts(port: int, host: str = LOOPBACK) -> bool:
    """Whether somebody accepts TCP connections there."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), 1.0)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


def listens(port: int) -> bool:
    """Whether a socket listens on `port`, found without a connection (VNC servers count broken handshakes)."""
    wanted = f":{port:04X}"
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            if state == _LISTEN and local.endswith(wanted):
                return True
    return False


class Program:
    """A running program with its log. Use `running` to start one."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.log = log
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """What it exited with (negative: the signal), None while it runs."""
        return self._process.poll()

    def output(self) -> str:
        """All that it has written to stdout and stderr."""
        return self.log.read_text(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program and its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def freeze(self) -> None:
        """Stop it where it is, children included; `thaw` lets it go on."""
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)

    def rss(self) -> int:
        """Resident memory in bytes of the program itself, children not counted."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def cpu(self) -> float:
        """CPU seconds used so far, user and system."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def wait_ready(self, ready: Callable[[], bool | Awaitable[bool]], within: float) -> None:
        def look() -> bool | Awaitable[bool]:
            if not self.alive:
                raise ProgramError(f"{self.name} exited with {self.exit_code}:\n{self._tail()}")
            return ready()

        try:
            await eventually(look, within=within)
        except ProgramError:
            raise
        except AssertionError as error:
            raise ProgramError(f"{self.name} not ready within {within:g} s:\n{self._tail()}") from error

    async def wait_exit(self, within: float = 10.0) -> int:
        """The exit code, waited for."""
        await eventually(lambda: not self.alive, within=within, what=f"exit of {self.name}")
        return self._process.returncode

    async def stop(self) -> None:
        """End it and its children: SIGTERM, then SIGKILL for what is left of its group."""
        self.signal(signal.SIGTERM)
        self.thaw()
        with contextlib.suppress(AssertionError):
            await eventually(lambda: not self.alive, within=_GRACE)
        self.signal(signal.SIGKILL)
        self._process.wait()

    def _tail(self) -> str:
        return "\n".join(self.output().splitlines()[-30:])


@contextlib.asynccontextmanager
async def running(
    name: str,
    argv: Sequence[str | Path],
    *,
    logs: Path,
    ready: Callable[[], bool | Awaitable[bool]] = lambda: True,
    within: float = 15.0,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    pass_fds: Sequence[int] = (),
) -> AsyncIterator[Program]:
    """Run `argv` until the block is left; enter it when `ready` holds. `env` is added to our environment.

    The program leads its own process group and its output goes to `logs`/NAME.log.
    Raises ProgramError with the end of that log if it exits early or is not ready in time.
    """
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            pass_fds=pass_fds,
            start_new_session=True,
        )
    started = Program(name, process, log)
    try:
        await started.wait_ready(ready, within)
        yield started
    finally:
        await asyncio.shield(started.stop())
