"""QEMU as a test server: the guest draws, freezes and tells which input reached it."""

import subprocess
from pathlib import Path

from support.components import needs, program
from support.programs import eventually
from support.servers.boot_sector import BOOT_SECTOR, SOURCE
from support.servers.qemu import qemu


@needs("nasm")
def test_the_boot_sector_is_its_source_assembled(tmp_path: Path) -> None:
    image = tmp_path / "busy.img"
    subprocess.run([program("nasm"), "-f", "bin", SOURCE, "-o", image], check=True)
    assert image.read_bytes() == BOOT_SECTOR


@needs("qemu")
async def test_the_guest_draws_until_it_is_frozen(artifacts: Path) -> None:
    async with qemu(logs=artifacts) as guest:

        async def picture() -> bytes:
            await guest.qmp.execute("screendump", filename=str(artifacts / "screen.ppm"))
            return (artifacts / "screen.ppm").read_bytes()

        before = await picture()

        async def changed() -> bool:
            return await picture() != before

        await eventually(changed, within=5)
        await guest.freeze()
        assert await picture() == await picture()


@needs("qemu")
async def test_the_guest_tells_which_keys_it_got(artifacts: Path) -> None:
    async with qemu(logs=artifacts) as guest:
        await guest.qmp.execute("send-key", keys=[{"type": "qcode", "data": "a"}])
        await eventually(lambda: "key_qcode con -1, key qcode a, down 0" in guest.inputs(), within=5)
