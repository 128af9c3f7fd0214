"""What keepalive says to real servers reaches neither the machine nor the screen (rfb.md §7, product.md promise 4)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from support.chaos.cutter import Cutter, cutter
from support.chaos.inputs import Inputs, QemuInputs, x_inputs
from support.chaos.plan import Way
from support.chaos.scenes import Scene, desk, guest
from support.chaos.stories import Stories, stories
from support.components import needs
from support.gateway import Gateway, gateway
from support.guest import client_messages
from support.programs import eventually
from support.rfb_client import messages
from support.rfb_client.client import RfbClient
from support.rfb_client.wire import ClientMessage, Encoding
from support.tap import Tap, after_client_init, tapped
from support.viewing import PSEUDO

pytestmark = [needs("qemu", "xvnc", "xterm", "xinput"), pytest.mark.asyncio(loop_scope="session")]

AFTER = 0.5  # keepalive.upstream_after; the gateway looks once a second
IDLE = 2.5  # seconds after which the line is cut, as by a cloud that misses input
RUNGS = 3
BUSY = 40.0  # seconds for what takes six, on a machine that has other things to do
HANDSHAKE = 12 + 1 + 1  # bytes of a client that speaks RFB 3.8 with security None
SCROLL_LOCK = 0xFF14


@dataclass(frozen=True, slots=True)
class Sleeper:
    """A machine whose viewer has gone for a coffee."""

    scene: Scene
    inputs: Inputs
    cutter: Cutter
    tap: Tap

    def heard(self, wanted: Callable[[bytes], bool]) -> int:
        """How many such messages the server has got on its newest connection."""
        newest = self.tap.connections[-1]
        sent, got = bytes(newest.from_server), bytes(newest.from_client)
        if len(got) <= HANDSHAKE:
            return 0
        return sum(map(wanted, client_messages(after_client_init(sent, got))))

    async def rungs(self) -> None:
        """Wait until both rungs have been climbed a few times more."""
        before = {wanted: self.heard(wanted) for wanted in (_asks, _lets_go)}
        await eventually(
            lambda: all(self.heard(wanted) >= count + RUNGS for wanted, count in before.items()),
            within=BUSY,
            what="both rungs",
        )


def _asks(message: bytes) -> bool:
    return message[0] == ClientMessage.FRAMEBUFFER_UPDATE_REQUEST and message[1] == 1


def _lets_go(message: bytes) -> bool:
    return message == messages.key(SCROLL_LOCK, down=False)


@dataclass(frozen=True, slots=True)
class Slept:
    """What came of it: bytes at the browser while the picture stood still, events in the machine at any time."""

    received: int
    events: int


async def sleep(sleeper: Sleeper, running: Gateway, console: str) -> Slept:
    """Teach the gateway that this host wants input; then look at both rungs, with a live picture and a still one."""
    async with running.client(console) as client:
        await client.set_up([Encoding.HEXTILE, *PSEUDO])
        unmoved = sleeper.inputs.count()
        await client.send(messages.pointer(100, 100))
        await client.cover()
        await eventually(lambda: sleeper.inputs.count() > unmoved, what="an event that the user has caused")
        left = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(_read(client, left))
            try:
                await _teach(sleeper)
                events = sleeper.inputs.count()
                await sleeper.rungs()
                await sleeper.scene.freeze()
                await client.request(incremental=True)
                await sleeper.cutter.quiet(1.0, within=BUSY)
                received = len(client.received)
                await sleeper.rungs()
                return Slept(len(client.received) - received, sleeper.inputs.count() - events)
            finally:
                left.set()


async def _teach(sleeper: Sleeper) -> None:
    """Cut the line twice after the same time without input."""
    for _ in range(2):
        dials = len(sleeper.cutter.dials)
        await asyncio.sleep(IDLE)
        await sleeper.cutter.cut(Way.FIN)
        await eventually(lambda d=dials: len(sleeper.cutter.dials) > d, within=BUSY, what="a new connection")
    await eventually(lambda: sleeper.heard(_lets_go) > 0, within=BUSY, what="the second rung")


async def _read(client: RfbClient, left: asyncio.Event) -> None:
    """A browser that asks for nothing by itself."""
    while not left.is_set():
        with contextlib.suppress(TimeoutError):
            await client.next_messages(1.0)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def told(module_artifacts: Path) -> AsyncIterator[Stories]:
    logs = module_artifacts
    async with (
        desk(logs=logs, size=(320, 240)) as one,
        guest(logs=logs, tablet=True) as machine,
        x_inputs(one.server.display, logs) as of_x,
        tapped(one.address) as first,
        tapped(machine.address) as second,
        cutter(first.address) as of_xvnc,
        cutter(second.address) as of_qemu,
        stories() as telling,
    ):
        await one.thaw()
        sleepers = {
            "xvnc": Sleeper(one, of_x, of_xvnc, first),
            "qemu": Sleeper(machine, QemuInputs(machine.machine), of_qemu, second),
        }
        consoles = {name: sleeper.cutter.address for name, sleeper in sleepers.items()}
        keepalive = f"keepalive = {{ upstream_after = {AFTER} }}"
        async with gateway(consoles, logs=logs, provider=keepalive) as running:
            for name, sleeper in sleepers.items():
                telling.begin(name, sleep(sleeper, running, name))
            yield telling
            await telling.stop()


@pytest.mark.parametrize("console", ["xvnc", "qemu"])
async def test_neither_the_machine_nor_the_screen_notices(told: Stories, console: str) -> None:
    assert await told.end(console) == Slept(received=0, events=0)
