"""What a session's user may do, as far as the RFB stream can tell.

Owns the value. Who gets which rights is decided by access; the two streams enforce them.
"""

from dataclasses import dataclass
from enum import StrEnum


class Clipboard(StrEnum):
    """The directions in which text may pass."""

    NONE = "none"
    TO_VM = "to_vm"
    FROM_VM = "from_vm"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Policy:
    """Rights of product.md, with its defaults for what is left out.

    `control`: keys, pointer, text, resizing, audio and xvp may leave for the VM. Who only looks may still ask for the
    VM's text, where `clipboard` lets it come.
    `power`: xvp messages (shutdown, reboot, reset) may.
    """

    control: bool = True
    clipboard: Clipboard = Clipboard.BOTH
    power: bool = False

    @property
    def text_to_vm(self) -> bool:
        """Whether the user's clipboard may reach the VM."""
        return self.control and self.clipboard in (Clipboard.TO_VM, Clipboard.BOTH)

    @property
    def text_from_vm(self) -> bool:
        """Whether the VM's clipboard may reach the user."""
        return self.clipboard in (Clipboard.FROM_VM, Clipboard.BOTH)
