"""The server's side of one RFB connection (RFC 6143), sans I/O: bytes in, bytes out.

Owns the client's messages. Leaves the opening to `handshake`, what is sent to `updates`, the picture and what keys
do to the desktop, and sockets and time to `viewer`.
"""

import struct
from collections.abc import Callable
from typing import Protocol

from gateway.simulator.desktop import wire
from gateway.simulator.desktop.canvas import Canvas
from gateway.simulator.desktop.damage import Copy
from gateway.simulator.desktop.geometry import Rect
from gateway.simulator.desktop.handshake import ClientError, Conversation, ServerOptions, handshake
from gateway.simulator.desktop.pixel_format import SERVER_FORMAT, PixelFormat, colour_map
from gateway.simulator.desktop.updates import Updates
from gateway.simulator.desktop.wire import Encoding, FromClient, FromServer

MOST_CUT_TEXT = 256 * 1024  # a large paste
QEMU_KEY_EVENT = 0  # the only one of QEMU's submessages that is offered
HELLO = b"hello"  # the payload of the fence that announces fences


class Screen(Protocol):
    """What is shown, and who hears of input."""

    @property
    def name(self) -> str: ...

    @property
    def canvas(self) -> Canvas: ...

    def join(self, viewer: "RfbServer") -> None: ...

    def leave(self, viewer: "RfbServer") -> None: ...

    def key(self, keysym: int, *, down: bool) -> None: ...

    def pointer(self, x: int, y: int, buttons: int) -> None: ...

    def cut_text(self, text: str) -> None: ...

    def ask_size(self, width: int, height: int, by: "RfbServer") -> int:
        """Try to become that large; how it went is a status of ExtendedDesktopSize."""
        ...


class RfbServer:
    """One viewer. `wake` is called when `take` may have something new; `challenge` is 16 random bytes."""

    def __init__(self, screen: Screen, options: ServerOptions, *, challenge: bytes, wake: Callable[[], None]) -> None:
        self.messages = 0  # whole client messages after the handshake
        self.inputs = 0  # those of them that a human makes: keys and pointer
        self._screen = screen
        self._options = options
        self._challenge = challenge
        self._wake = wake
        self._out = bytearray()
        self._buffer = bytearray()
        self._updates: Updates | None = None  # from ServerInit on
        self._announced: set[Encoding] = set()
        self._conversation = self._converse()
        self._need = next(self._conversation)

    def receive(self, data: bytes) -> None:
        """Work off what the client sent. Raises ClientError; what `take` then gives is still to be sent."""
        self._buffer += data
        try:
            while len(self._buffer) >= self._need:
                part = bytes(self._buffer[: self._need])
                del self._buffer[: self._need]
                self._need = self._conversation.send(part)
        finally:
            self._wake()

    def take(self) -> bytes:
        """All that can be sent now: answers, then an update if one is asked for and something changed."""
        if self._updates is not None:
            self._out += self._updates.take(self._screen.name)
        out = bytes(self._out)
        self._out.clear()  # the same object stays: the handshake writes to it, too
        return out

    @property
    def unsent(self) -> int:
        """Bytes of answers that wait for `take`."""
        return len(self._out)

    def close(self) -> None:
        """The connection is gone."""
        self._screen.leave(self)

    # What the desktop reports. It knows only viewers that are past the handshake.

    def painted(self, rect: Rect) -> None:
        self._picture.painted(rect)
        self._wake()

    def scrolled(self, copy: Copy) -> None:
        self._picture.scrolled(copy)
        self._wake()

    def resized(self, by: "RfbServer | None") -> None:
        """The canvas was replaced by one of another size; who asked for it has its answer from `ask_size`."""
        self._picture.resized(self._screen.canvas)
        if by is not self:
            self._picture.tell_size(wire.BY_OTHER, wire.RESIZED)
        self._wake()

    def renamed(self) -> None:
        self._picture.renamed()
        self._wake()

    def say(self, message: bytes) -> None:
        """Send a whole server message."""
        self._out += message
        self._wake()

    @property
    def _picture(self) -> Updates:
        assert self._updates is not None, "before ServerInit nothing is shown"
        return self._updates

    # The conversation.

    def _converse(self) -> Conversation:
        yield from handshake(self._options, self._challenge, self._out)
        canvas = self._screen.canvas
        name = self._screen.name.encode()
        self._updates = Updates(canvas)
        self._out += struct.pack(">HH", canvas.width, canvas.height) + SERVER_FORMAT.pack()
        self._out += struct.pack(">I", len(name)) + name
        self._screen.join(self)
        while True:
            kind = (yield 1)[0]
            yield from self._message(kind)
            self.messages += 1
            self.inputs += kind in {FromClient.KEY, FromClient.POINTER, FromClient.QEMU}

    def _message(self, kind: int) -> Conversation:
        """Read one message and do what it says. Extensions count only once the client has been told of them."""
        offered = {
            FromClient.SET_PIXEL_FORMAT: self._set_pixel_format,
            FromClient.SET_ENCODINGS: self._set_encodings,
            FromClient.UPDATE_REQUEST: self._update_request,
            FromClient.KEY: self._key,
            FromClient.POINTER: self._pointer,
            FromClient.CUT_TEXT: self._cut_text,
        }
        if Encoding.CONTINUOUS_UPDATES in self._announced:
            offered[FromClient.ENABLE_CONTINUOUS_UPDATES] = self._enable_continuous_updates
        if Encoding.FENCE in self._announced:
            offered[FromClient.FENCE] = self._fence
        if self._picture.accepts(Encoding.EXTENDED_DESKTOP_SIZE):
            offered[FromClient.SET_DESKTOP_SIZE] = self._set_desktop_size
        if self._picture.accepts(Encoding.QEMU_KEY):
            offered[FromClient.QEMU] = self._qemu
        if kind not in offered:
            raise ClientError(f"message {kind} is unknown or was not offered")
        return offered[FromClient(kind)]()

    def _set_pixel_format(self) -> Conversation:
        data = yield 19
        try:
            self._picture.format = PixelFormat.unpack(data[3:])
        except ValueError as error:
            raise ClientError(str(error)) from error
        if not self._picture.format.true_colour:
            self._out += colour_map()

    def _set_encodings(self) -> Conversation:
        (count,) = struct.unpack(">xH", (yield 3))
        listed = list(struct.unpack(f">{count}i", (yield 4 * count)))
        self._picture.set_encodings(listed, self._options.without)
        for extension in (Encoding.FENCE, Encoding.CONTINUOUS_UPDATES):
            if self._picture.accepts(extension) and extension not in self._announced:
                self._announced.add(extension)
                if extension is Encoding.FENCE:
                    self._out += wire.fence(wire.FENCE_REQUEST, HELLO)
                else:
                    self._out.append(FromServer.END_OF_CONTINUOUS_UPDATES)

    def _update_request(self) -> Conversation:
        incremental, x, y, width, height = struct.unpack(">BHHHH", (yield 9))
        self._picture.request(Rect(x, y, width, height), incremental=bool(incremental))

    def _key(self) -> Conversation:
        down, keysym = struct.unpack(">BxxI", (yield 7))
        self._screen.key(keysym, down=bool(down))

    def _pointer(self) -> Conversation:
        buttons, x, y = struct.unpack(">BHH", (yield 5))
        self._screen.pointer(x, y, buttons)

    def _cut_text(self) -> Conversation:
        (length,) = struct.unpack(">xxxi", (yield 7))
        if not 0 <= length <= MOST_CUT_TEXT:
            raise ClientError(f"cut text of {length} bytes")
        self._screen.cut_text((yield length).decode("latin-1"))

    def _enable_continuous_updates(self) -> Conversation:
        enable, x, y, width, height = struct.unpack(">BHHHH", (yield 9))
        if enable:
            self._picture.continuous = Rect(x, y, width, height)
        elif self._picture.continuous is not None:
            self._picture.continuous = None
            self._out.append(FromServer.END_OF_CONTINUOUS_UPDATES)

    def _fence(self) -> Conversation:
        flags, length = struct.unpack(">xxxIB", (yield 8))
        payload = yield length
        if flags & wire.FENCE_REQUEST:
            self._out += wire.fence(flags & wire.FENCE_FLAGS, payload)

    def _set_desktop_size(self) -> Conversation:
        width, height, screens = struct.unpack(">xHHBx", (yield 7))
        yield 16 * screens
        status = self._screen.ask_size(width, height, self) if screens == 1 else wire.INVALID_LAYOUT
        self._picture.tell_size(wire.BY_CLIENT, status)

    def _qemu(self) -> Conversation:
        (kind,) = yield 1
        if kind != QEMU_KEY_EVENT:
            raise ClientError(f"QEMU's message {kind} was not offered")
        down, keysym, _keycode = struct.unpack(">HII", (yield 10))
        self._screen.key(keysym, down=bool(down))
