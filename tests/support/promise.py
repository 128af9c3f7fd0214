"""The promise about bytes: what the browser gets is what the server sent, except the list of rfb.md §1."""

from collections.abc import Sequence
from itertools import zip_longest

from support.rfb_client.decoder import Message
from support.rfb_client.wire import Encoding, ServerMessage


def difference(
    server: bytes,
    server_messages: Sequence[Message],
    browser: bytes,
    browser_messages: Sequence[Message],
    *,
    true_colour: bool = True,
) -> str | None:
    """The first place where the browser's bytes are not the server's, None if there is none.

    Undone are: colour maps, which a `true_colour` client is not sent, and an update of no rectangles, which becomes
    one zero-area Raw rectangle. Bytes after the last whole message are compared as they are.
    """
    left_out = {ServerMessage.SET_COLOUR_MAP_ENTRIES} if true_colour else set()
    due = [message for message in server_messages if message.kind not in left_out]
    for sent, got in zip_longest(due, browser_messages):
        if sent is None:
            return f"{got.kind.name} at {got.start} of the browser's bytes: the server has not sent it"
        if got is None:
            return f"{sent.kind.name} at {sent.start} of the server's bytes: the browser has not got it"
        same = server[sent.start : sent.end] == browser[got.start : got.end]
        if not same and not (_is_empty(sent) and _is_filler(got)):
            return f"{sent.kind.name} at {sent.start} of the server's bytes, {got.start} of the browser's: they differ"
    rest = server[_end(server_messages) :], browser[_end(browser_messages) :]
    return None if rest[0] == rest[1] else f"unfinished message: {len(rest[0])} bytes sent, {len(rest[1])} received"


def _end(messages: Sequence[Message]) -> int:
    return messages[-1].end if messages else 0


def _is_empty(message: Message) -> bool:
    return message.kind is ServerMessage.FRAMEBUFFER_UPDATE and not message.rectangles


def _is_filler(message: Message) -> bool:
    if len(message.rectangles) != 1:
        return False
    (rect,) = message.rectangles
    return rect.encoding == Encoding.RAW and rect.area == 0 and rect.end - rect.start == 12
