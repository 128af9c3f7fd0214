"""What the browser sends after ClientInit."""

from gateway.rfb.memory import Memory
from gateway.rfb.policy import Policy


class ClientStream:
    """Interface first: framing follows."""

    def __init__(self, memory: Memory, policy: Policy | None = None) -> None:
        self.memory = memory
        self.policy = policy or Policy()
        self.messages = 0
        self.human_messages = 0

    def receive(self, data: bytes | memoryview, out: list[bytes | memoryview]) -> None:
        """Append to `out` the whole messages that may go to the upstream. Raises ProtocolViolation, TooBig."""
        out.append(data)
