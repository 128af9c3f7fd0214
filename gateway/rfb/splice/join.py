"""The way back: from a new server's ServerInit to two streams that go on (rfb.md §5.3 to §5.5)."""

from gateway.rfb.encodings import Encoding
from gateway.rfb.held import HeldBudget
from gateway.rfb.memory import Memory
from gateway.rfb.policy import Policy
from gateway.rfb.server_init import ServerInit
from gateway.rfb.splice import fillers
from gateway.rfb.splice.joined import JoinedStream
from gateway.rfb.splice.replay import replay
from gateway.rfb.splice.report import Note


def join(
    memory: Memory, server_init: bytes, budget: HeldBudget, policy: Policy | None = None
) -> tuple[JoinedStream, list[bytes]]:
    """Take up a new upstream whose handshake is over: its stream, and the messages to send to it at once, in order.

    The session is no longer away: client messages pass to this upstream after those. There may be messages for the
    browser from now on: `interject` them before the server's first bytes. Raises NotUnderstood for an impossible
    ServerInit.
    """
    init = ServerInit.parse(server_init)
    _settle_books(memory)
    _tell_name(memory, init)
    messages = replay(memory, init)
    for message in messages:
        memory.seam.report.note(Note.REPLAYED, len(message))
    memory.seam.away = False
    return JoinedStream(memory, budget, policy, init), messages


def _settle_books(memory: Memory) -> None:
    """Answer what only the old server could have answered: no update comes in the old pixel format any more."""
    stale, ends = memory.formats.rejoin()
    for _ in range(stale):
        memory.seam.tell_browser(Note.EMPTY_UPDATE, fillers.EMPTY_UPDATE)
    for _ in range(ends):
        memory.seam.tell_browser(Note.UPDATES_ENDED, fillers.END_OF_CONTINUOUS_UPDATES)


def _tell_name(memory: Memory, init: ServerInit) -> None:
    if init.name != memory.name and Encoding.DESKTOP_NAME in memory.encodings:
        memory.name = init.name
        memory.seam.tell_browser(Note.NAME, fillers.desktop_name(init.name))
