"""What the browser sends after ClientInit, on its way to the upstream (RFC 6143 §7.5, rfbproto).

Owns the decision which messages pass and which are dropped, for lack of rights or because this upstream never offered
what they use. Leaves layouts to client_messages, the rules and what a message changes to requests. One of these lives
as long as the browser's connection.

Only whole messages leave, so the upstream is always at a message's border.
"""

from collections.abc import Mapping, Sequence

from gateway.errors import ProtocolViolation
from gateway.rfb import clipboard, requests
from gateway.rfb.client_messages import MEASURES
from gateway.rfb.framing import Framing, Released
from gateway.rfb.memory import Capability, Memory
from gateway.rfb.messages import EXTENDED_BUTTONS, ClientMessage
from gateway.rfb.policy import Policy
from gateway.rfb.requests import QEMU_RULES, RULES, Effect, Rule

# An enum's member costs more than all else about a pointer event in CPython 3.11, so those are read once.
_POINTER_EVENT, _CUT_TEXT, _QEMU = ClientMessage.POINTER_EVENT, ClientMessage.CUT_TEXT, ClientMessage.QEMU
_EXTENDED_MOUSE = Capability.EXTENDED_MOUSE

# What people cause, nearly all there is: of one length, needing no capability. Found here a message skips the questions
# to which the answer is known, half of its cost.
_WITH_CONTROL: Mapping[int, tuple[int, Effect, bool]] = {
    int(ClientMessage.POINTER_EVENT): (6, requests.pointer, True),
    int(ClientMessage.KEY_EVENT): (8, requests.key, True),
    int(ClientMessage.FRAMEBUFFER_UPDATE_REQUEST): (10, requests.update_request, False),
}
"""By kind: length, effect, and whether only a person sends it."""
_WITHOUT_CONTROL = {kind: plain for kind, plain in _WITH_CONTROL.items() if not RULES[kind].control}


class ClientStream(Framing):
    """Feed it the browser's bytes; it gives the messages that the upstream may have. See Framing.receive.

    `messages`, `human_messages`: how many whole messages came, and how many of them were keys and pointer, dropped ones
    included.
    """

    __slots__ = ("_plain", "human_messages", "memory", "messages", "policy")

    def __init__(self, memory: Memory, policy: Policy | None = None) -> None:
        super().__init__()
        self.memory = memory
        self.policy = policy or Policy()
        self.messages = 0
        self.human_messages = 0
        self._plain = _WITH_CONTROL if self.policy.control else _WITHOUT_CONTROL

    def _advance(self, view: memoryview, at: int, limit: int, out: Released) -> int:
        """See Framing. Raises ProtocolViolation, TooBig."""
        memory, kind = self.memory, view[at]
        plain = self._plain.get(kind)
        if plain is None or memory.seam.away or (kind == _POINTER_EVENT and _EXTENDED_MOUSE in memory.learned):
            return self._any_message(view, at, limit, out)
        length, effect, human = plain
        end = at + length
        if end > limit:
            self._need = length
            return at
        self.messages += 1
        self.human_messages += human
        parts = effect(memory, bytes(view[at:end]))
        if parts is not None:
            self._replace(view, at, end, parts, out)
        return end

    def _any_message(self, view: memoryview, at: int, limit: int, out: Released) -> int:
        end = self._measure(view, at, limit)
        if end > limit:
            self._need = end - at
            return at
        kind = view[at]
        rule = QEMU_RULES[view[at + 1]] if kind == _QEMU else RULES[kind]
        self.messages += 1
        self.human_messages += rule.human
        has_right = self._has_right(rule, view, at)
        self.memory.acts.denied += not has_right
        if not has_right or not self._may_pass(rule, view, at):
            parts = self._in_its_place(rule, bytes(view[at:end])) if has_right else None
            if parts is None:
                self.memory.withhold(rule.name, bytes(view[at:end]))
            self._replace(view, at, end, parts or (), out)
        elif rule.effect is not None:
            parts = rule.effect(self.memory, bytes(view[at:end]))
            if parts is not None:
                self._replace(view, at, end, parts, out)
        return end

    def _measure(self, view: memoryview, at: int, limit: int) -> int:
        kind = view[at]
        measure = MEASURES.get(kind)
        if measure is None:
            raise ProtocolViolation(f"client message of type {kind}")
        if kind == _POINTER_EVENT and _EXTENDED_MOUSE in self.memory.learned:
            if at + 2 > limit:
                return at + 2
            return at + 7 if view[at + 1] & EXTENDED_BUTTONS else at + 6
        return measure(view, at, limit)

    def _has_right(self, rule: Rule, view: memoryview, at: int) -> bool:
        policy = self.policy
        if (rule.control and not policy.control) or (rule.power and not policy.power):
            return False
        if view[at] != _CUT_TEXT:
            return True
        flags = clipboard.flags_in(view, at)
        return clipboard.permitted(flags, sender_gives=policy.text_to_vm, sender_takes=policy.text_from_vm)

    def _may_pass(self, rule: Rule, view: memoryview, at: int) -> bool:
        """Whether there is an upstream that takes such a message."""
        memory = self.memory
        if memory.seam.away:
            return False
        if view[at] == _CUT_TEXT and clipboard.flags_in(view, at) is not None:
            return Capability.EXTENDED_CLIPBOARD in memory.offered
        if rule.offer is None or rule.offer in memory.offered:
            return True
        # Some clients resize without waiting for the offer. Nobody is known to end a connection for it.
        return rule.offer is Capability.DESKTOP_SIZE and rule.offer not in memory.learned

    def _in_its_place(self, rule: Rule, message: bytes) -> Sequence[bytes] | None:
        """What goes to the upstream instead of a message that can't; None if it is lost (rfb.md §4, §5.2)."""
        memory = self.memory
        if rule.offer is not None and rule.offer not in memory.learned:
            return None
        effect = rule.away if memory.seam.away else rule.instead
        return None if effect is None else effect(memory, message)
