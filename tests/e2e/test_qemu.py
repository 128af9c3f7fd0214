"""QEMU through the gateway: over TCP, over its own WebSocket, and behind websockify with TLS and a token."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from support.certificates import loopback_certificate
from support.components import needs
from support.gateway import MANY_DIALS, Gateway, gateway
from support.rfb_client.wire import BGR233, RGB565, RGB888, Encoding, PixelFormat
from support.servers.address import Address
from support.servers.qemu import Qemu, qemu
from support.servers.websockify import websockify
from support.tap import Tap, tapped
from support.viewing import HEXTILE, RAW, TIGHT, TIGHT_JPEG, ZLIB, ZRLE, Stage, Wish, view

pytestmark = [needs("qemu", "websockify"), pytest.mark.asyncio(loop_scope="module")]

TIGHT_PNG = Wish((Encoding.TIGHT_PNG,))
BIG_ENDIAN = PixelFormat(32, 24, big_endian=True, shifts=(16, 8, 0))
ALL = [TIGHT, TIGHT_JPEG, TIGHT_PNG, ZRLE, ZLIB, HEXTILE, RAW]
FORMATS = [
    Wish((Encoding.TIGHT,), RGB565),
    Wish((Encoding.ZRLE,), BGR233),
    Wish((Encoding.HEXTILE,), RGB565),
    Wish((Encoding.ZRLE,), BIG_ENDIAN),
]


@dataclass(frozen=True, slots=True)
class House:
    """Everything that runs: the guest, a tap on each way to it, the gateway."""

    guest: Qemu
    gateway: Gateway
    taps: dict[str, Tap]

    def stage(self, console: str) -> Stage:
        async def nothing() -> None:
            return None

        return Stage(self.guest.tcp, self.taps[console], nothing, self.guest.freeze, self.guest.thaw)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(module_artifacts: Path) -> AsyncIterator[House]:
    logs = module_artifacts
    certificate = loopback_certificate(logs / "tls")
    async with (
        qemu(logs=logs, lossy=True) as guest,
        tapped(guest.tcp) as tcp,
        tapped(guest.websocket) as ws,
        tapped(guest.tcp) as behind,
        websockify({"the-token": behind.address}, certificate, logs=logs) as (_, port),
    ):
        consoles: dict[str, str | Address] = {
            "tcp": tcp.address,
            "ws": ws.address,
            "page": f"https://127.0.0.1:{port}/vnc_auto.html?token=the-token",
            "wss": f"wss://127.0.0.1:{port}/websockify?token=the-token",
        }
        settings = f'ca_file = "{certificate.authority}"\n{MANY_DIALS}'
        async with gateway(consoles, logs=logs, provider=settings) as running:
            yield House(guest, running, {"tcp": tcp, "ws": ws, "page": behind, "wss": behind})


@pytest.mark.parametrize(
    ("console", "wish"),
    [
        *(pytest.param("tcp", wish, id=f"tcp-{wish}") for wish in ALL),
        *(pytest.param("ws", wish, id=f"ws-{wish}") for wish in ALL),
        *(pytest.param("page", wish, id=f"page-{wish}") for wish in (TIGHT, ZRLE, HEXTILE)),
    ],
)
async def test_picture_and_bytes_are_the_servers(house: House, artifacts: Path, console: str, wish: Wish) -> None:
    seen = await view(house.gateway, console, house.stage(console), wish)
    seen.judge(artifacts, lossy=wish.lossy)
    assert wish.encodings[-1 - wish.lossy] in seen.encodings()
    assert not wish.lossy or "jpeg" in seen.details()


@pytest.mark.parametrize("wish", FORMATS, ids=str)
async def test_other_pixel_formats(house: House, artifacts: Path, wish: Wish) -> None:
    assert wish.pixel_format != RGB888
    seen = await view(house.gateway, "tcp", house.stage("tcp"), wish)
    seen.judge(artifacts, lossy=False)


async def test_a_websocket_address_with_a_token(house: House, artifacts: Path) -> None:
    seen = await view(house.gateway, "wss", house.stage("wss"), TIGHT)
    seen.judge(artifacts, lossy=False)


async def test_one_changed_byte_of_a_picture_is_noticed(house: House, artifacts: Path) -> None:
    """The negative control for all of this directory: an upstream whose pixels are changed on the way."""
    spoiled: list[bytes] = []

    def spoil(data: bytes) -> bytes:
        if len(data) < 20_000 or spoiled:  # only the large pieces are surely pixels
            return data
        spoiled.append(data)
        middle = len(data) // 2
        return data[:middle] + bytes((data[middle] ^ 0x80,)) + data[middle + 1 :]

    tap = house.taps["tcp"]
    tap.spoil = spoil
    try:
        seen = await view(house.gateway, "tcp", house.stage("tcp"), RAW)
    finally:
        tap.spoil = None
    assert spoiled
    with pytest.raises(AssertionError, match="they differ"):
        seen.judge(artifacts, lossy=False)
