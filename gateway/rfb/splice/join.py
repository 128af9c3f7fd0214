"""The way back: from a new server's ServerInit to two streams that go on (rfb.md §5.3 to §5.5)."""

from gateway.rfb.held import HeldBudget
from gateway.rfb.memory import Memory
from gateway.rfb.policy import Policy
from gateway.rfb.splice.joined import JoinedStream


def join(
    memory: Memory, server_init: bytes, budget: HeldBudget, policy: Policy | None = None
) -> tuple[JoinedStream, list[bytes]]:
    """Take up a new upstream whose handshake is over: its stream, and the messages to send to it at once, in order.

    The session is no longer away: client messages pass to this upstream after those. `memory.seam.to_browser` may hold
    messages: interject them before the server's first bytes. Raises NotUnderstood for an impossible ServerInit.
    """
    raise NotImplementedError
