"""Tight and TightPNG (rfbproto, Tight Encoding and Tight PNG Encoding).

Owns their layout, twice: `run` takes plain rectangles at full speed, `describe` takes any one apart. Leaves what
becomes of zlib streams and their resets to the caller.
"""

from dataclasses import dataclass

from gateway.errors import NotUnderstood
from gateway.rfb import wire
from gateway.rfb.inflators import Stream

RESETS = 0x0F
"""Bits of the control byte: zlib streams that begin anew."""

# Kinds of compression, as control bytes without resets. Below _FILL: basic, with the stream in bits 4 and 5.
_FILTERED = 0x40
_FILL = 0x80
_JPEG = 0x90
_PNG = 0xA0

_PALETTE, _GRADIENT = 1, 2  # filters; 0 copies

_MIN_COMPRESSED = 12  # shorter data is sent as it is, without a length

_TIGHT = 7
_UPDATE = 0  # FramebufferUpdate
_HEAD_MAX = 17  # rectangle header, control, filter and a length of three bytes; or header, control and a pixel


def plain_controls(running: list[bool]) -> bytearray:
    """The control bytes that `run` may take, as a table: no resets, and the stream, if any, is running."""
    table = bytearray(256)
    table[_FILL] = table[_JPEG] = 1
    for stream, runs in enumerate(running):
        table[stream << 4] = table[stream << 4 | _FILTERED] = runs
    return table


def run(  # noqa: C901  flat on purpose: see below
    view: memoryview,
    at: int,
    limit: int,
    left: int,
    tpixel: int,
    plain: bytearray,
    ends: list[int],
    *,
    across: bool,
) -> tuple[int, int, int, int]:
    """Take whole plain Tight rectangles in a row: the `left` ones of this update, and `across` its end the next ones'.

    Returns where it stopped, how many rectangles are left there, the length of the next one if that is plain and not
    all here, else 0, and how many updates were begun. Fills `ends`: where each stream's last compressed bytes end, 0 if
    there were none. Stops before whatever needs a closer look: another encoding, a control byte that is not plain,
    fewer than four compressed bytes, another message, an update without rectangles, the view's end.

    Long and flat because every rectangle of a busy screen comes through here: 0.4 to 0.6 µs each in CPython 3.11, and
    0.04 compiled; several when each goes through `describe`. Each update that begins elsewhere costs as much as ten
    rectangles.
    """
    last = limit - _HEAD_MAX
    compressed_from = _MIN_COMPRESSED
    updates = needed = 0
    passed = [0, 0, 0, 0]
    while at <= last:
        if not left:
            kind, count = wire.update_head(view, at)
            if not across or kind != _UPDATE or not count:
                break
            at += 4
            left = count
            updates += 1
            continue
        width, height, encoding, control, b0, b1, b2 = wire.tight_head(view, at + 4)
        if encoding != _TIGHT or not plain[control]:
            break
        data_at = at + 13
        if control == _FILL:
            at = data_at + tpixel
            left -= 1
            continue
        if control == _JPEG:
            size = compressed_from
        elif control < _FILTERED:
            size = width * height * tpixel
        else:
            if b0 == _PALETTE:
                colours = b1 + 1
                data_at += 2 + colours * tpixel
                size = (width + 7 >> 3 if colours <= 2 else width) * height
            else:
                data_at += 1
                size = width * height * tpixel
            if b0 > _GRADIENT or data_at + 3 > limit:
                break
            b0, b1, b2 = wire.three_bytes(view, data_at)
        if size < compressed_from:
            end = data_at + size
        else:
            if b0 < 0x80:
                length = b0
                end = data_at + 1 + length
            elif b1 < 0x80:
                length = b0 & 0x7F | b1 << 7
                end = data_at + 2 + length
            else:
                length = b0 & 0x7F | (b1 & 0x7F) << 7 | b2 << 14
                end = data_at + 3 + length
            if control < _FILL:
                if length < 4:
                    break
                if end <= limit:
                    passed[control >> 4 & 3] = end
        if end > limit:
            needed = end - at
            break
        at = end
        left -= 1
    ends[:] = passed
    return at, left, needed, updates


@dataclass(frozen=True, slots=True)
class Tight:
    """Where the parts of one rectangle are: [head_at] control byte, [length_at] length, [data_at] data, [end].

    `stream`: the zlib stream that the data belongs to, None if it is not compressed.
    """

    control: int
    stream: Stream | None
    head_at: int
    length_at: int
    data_at: int
    end: int

    @property
    def resets(self) -> int:
        """The zlib streams that begin anew, as bits."""
        return self.control & RESETS

    def head(self, view: memoryview, resets: int, skipped: int) -> bytes:
        """What comes before the data, with these reset bits, when its first `skipped` bytes are left out."""
        control = self.control & ~RESETS | resets
        middle = bytes(view[self.head_at + 1 : self.length_at])
        length = b"" if self.length_at == self.data_at else compact(self.end - self.data_at - skipped)
        return bytes([control]) + middle + length


def compact(length: int) -> bytes:
    """A length in one to three bytes: 7, 7 and 8 bits, the low ones first."""
    if length < 1 << 7:
        return bytes([length])
    if length < 1 << 14:
        return bytes([length & 0x7F | 0x80, length >> 7])
    return bytes([length & 0x7F | 0x80, length >> 7 & 0x7F | 0x80, length >> 14])


def describe(view: memoryview, at: int, limit: int, width: int, height: int, tpixel: int, *, png: bool) -> Tight | int:
    """The rectangle whose header ends at `at`, or the end that must be here before that can be said.

    `png`: it is TightPNG. Raises NotUnderstood for compressions and filters that do not exist.
    """
    if at >= limit:
        return at + 1
    control = view[at]
    kind = control & ~RESETS
    if kind == _FILL:
        return Tight(control, None, at, at + 1, at + 1, at + 1 + tpixel)
    if kind == _JPEG or (kind == _PNG and png):
        return _with_length(view, limit, control, None, at, at + 1)
    if kind > _FILL:
        raise NotUnderstood(f"Tight compression {kind >> 4}")
    return _describe_basic(view, at, limit, width, height, tpixel)


def _describe_basic(view: memoryview, at: int, limit: int, width: int, height: int, tpixel: int) -> Tight | int:
    control = view[at]
    data_at = at + 1
    size = width * height * tpixel
    if control & _FILTERED:
        if data_at >= limit:
            return data_at + 1
        chosen = view[data_at]
        data_at += 1
        if chosen > _GRADIENT:
            raise NotUnderstood(f"Tight filter {chosen}")
        if chosen == _PALETTE:
            if data_at >= limit:
                return data_at + 1
            colours = view[data_at] + 1
            data_at += 1 + colours * tpixel
            size = ((width + 7) // 8 if colours <= 2 else width) * height
    if size < _MIN_COMPRESSED:
        return Tight(control, None, at, data_at, data_at, data_at + size)
    return _with_length(view, limit, control, Stream(control >> 4 & 3), at, data_at)


def _with_length(
    view: memoryview, limit: int, control: int, stream: Stream | None, head_at: int, length_at: int
) -> Tight | int:
    length = 0
    for i in range(3):
        if length_at + i >= limit:
            return length_at + i + 1
        byte = view[length_at + i]
        length |= (byte & 0x7F if i < 2 else byte) << 7 * i
        if byte < 0x80 or i == 2:
            break
    data_at = length_at + i + 1
    return Tight(control, stream, head_at, length_at, data_at, data_at + length)
