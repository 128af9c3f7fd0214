"""Which consoles somebody may open and with which rights: patterns of consoles, and rules by group."""

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase

from gateway.access.grants import Rights
from gateway.config import identities
from gateway.config.values import is_consoles

_TO_VM, _FROM_VM = frozenset({"to_vm"}), frozenset({"from_vm"})
_DIRECTIONS: dict[identities.Clipboard, frozenset[str]] = {
    "none": frozenset(),
    "to_vm": _TO_VM,
    "from_vm": _FROM_VM,
    "both": _TO_VM | _FROM_VM,
}


def fits(console: str, patterns: Iterable[str]) -> bool:
    """Tell whether `console` is one of `patterns`; what is no pattern fits nothing."""
    return any(_fits(console, pattern) for pattern in patterns)


def _fits(console: str, pattern: str) -> bool:
    if not is_consoles(pattern):
        return False
    # part by part: no "*" reaches over the "/"
    parts = zip(console.split("/"), pattern.split("/"), strict=True)
    return all(fnmatchcase(part, wanted) for part, wanted in parts)


def allowed(rules: Iterable[identities.Rule], console: str, groups: Collection[str]) -> Rights | None:
    """The rights of the first rule about `console` for one of `groups`; None without such a rule.

    The first one, not all together: who writes a narrow rule above a wide one means it.
    """
    for rule in rules:
        if rule.group in groups and fits(console, rule.consoles):
            return rights_of(rule.rights)
    return None


def rights_of(block: identities.Rights) -> Rights:
    """The rights that `block` describes."""
    takeover = block.control if block.takeover is None else block.takeover
    return Rights(control=block.control, clipboard=block.clipboard, power=block.power, takeover=takeover)


def both(one: Rights, other: Rights) -> Rights:
    """What `one` and `other` allow alike."""
    common = _DIRECTIONS[one.clipboard] & _DIRECTIONS[other.clipboard]
    return Rights(
        control=one.control and other.control,
        clipboard=next(name for name, directions in _DIRECTIONS.items() if directions == common),
        power=one.power and other.power,
        takeover=one.takeover and other.takeover,
    )
