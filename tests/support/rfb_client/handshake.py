"""The opening of a connection, client side: version, security, ServerInit (RFC 6143 §7.1 to §7.3)."""

import struct
import warnings
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, modes

with warnings.catch_warnings():
    # VNC authentication is DES: the module that still has it warns of that
    warnings.simplefilter("ignore")
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES

from support.rfb_client.wire import PixelFormat

_NONE, _VNC_AUTH = 1, 2

Read = Callable[[int], Awaitable[bytes]]
Write = Callable[[bytes], Awaitable[None]]


class HandshakeRefusedError(Exception):
    """The server ended the handshake; the message is its reason."""


@dataclass(frozen=True, slots=True)
class ServerInit:
    width: int
    height: int
    pixel_format: PixelFormat
    name: str
    raw: bytes


async def handshake(read: Read, write: Write, *, password: str | None, shared: bool, version: str) -> ServerInit:
    """Open a connection as `version` ("3.3", "3.7" or "3.8"); raises HandshakeRefusedError with the server's reason."""
    greeting = await read(12)
    if not greeting.startswith(b"RFB "):
        raise HandshakeRefusedError(f"not RFB: {greeting!r}")
    major, minor = version.split(".")
    await write(f"RFB {int(major):03}.{int(minor):03}\n".encode())
    kind = await (_dictated if version == "3.3" else _negotiated)(read, write, password is not None)
    if kind == _VNC_AUTH:
        await write(vnc_response(await read(16), password or ""))
    if (kind == _VNC_AUTH or version == "3.8") and await _number(read):
        reason = await _reason(read) if version == "3.8" else "authentication failed"
        raise HandshakeRefusedError(reason)
    await write(bytes((shared,)))
    return await _server_init(read)


async def _dictated(read: Read, write: Write, _with_password: bool) -> int:
    """3.3: the server decides."""
    kind = await _number(read)
    if kind == 0:
        raise HandshakeRefusedError(await _reason(read))
    return kind


async def _negotiated(read: Read, write: Write, with_password: bool) -> int:
    """3.7 and 3.8: the client picks from a list."""
    count = (await read(1))[0]
    if count == 0:
        raise HandshakeRefusedError(await _reason(read))
    offered = await read(count)
    kind = _VNC_AUTH if with_password else _NONE
    if kind not in offered:
        raise HandshakeRefusedError(f"security types offered: {list(offered)}")
    await write(bytes((kind,)))
    return kind


async def _server_init(read: Read) -> ServerInit:
    head = await read(24)
    width, height = struct.unpack(">HH", head[:4])
    name = await read(int.from_bytes(head[20:], "big"))
    return ServerInit(width, height, PixelFormat.parse(head[4:20]), name.decode(errors="replace"), head + name)


async def _number(read: Read) -> int:
    return int.from_bytes(await read(4), "big")


async def _reason(read: Read) -> str:
    return (await read(await _number(read))).decode(errors="replace")


def vnc_response(challenge: bytes, password: str) -> bytes:
    """DES of the challenge; the key is the password's first 8 bytes, the bits of each in reverse order."""
    secret = password.encode("latin-1")[:8].ljust(8, b"\0")
    single = bytes(int(f"{byte:08b}"[::-1], 2) for byte in secret)
    encryptor = Cipher(TripleDES(single * 3), modes.ECB()).encryptor()  # three times the same key is single DES
    return encryptor.update(challenge) + encryptor.finalize()
