"""noVNC in the gateway's own page, in Chromium: what its canvas shows, and whether its socket has stayed."""

import base64
import io
import json

import numpy as np
from PIL import Image
from playwright.async_api import Page, WebSocket

from support.chaos.novnc import JPEG_LEVELS, Wish
from support.page import state
from support.programs import eventually
from support.rfb_client.pixels import Colours

# As PNG, which is exact and smaller than the pixels.
_PICTURE = 'document.querySelector("#screen canvas").toDataURL("image/png").split(",")[1]'

# Puts another choice of encodings into noVNC's SetEncodings (type 2), which it sends as a message of its own.
_REWRITE = """
const [wanted, without] = {wish};
const send = WebSocket.prototype.send;
let own, socket;
WebSocket.prototype.send = function (data) {
  const bytes = data instanceof Uint8Array ? data : null;
  if (!bytes || bytes[0] !== 2) return send.call(this, data);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  own = Array.from({ length: view.getUint16(2) }, (_, at) => view.getInt32(4 + 4 * at));
  socket = this;
  ask();
};
function ask() {
  const pixels = (number) => (number >= 0 && number < 256) || number === -260;
  const kept = own.filter((number) => !without.includes(number) && !(wanted && pixels(number)));
  const list = [...(wanted ?? []), ...kept];
  const message = new DataView(new ArrayBuffer(4 + 4 * list.length));
  message.setUint8(0, 2);
  message.setUint16(2, list.length);
  list.forEach((number, at) => message.setInt32(4 + 4 * at, number));
  send.call(socket, message.buffer);
}
window.refine = (levels) => {
  without.push(...levels);
  ask();
  const { width, height } = document.querySelector("#screen canvas");
  const request = new DataView(new ArrayBuffer(10));
  request.setUint8(0, 3);
  request.setUint16(6, width);
  request.setUint16(8, height);
  send.call(socket, request.buffer);
};
"""


class Chrome:
    """A console page that is connected. Use `Chrome.open`."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._frames = 0
        self._sockets: list[WebSocket] = []
        self._closed = False

    @classmethod
    async def open(cls, page: Page, url: str, wish: Wish) -> "Chrome":
        one = cls(page)
        page.on("websocket", one._watch)
        wanted = None if wish.encodings is None else [int(number) for number in wish.encodings]
        without = sorted(int(number) for number in wish.without)
        await page.add_init_script(_REWRITE.replace("{wish}", json.dumps([wanted, without])))
        await page.goto(url)
        await state(page, "connected")
        return one

    @property
    def ended(self) -> str | None:
        """The page may use one socket, and it has to stay."""
        if len(self._sockets) > 1:
            return f"{len(self._sockets)} sockets"
        return "socket closed" if self._closed else None

    async def picture(self) -> Colours:
        data = base64.b64decode(await self._page.evaluate(_PICTURE))
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.uint8)

    async def drawn(self) -> int:
        """WebSocket messages that have come."""
        return self._frames

    async def draws(self, count: int, *, since: int, within: float = 10.0) -> None:
        await eventually(lambda: self._frames >= since + count, within=within, what=f"{count} messages")

    async def refine(self) -> None:
        await self._page.evaluate("levels => refine(levels)", sorted(JPEG_LEVELS))

    async def move(self, x: int, y: int) -> None:
        """The pointer to a place of the machine's screen."""
        place = "([x, y]) => { const c = document.querySelector('#screen canvas'), b = c.getBoundingClientRect();"
        place += " return [b.left + (x + 0.5) * b.width / c.width, b.top + (y + 0.5) * b.height / c.height]; }"
        left, top = await self._page.evaluate(place, [x, y])
        await self._page.mouse.move(left, top)

    def _watch(self, socket: WebSocket) -> None:
        self._sockets.append(socket)
        socket.on("framereceived", lambda _: self._count())
        socket.on("close", lambda _: self._end())

    def _count(self) -> None:
        self._frames += 1

    def _end(self) -> None:
        self._closed = True
