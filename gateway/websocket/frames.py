"""WebSocket frames that leave the gateway (RFC 6455 §5).

Owns the words of the wire (opcodes) and the bytes of what we send. Leaves frames that arrive to `scanner`, and the
choice of masks, which are random, to the caller: towards an upstream each frame takes a fresh one from `os.urandom(4)`
(§5.3), towards a browser there is none (§5.1).
"""

from enum import IntEnum

try:
    from websockets.speedups import apply_mask
except ImportError:  # a platform for which the library has no compiled part
    from websockets.utils import apply_mask

from gateway.websocket import wire

__all__ = [
    "MAX_CONTROL_PAYLOAD",
    "Opcode",
    "apply_mask",
    "binary_header",
    "close_payload",
    "control",
    "header",
    "masked_binary",
]

MAX_CONTROL_PAYLOAD = 125  # §5.5
MAX_REASON = MAX_CONTROL_PAYLOAD - 2  # the close code comes first

FIN = 0x80
MASKED = 0x80
LENGTH_16 = 126  # the length follows in 16 bits (§5.2)
LENGTH_64 = 127  # the length follows in 64 bits

# Codes that a Close frame never carries (§7.4.1): they name what an endpoint saw, not what it says.
NEVER_SENT = frozenset({1005, 1006, 1015})


class Opcode(IntEnum):
    """What a frame is (§5.2)."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


_BINARY = int(FIN | Opcode.BINARY)


def header(opcode: Opcode, length: int, *, fin: bool = True, mask: bytes | None = None) -> bytes:
    """Give the header of a frame of `length` payload bytes; with `mask` (4 bytes) its payload has to be masked."""
    head = wire.head(FIN | opcode if fin else opcode, 0 if mask is None else MASKED, length)
    return head if mask is None else head + mask


def binary_header(length: int) -> bytes:
    """Give the header of a binary message of one frame, not masked, of `length` payload bytes."""
    return wire.head(_BINARY, 0, length)


def masked_binary(payload: bytes, mask: bytes) -> bytes:
    """Give a binary message of one masked frame, as a client sends it (§5.3)."""
    return wire.head(_BINARY, MASKED, len(payload)) + mask + apply_mask(payload, mask)


def close_payload(code: int | None, reason: str = "") -> bytes:
    """Give the payload of a Close frame (§5.5.1); no code, no payload.

    A reason longer than 123 bytes is cut between characters. Raises ValueError for a code that must not be sent.
    """
    if code is None:
        return b""
    if code in NEVER_SENT or not 1000 <= code < 5000:
        raise ValueError(f"close code {code} is never sent")
    text = reason.encode()[:MAX_REASON].decode(errors="ignore").encode()
    return code.to_bytes(2, "big") + text


def control(opcode: Opcode, payload: bytes = b"", mask: bytes | None = None) -> bytes:
    """Give a whole control frame (§5.5), masked where `mask` is given. Raises ValueError above 125 payload bytes."""
    if len(payload) > MAX_CONTROL_PAYLOAD:
        raise ValueError("the payload of a control frame has at most 125 bytes")
    head = header(opcode, len(payload), mask=mask)
    return head + payload if mask is None else head + apply_mask(payload, mask)
