"""Keys and buttons whose press no server got: first pressed while the upstream was away.

Owns what stays hidden until it is released, so that neither does the press come late nor a release without one.
"""

from dataclasses import dataclass, field

MASKED_MAX = 64  # more keys than hands can press; what is pressed beyond is not hidden when it repeats later


@dataclass(slots=True)
class Masked:
    """`keysyms` of KeyEvent, `keycodes` of QEMU's extended events, `buttons` as bits of the pointer's mask.

    `lifted`: keysyms that were down at the loss, and whose release may still come from the browser.
    """

    keysyms: set[int] = field(default_factory=set)
    keycodes: set[int] = field(default_factory=set)
    lifted: set[int] = field(default_factory=set)
    buttons: int = 0

    def press(self, keys: set[int], key: int) -> None:
        """A key went down, and no server heard."""
        if len(keys) < MASKED_MAX:
            keys.add(key)

    def hides(self, keys: set[int], key: int, *, down: bool) -> bool:
        """Whether an event of this key is to be withheld; its release is the last one that is."""
        if key not in keys:
            return False
        if not down:
            keys.discard(key)
        return True

    def released(self, keysym: int) -> None:
        """A key was released that is neither hidden nor down.

        Some clients release another keysym than they pressed, when Shift changed in between: a hidden one may be up.
        """
        if keysym in self.lifted:
            self.lifted.discard(keysym)
        else:
            self.keysyms.clear()

    def hidden_buttons(self, buttons: int) -> int:
        """Of the buttons that are down those that are to be withheld; a released one is hidden no longer."""
        self.buttons &= buttons
        return self.buttons
