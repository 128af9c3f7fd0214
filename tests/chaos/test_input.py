"""Keys and buttons at a cut: none stays down in the machine, none that was typed into the gap arrives later."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from support.chaos.cutter import Cutter, cutter
from support.chaos.inputs import Inputs, QemuInputs, x_inputs
from support.chaos.novnc import HEXTILE, Engine, NoVnc, engine
from support.chaos.plan import Plan, Way
from support.chaos.scenes import desk, guest, shadow
from support.chaos.trial import RECONNECT, SEED
from support.components import needs
from support.gateway import Gateway, gateway
from support.programs import eventually

pytestmark = [
    needs("qemu", "xvnc", "x11vnc", "xterm", "xinput", "node", "npm"),
    pytest.mark.asyncio(loop_scope="session"),
]

A, B, C, D = (0x61, "KeyA"), (0x62, "KeyB"), (0x63, "KeyC"), (0x64, "KeyD")
CTRL = (0xFFE3, "ControlLeft")
LEFT, MIDDLE, RIGHT = 1, 2, 4  # bits of RFB's button mask
HERE = (200, 200)
GRACE = 0.5  # seconds in which something that must not come would have come
PATIENCE = 20.0  # seconds for what must come, on a machine that has other things to do
SERVERS = ["xvnc", "qemu"]

# While a connection that holds a button is half open, TigerVNC ignores all others' pointers, and it lets go of no
# button when that connection ends: the next movement of the user's pointer does.
LINGER = pytest.mark.parametrize("linger", [0.0, 2.0], ids=["closed-there", "half-open-there"])


@dataclass(frozen=True, slots=True)
class Seat:
    """A user in front of a machine whose connection can be cut."""

    cutter: Cutter
    inputs: Inputs
    client: NoVnc

    async def key(self, key: tuple[int, str], *, down: bool) -> None:
        await self.client.key(*key, down=down)

    async def buttons(self, mask: int) -> None:
        await self.client.mouse(*HERE, mask)

    async def until_down(self, *names: str, nudge: int | None = None) -> None:
        """Wait until these and no others are down. `nudge`: the pointer moves meanwhile, with that button mask."""

        async def so() -> bool:
            if nudge is not None:
                await self.client.mouse(HERE[0] + random.randrange(9), HERE[1], nudge)
            return self.inputs.down() == set(names)

        try:
            await eventually(so, within=PATIENCE)
        except AssertionError:
            raise AssertionError(f"down are {self.inputs.down()}, not {set(names)}: {self.inputs.events()}") from None

    async def cut(self, way: Way = Way.RESET) -> None:
        """Lose the upstream, and wait until there is another that shows a picture."""
        dials = len(self.cutter.dials)
        assert await self.cutter.cut(way, self.inputs.alone)
        await eventually(lambda: len(self.cutter.dials) > dials, within=PATIENCE, what="the gateway's attempt")
        await self.client.draws(1, since=await self.client.drawn(), within=PATIENCE)

    async def lose(self) -> None:
        """Lose the upstream, and get none until `find`."""
        self.cutter.up = False
        dials = len(self.cutter.dials)
        assert await self.cutter.cut(noticed=self.inputs.alone)
        await eventually(lambda: len(self.cutter.dials) > dials, within=PATIENCE, what="the gateway's attempt")

    async def find(self) -> None:
        drawn = await self.client.drawn()
        self.cutter.up = True
        await self.client.draws(1, since=drawn, within=PATIENCE)

    async def release(self, *, nudge: bool = False) -> None:
        """Let go of everything, and see it arrive."""
        for key in (A, B, C, D, CTRL):
            await self.key(key, down=False)
        await self.buttons(0)
        await self.until_down(nudge=0 if nudge else None)


@dataclass(frozen=True, slots=True)
class House:
    cutters: dict[str, Cutter]
    inputs: dict[str, Inputs]
    gateway: Gateway
    engine: Engine
    clients: list[NoVnc] = field(default_factory=list)

    async def seat(self, console: str, *, linger: float = 0.0) -> Seat:
        """A new user; with `linger` the server does not notice for so long that a connection is gone."""
        cuts = self.cutters[console]
        cuts.up = True
        cuts.follow(Plan(0, linger=linger))
        for old in self.clients:
            await old.close()
        await self.inputs[console].alone()
        client = await self.engine.open(await self.gateway.address(console), HEXTILE)
        self.clients[:] = [client]
        await client.draws(1, since=0, within=PATIENCE)
        seat = Seat(cuts, self.inputs[console], client)
        await seat.buttons(LEFT | RIGHT)  # frees what a test before may have left down: QEMU never does
        await seat.release()
        return seat


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(module_artifacts: Path) -> AsyncIterator[House]:
    logs = module_artifacts
    async with (
        desk(logs=logs, size=(480, 360)) as one,
        shadow(one, logs=logs) as over,
        guest(logs=logs, tablet=True) as machine,
        x_inputs(one.server.display, logs) as of_x,
        cutter(one.address, seed=SEED) as first,
        cutter(machine.address, seed=SEED) as second,
        cutter(one.address, over.address, seed=SEED) as third,
        engine(logs) as novnc,
    ):
        await one.thaw()
        cutters = {"xvnc": first, "qemu": second, "both": third}
        of_qemu = QemuInputs(machine.machine)
        consoles = {name: cuts.address for name, cuts in cutters.items()}
        async with gateway(consoles, logs=logs, more=RECONNECT) as running:
            yield House(cutters, {"xvnc": of_x, "qemu": of_qemu, "both": of_x}, running, novnc)


@pytest.mark.parametrize("console", SERVERS)
@LINGER
async def test_what_is_held_at_the_cut_can_be_let_go_afterwards(house: House, console: str, linger: float) -> None:
    seat = await house.seat(console, linger=linger)
    for key in (CTRL, A):
        await seat.key(key, down=True)
    await seat.buttons(LEFT)
    await seat.until_down("ctrl", "a", "left")
    await seat.cut()
    await seat.release(nudge=linger > 0)


@pytest.mark.parametrize("console", SERVERS)
async def test_what_is_let_go_on_a_line_that_is_dead_already_is_up_afterwards(house: House, console: str) -> None:
    """The gateway has passed it on, the machine has never got it."""
    seat = await house.seat(console)
    for key in (CTRL, A):
        await seat.key(key, down=True)
    await seat.buttons(LEFT)
    await seat.until_down("ctrl", "a", "left")
    seat.cutter.stall()
    for key in (CTRL, A):
        await seat.key(key, down=False)
    await seat.buttons(0)
    await asyncio.sleep(GRACE)
    await seat.cut()
    await seat.until_down()


@pytest.mark.parametrize("console", SERVERS)
async def test_after_a_cut_modifiers_and_buttons_stay_down_and_letters_do_not(house: House, console: str) -> None:
    seat = await house.seat(console)
    for key in (CTRL, A):
        await seat.key(key, down=True)
    await seat.buttons(LEFT)
    await seat.until_down("ctrl", "a", "left")
    await seat.cut(Way.FIN)
    await seat.until_down("ctrl", "left")
    await seat.release()


@pytest.mark.parametrize("console", SERVERS)
@LINGER
async def test_what_is_let_go_in_the_gap_is_up_afterwards(house: House, console: str, linger: float) -> None:
    seat = await house.seat(console, linger=linger)
    for key in (CTRL, A):
        await seat.key(key, down=True)
    await seat.buttons(LEFT | RIGHT)
    await seat.until_down("ctrl", "a", "left", "right")
    await seat.lose()
    for key in (CTRL, A):
        await seat.key(key, down=False)
    await seat.buttons(RIGHT)
    await seat.find()
    await seat.until_down("right", nudge=RIGHT if linger else None)
    await seat.release()


@pytest.mark.parametrize("console", SERVERS)
async def test_what_is_pressed_in_the_gap_never_arrives(house: House, console: str) -> None:
    """B, C and the middle button are pressed nowhere else in these tests."""
    seat = await house.seat(console)
    await seat.key(CTRL, down=True)
    await seat.until_down("ctrl")
    await seat.lose()
    for key in (B, C):
        await seat.key(key, down=True)
    await seat.key(B, down=False)
    for mask in (MIDDLE, 0, MIDDLE):
        await seat.buttons(mask)
    await seat.find()
    await seat.until_down("ctrl")
    await asyncio.sleep(GRACE)
    assert seat.inputs.down() == {"ctrl"}
    await seat.key(C, down=False)
    await seat.buttons(0)
    await seat.key(D, down=True)
    await seat.until_down("ctrl", "d")
    await seat.release()
    await eventually(lambda: ("d", False) in seat.inputs.events(), what="the log")
    assert not {"b", "c", "middle"} & {name for name, _ in seat.inputs.events()}


async def test_a_button_first_pressed_in_the_gap_works_once_it_was_let_go(house: House) -> None:
    seat = await house.seat("qemu")
    await seat.lose()
    await seat.buttons(LEFT)
    await seat.find()
    await seat.buttons(LEFT | RIGHT)
    await seat.until_down("right")
    await seat.buttons(RIGHT)
    await seat.buttons(LEFT | RIGHT)
    await seat.until_down("left", "right")
    await seat.release()


async def test_keys_reach_a_server_that_lacks_what_the_one_before_had(house: House) -> None:
    """TigerVNC takes QEMU's key messages, libvncserver does not: the same desktop behind both."""
    seat = await house.seat("both")
    await seat.key(CTRL, down=True)
    await seat.until_down("ctrl")
    await seat.cut()
    await seat.key(A, down=True)
    await seat.until_down("ctrl", "a")
    await seat.release()
