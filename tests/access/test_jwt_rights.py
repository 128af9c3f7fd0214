"""Access mode jwt: which consoles a good token opens, with which rights."""

import pytest
from support.issuer import signed
from support.jwt_mode import KEY, denied, known, mode

from gateway.access.grants import Rights
from gateway.config.identities import Rule

FORBIDDEN = ("forbidden", "wrong_console")


async def test_a_token_opens_the_consoles_that_it_names() -> None:
    gate = mode()
    token = signed(KEY, consoles=["lab/a", "hangzhou/*"])
    assert (await known(gate, token, "lab/a")).rights == Rights()
    assert (await known(gate, token, "hangzhou/i-1")).rights == Rights()
    assert await denied(gate, token, "lab/b") == FORBIDDEN


@pytest.mark.parametrize("consoles", [[], "", {}, 1, True, [["lab/vm"]], [{"lab/vm": 1}], "lab/vm lab/x", None])
async def test_a_token_that_names_no_consoles_opens_none(consoles: object) -> None:
    assert await denied(mode(), signed(KEY, consoles=consoles)) == FORBIDDEN


@pytest.mark.parametrize(
    "rights",
    ["all", [], True, {"root": True}, {"control": "true"}, {"control": 1}, {"clipboard": "all"}, {"power": None}],
)
async def test_rights_that_are_not_understood_are_none(rights: object) -> None:
    assert await denied(mode(), signed(KEY, rights=rights)) == ("forbidden", "bad_rights")


RULES = (
    Rule(group="ops", consoles=["lab/*"], rights={"power": True}),
    Rule(group="guests", consoles=["lab/public"], rights={"control": False}),
)


async def test_rules_say_what_groups_may_where_a_token_names_no_consoles() -> None:
    gate = mode(rules=RULES)
    ops, guest = signed(KEY, consoles=None, groups=["x", "ops"]), signed(KEY, consoles=None, groups="guests")
    assert (await known(gate, ops)).rights == Rights(power=True)
    assert (await known(gate, guest, "lab/public")).rights == Rights(control=False, takeover=False)
    assert await denied(gate, guest) == FORBIDDEN
    assert await denied(gate, signed(KEY, consoles=None)) == FORBIDDEN


async def test_a_rule_widens_neither_the_consoles_nor_the_rights_of_a_token() -> None:
    gate = mode(rules=RULES)
    assert await denied(gate, signed(KEY, consoles=["lab/other"], groups=["ops"])) == FORBIDDEN
    token = signed(KEY, consoles=None, groups=["ops"], rights={"control": False})
    assert (await known(gate, token)).rights == Rights(control=False, takeover=False)
    guest = signed(KEY, consoles=None, groups=["guests"], rights={"control": True})
    assert not (await known(gate, guest, "lab/public")).rights.control
