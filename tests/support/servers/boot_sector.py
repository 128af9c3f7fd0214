"""The boot sector that keeps QEMU's picture busy: busy.asm, assembled, so that tests need no assembler."""

from pathlib import Path

SOURCE = Path(__file__).with_name("busy.asm")

# Where the guest says that it draws, and what it writes there (see busy.asm).
READY_AT = 0x500
READY = 0x5942

_CODE = bytes.fromhex(
    "31c08ed88ed0bc007cfcb81300cd10c70604055d2bc70600054259f4b401cd16740b30e4cd16bb0f00b40ecd10a16c043b06"
    "020574e5a3020550b9030051e81e0059e2f958a80775d2e89f00ebcda10405ba5562f7e2051936a3040588e0c3e8ecff83e0"
    "3f83c008a30605e8e0ff83e01f83c004a30805e8d4ff83e07fba4001f7e289c7e8c7ff25ff003df800720383e81001c7e8b7"
    "ffa30c05e8b1ff88c380e303b800a08ec08b1608058b0e060557a00c0500d088c780fb01720e741180fb02741852e887ff5a"
    "eb15a00c05eb10a00c05f6c10474080461eb04fec788f8aae2d55f81c740014a75c1c31eb800a08ed88ec0be40c9bf00c8b9"
    "6018f3a51fe84cffb94001aa0403e2fbc3"
)

BOOT_SECTOR = _CODE.ljust(510, b"\0") + b"\x55\xaa"
