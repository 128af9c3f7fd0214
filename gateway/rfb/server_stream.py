"""What the upstream sends after ServerInit."""

from gateway.rfb.held import HeldBudget
from gateway.rfb.memory import Memory
from gateway.rfb.policy import Policy


class ServerStream:
    """Interface first: framing follows."""

    def __init__(self, memory: Memory, budget: HeldBudget, policy: Policy | None = None) -> None:
        self.memory = memory
        self.budget = budget
        self.policy = policy or Policy()
        self.held = 0

    def receive(self, data: memoryview, out: list[memoryview | bytes]) -> None:
        """Append to `out` what may go to the browser now. Raises NotUnderstood."""
        out.append(data)
