"""Patterns of consoles, rules by group, and what two sets of rights have in common."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access.grants import Rights
from gateway.access.rules import allowed, both, fits, rights_of
from gateway.config import identities
from gateway.config.identities import Rule


@pytest.mark.parametrize(
    ("pattern", "console"),
    [
        ("lab/vm1", "lab/vm1"),
        ("lab/*", "lab/vm1"),
        ("*/*", "lab/vm1"),
        ("*/vm1", "lab/vm1"),
        ("lab/web-*-prod", "lab/web-7-prod"),
        ("lab/*1", "lab/vm11"),
    ],
)
def test_a_pattern_fits(pattern: str, console: str) -> None:
    assert fits(console, ["other/x", pattern])


@pytest.mark.parametrize(
    ("pattern", "console"),
    [
        ("lab/vm1", "lab/vm11"),
        ("lab/vm1", "xlab/vm1"),
        ("lab/vm.", "lab/vm1"),
        ("lab/VM1", "lab/vm1"),
        ("lab/*", "lab2/vm1"),
        ("*", "lab/vm1"),
        ("**", "lab/vm1"),
        ("lab*", "lab/vm1"),
        ("lab/?m1", "lab/vm1"),
        ("lab/[v]m1", "lab/vm1"),
        ("lab/vm1\n", "lab/vm1"),
        ("", "lab/vm1"),
        ("*/*/*", "lab/vm1"),
    ],
)
def test_what_looks_alike_or_is_no_pattern_fits_nothing(pattern: str, console: str) -> None:
    assert not fits(console, [pattern])


def test_many_stars_take_no_time() -> None:
    assert not fits("lab/" + "a" * 64, ["lab/" + "*a" * 31 + "b"])


def rule(group: str, *consoles: str, **rights: object) -> Rule:
    return Rule(group=group, consoles=consoles, rights=identities.Rights(**rights))


def test_the_first_rule_for_a_group_and_console_counts() -> None:
    rules = [
        rule("ops", "lab/secret", control=False),
        rule("ops", "lab/*", power=True),
        rule("guests", "lab/*", control=False, clipboard="none"),
    ]
    assert allowed(rules, "lab/secret", {"ops"}) == Rights(control=False, takeover=False)
    assert allowed(rules, "lab/vm", {"guests", "ops"}) == Rights(power=True)
    assert allowed(rules, "lab/vm", {"guests"}) == Rights(control=False, clipboard="none", takeover=False)
    assert allowed(rules, "other/vm", {"ops"}) is None
    assert allowed(rules, "lab/vm", {"op", "opss", "OPS"}) is None
    assert allowed(rules, "lab/vm", ()) is None


def test_takeover_is_as_control_unless_it_is_said() -> None:
    assert rights_of(identities.Rights()).takeover
    assert not rights_of(identities.Rights(control=False)).takeover
    assert not rights_of(identities.Rights(takeover=False)).takeover


CLIPBOARDS = st.sampled_from(["none", "to_vm", "from_vm", "both"])
RIGHTS = st.builds(Rights, st.booleans(), CLIPBOARDS, st.booleans(), st.booleans())


@settings(deadline=None)  # the machine may be busy
@given(RIGHTS, RIGHTS)
def test_what_two_allow_alike_is_no_more_than_either(one: Rights, other: Rights) -> None:
    common = both(one, other)
    assert both(other, one) == common
    assert both(common, one) == common
    assert both(one, one) == one
    for rights in (one, other):
        assert common.control <= rights.control
        assert common.power <= rights.power
        assert common.takeover <= rights.takeover
        assert common.policy().text_from_vm <= rights.policy().text_from_vm
        assert (common.clipboard in ("to_vm", "both")) <= (rights.clipboard in ("to_vm", "both"))
