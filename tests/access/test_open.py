"""Access mode open: grants for everybody, and the way back to them."""

from support.callers import Clock, access, caller

from gateway.access.open import OpenMode


async def test_everybody_is_the_user_of_this_machine_and_may_do_what_users_may():
    grant = await access(OpenMode(), Clock()).admit("lab/vm1", caller(), None)
    assert (grant.user, grant.console) == ("local", "lab/vm1")
    assert grant.rights.control
    assert not grant.rights.power


async def test_a_bearer_that_is_no_resume_token_is_nobodys_business():
    opening = await access(OpenMode(), Clock()).grant("lab/vm1", caller("whatever"))
    assert not opening.returned
