"""Everything that a later replay or splice needs to know, in one place (rfb.md §1 last columns, §4, §5).

Owns what the browser has been told and what it has asked for, over all upstream connections of a session. The two
streams write it as messages pass; whoever joins a new server to this client reads it. Leaves where the browser
stands inside a message to ServerStream, which lives only as long as one upstream connection.
"""

from collections import Counter
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum, auto
from struct import Struct

from gateway.rfb.encodings import negotiable
from gateway.rfb.format_book import FormatBook
from gateway.rfb.inflators import Inflator, Stream
from gateway.rfb.messages import FENCE_REQUEST
from gateway.rfb.pixel_format import PixelFormat
from gateway.rfb.server_init import ServerInit
from gateway.rfb.splice.report import Note
from gateway.rfb.splice.seam import Seam

_POINTER_EVENT = Struct(">xBHH")

KEYS_MAX = 256  # more than fingers, and than keys; what is pressed beyond is not remembered
FENCES_MAX = 64  # a client has one or two open; what it asks beyond is forgotten, oldest first


class Capability(IntEnum):
    """What a server announces in mid-stream, and a client may use only then."""

    FENCE = auto()
    CONTINUOUS_UPDATES = auto()
    XVP = auto()
    DESKTOP_SIZE = auto()
    QEMU_KEY = auto()
    AUDIO = auto()
    EXTENDED_MOUSE = auto()
    EXTENDED_CLIPBOARD = auto()
    GII = auto()
    """Never announced: its pseudo-encoding is not negotiated."""


class Change(StrEnum):
    """What the browser gets differently from what the server sent (rfb.md, "What is changed outside a splice")."""

    COLOUR_MAP_DROPPED = "colour_map_dropped"
    EMPTY_UPDATE_FILLED = "empty_update_filled"
    TIGHT_RESET_CLEARED = "tight_reset_cleared"
    ZLIB_HEADER_DROPPED = "zlib_header_dropped"
    OWN_FENCE_DROPPED = "own_fence_dropped"
    CLIPBOARD_DROPPED = "clipboard_dropped"


@dataclass(slots=True)
class Keyboard:
    """Keys that are down: keysyms of KeyEvent, and of QEMU's extended events keycode → keysym.

    `translated`: of extended events too, but the server got plain ones, and will get a plain release. TigerVNC knows
    a key that was pressed by keysym only by that.
    """

    keysyms: dict[int, None] = field(default_factory=dict)
    keycodes: dict[int, int] = field(default_factory=dict)
    translated: dict[int, int] = field(default_factory=dict)

    @property
    def anything_held(self) -> bool:
        """Whether any key is down."""
        return bool(self.keysyms or self.keycodes or self.translated)

    def key(self, keysym: int, *, down: bool) -> None:
        """A KeyEvent went to the server."""
        if not down:
            self.keysyms.pop(keysym, None)
        elif len(self.keysyms) < KEYS_MAX:
            self.keysyms[keysym] = None

    def qemu_key(self, keycode: int, keysym: int, *, down: bool) -> None:
        """An extended one did. The keysym at the release may be another one, so the keycode tells keys apart."""
        if not down:
            self.keycodes.pop(keycode, None)
        elif len(self.keycodes) < KEYS_MAX:
            self.keycodes[keycode] = keysym

    def translate(self, keycode: int, keysym: int, *, down: bool) -> int:
        """An extended event goes to the server as a plain one: with which keysym, 0 if it can't."""
        if not down:
            self.keycodes.pop(keycode, None)
            return self.translated.pop(keycode, keysym)
        if keysym and (keycode in self.translated or len(self.translated) < KEYS_MAX):
            return self.translated.setdefault(keycode, keysym)
        return keysym


@dataclass(frozen=True, slots=True)
class Pointer:
    """A PointerEvent. `buttons` has nine bits: seven of the plain mask, two of the extended one."""

    buttons: int
    x: int
    y: int

    @classmethod
    def parse(cls, message: bytes) -> "Pointer":
        """The event in a message of 6 bytes, or of 7 with Extended Mouse Buttons."""
        buttons, x, y = _POINTER_EVENT.unpack_from(message)
        if len(message) > _POINTER_EVENT.size:
            buttons = buttons & 0x7F | message[_POINTER_EVENT.size] << 7
        return cls(buttons, x, y)


@dataclass(slots=True)
class Fences:
    """Fence requests without an answer yet.

    `owed_by_client`: how many of this upstream's. `owed_by_server`: (flags, payload) of the client's, oldest first.
    `ours`: payloads of requests that the gateway itself has sent to this upstream; their answers are not the browser's.
    """

    owed_by_client: int = 0
    owed_by_server: list[tuple[int, bytes]] = field(default_factory=list)
    ours: list[bytes] = field(default_factory=list)

    def from_server(self, flags: int, payload: bytes) -> None:
        """A fence went to the client."""
        if flags & FENCE_REQUEST:
            self.owed_by_client += 1
            return
        # An answer may have fewer flags than its request, but has its payload.
        answered = next((fence for fence in self.owed_by_server if fence[1] == payload), None)
        if answered is not None:
            self.owed_by_server.remove(answered)

    def from_client(self, flags: int, payload: bytes) -> None:
        """A fence went to the server."""
        if flags & FENCE_REQUEST:
            self.owed_by_server.append((flags, payload))
            del self.owed_by_server[:-FENCES_MAX]
        elif self.owed_by_client:
            self.owed_by_client -= 1


@dataclass(slots=True)
class Audio:
    """QEMU audio as the client set it: the SetFormat message, and whether it is enabled."""

    set_format: bytes | None = None
    enabled: bool = False


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last cursor rectangle, header included, and the pixel format that it is in."""

    rectangle: bytes
    pixel_format: PixelFormat


@dataclass(slots=True)
class Acts:
    """What an audit asks about: bytes of clipboard text that passed, as they were sent, and xvp operations by code.

    `denied`: client messages dropped for lack of rights.
    """

    text_to_vm: int = 0
    text_from_vm: int = 0
    power: Counter[int] = field(default_factory=Counter)
    denied: int = 0


class Memory:
    """One per browser connection, begun with the first ServerInit.

    What the client knows: `width`, `height`, `name`, `cursor`, `learned` (capabilities that it was ever told of),
    `inflators` (what its zlib streams were fed), `clipboard_flags` (of the last extended capabilities).

    What the client asked for: `formats`, `pixel_format_set` (at least once), `encodings_asked` (each once, of those
    that can be framed; None before the first SetEncodings) and `encodings` (what the server may use of them),
    `keyboard`, `pointer_event` (the last, with the buttons that are not masked; the server may have got it without
    back and forward), `continuous_updates` (the last EnableContinuousUpdates), `desktop_size_asked` (a SetDesktopSize
    without an answer), `audio`.

    About the upstream of the moment: `offered` (capabilities), `fences`; about the way from one to the next: `seam`.

    Counted: `changed` (exceptions to "the server's own bytes"), `oversized` (messages too large to hold),
    `messages_beside_updates` (server messages that the browser got and `formats` does not count), `dropped` (client
    messages withheld, by name), `acts`.
    """

    def __init__(self, server_init: bytes) -> None:
        self.server_init = ServerInit.parse(server_init)
        self.width = self.server_init.width
        self.height = self.server_init.height
        self.name = self.server_init.name
        self.formats = FormatBook(self.server_init.pixel_format)
        self.pixel_format_set = False
        self.encodings_asked: tuple[int, ...] | None = None
        self.encodings: tuple[int, ...] = ()
        self.keyboard = Keyboard()
        self.pointer_event: bytes | None = None
        self.continuous_updates: bytes | None = None
        self.desktop_size_asked: bytes | None = None
        self.audio = Audio()
        self.cursor: Cursor | None = None
        self.fences = Fences()
        self.seam = Seam()
        self.learned: set[Capability] = set()
        self.offered: set[Capability] = set()
        self.clipboard_flags: int | None = None
        self.inflators: list[Inflator] = [Inflator() for _ in Stream]
        self.changed: Counter[Change] = Counter()
        self.oversized = 0
        self.messages_beside_updates = 0
        self.dropped: Counter[str] = Counter()
        self.acts = Acts()

    @property
    def pointer(self) -> Pointer | None:
        """Where the pointer is and what it presses, None before its first event."""
        return None if self.pointer_event is None else Pointer.parse(self.pointer_event)

    @property
    def messages_from_server(self) -> int:
        """How many server messages the browser got, of all upstreams so far."""
        return self.formats.updates + self.messages_beside_updates

    def withhold(self, name: str, message: bytes) -> None:
        """Count a client message that no server gets."""
        self.dropped[name] += 1
        self.seam.report.note(Note.WITHHELD, len(message))

    def negotiated(self) -> tuple[int, ...]:
        """Of the encodings asked for those that can be framed now, and joined to what the client has."""
        return negotiable(self.encodings_asked or (), self.formats.asked, self.seam.encodings_left_out)

    def offer(self, capability: Capability) -> None:
        """The upstream announces a capability, and the client hears it."""
        self.offered.add(capability)
        self.learned.add(capability)
