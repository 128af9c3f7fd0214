"""What the browser sends after ClientInit, on its way to the upstream (RFC 6143 §7.5, rfbproto).

Owns which messages pass and which are dropped, for lack of rights or because this upstream never offered what they use:
QEMU ends the connection of a client that does not wait for the offer. Leaves layouts to client_messages, and what a
message that passes changes to requests. One of these lives as long as the browser's connection.

Only whole messages leave, so the upstream is always at a message's border.
"""

from collections.abc import Mapping

from gateway.errors import ProtocolViolation
from gateway.rfb import clipboard
from gateway.rfb.client_messages import MEASURES, Request, request_in
from gateway.rfb.framing import Framing, Released
from gateway.rfb.memory import Capability, Memory
from gateway.rfb.messages import EXTENDED_BUTTONS, ClientMessage
from gateway.rfb.policy import Policy
from gateway.rfb.requests import EFFECTS

HUMAN = frozenset({Request.KEY, Request.QEMU_KEY, Request.POINTER})
"""What only a person sends."""

NEEDS_CONTROL = HUMAN | {Request.CUT_TEXT, Request.SET_DESKTOP_SIZE, Request.XVP, Request.AUDIO}

NEEDS_OFFER: Mapping[Request, Capability] = {
    Request.CONTINUOUS_UPDATES: Capability.CONTINUOUS_UPDATES,
    Request.FENCE: Capability.FENCE,
    Request.XVP: Capability.XVP,
    Request.SET_DESKTOP_SIZE: Capability.DESKTOP_SIZE,
    Request.AUDIO: Capability.AUDIO,
    Request.GII: Capability.GII,
}
"""QEMU's key events are missing here: they become plain ones where they were not offered."""


class ClientStream(Framing):
    """Feed it the browser's bytes; it gives the messages that the upstream may have. See Framing.receive.

    `messages`, `human_messages`: how many whole messages came, and how many of them were keys and pointer, dropped ones
    included.
    """

    __slots__ = ("human_messages", "memory", "messages", "policy")

    def __init__(self, memory: Memory, policy: Policy | None = None) -> None:
        super().__init__()
        self.memory = memory
        self.policy = policy or Policy()
        self.messages = 0
        self.human_messages = 0

    def _advance(self, view: memoryview, at: int, limit: int, out: Released) -> int:
        """See Framing. Raises ProtocolViolation, TooBig."""
        end = self._measure(view, at, limit)
        if end > limit:
            self._need = end - at
            return at
        request = request_in(view, at)
        self.messages += 1
        self.human_messages += request in HUMAN
        if not self._permitted(request, view, at):
            self.memory.dropped[request] += 1
            self._replace(view, at, end, (), out)
            return end
        effect = EFFECTS.get(request)
        parts = effect(self.memory, bytes(view[at:end])) if effect is not None else None
        if parts is not None:
            self._replace(view, at, end, parts, out)
        return end

    def _measure(self, view: memoryview, at: int, limit: int) -> int:
        kind = view[at]
        measure = MEASURES.get(kind)
        if measure is None:
            raise ProtocolViolation(f"client message of type {kind}")
        if kind == ClientMessage.POINTER_EVENT and self.memory.learned & Capability.EXTENDED_MOUSE:
            if at + 2 > limit:
                return at + 2
            return at + 7 if view[at + 1] & EXTENDED_BUTTONS else at + 6
        return measure(view, at, limit)

    def _permitted(self, request: Request, view: memoryview, at: int) -> bool:
        policy, offered = self.policy, self.memory.offered
        if request in NEEDS_CONTROL and not policy.control:
            return False
        if request is Request.XVP and not policy.power:
            return False
        needed = NEEDS_OFFER.get(request)
        if needed is not None and not offered & needed:
            # Some clients resize without waiting for the offer. Nobody is known to end a connection for it.
            return request is Request.SET_DESKTOP_SIZE and not self.memory.learned & needed
        if request is not Request.CUT_TEXT:
            return True
        flags = clipboard.flags_in(view, at)
        if flags is not None and not offered & Capability.EXTENDED_CLIPBOARD:
            return False
        return clipboard.permitted(flags, sender_gives=policy.text_to_vm, sender_takes=policy.text_from_vm)
