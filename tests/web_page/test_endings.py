"""How the page takes each ending: its words, its button, and whether it comes back (product.md, "How things end")."""

import pytest
from support.gateway_stub import End, Refuse
from support.page import state, still, title, until_ended
from support.programs import eventually

from gateway.endings import ENDINGS

FINAL = {
    "closed", "protocol_error", "not_binary", "too_big", "unauthenticated", "no_such_instance", "ended_by_admin",
    "duration", "contended", "cloud_refused", "upstream_auth",
}  # fmt: skip
BUTTON = {"idle", "taken_over", "in_use"}
TRIES = {"internal_error": 3, "instance_not_running": 5, "upstream_lost": 5, "upstream_changed": 1, "not_understood": 1}
FOR_A_WHILE = {"going_away": (12, 25), "rate_limited": (8, 25)}  # fewest and most tries in all

CODES = {ending.name: ending.code for ending in ENDINGS}


def test_every_ending_has_its_row_here():
    assert FINAL | BUTTON | set(TRIES) | set(FOR_A_WHILE) | {"browser_lost"} == set(CODES)


async def test_what_the_user_must_decide_is_never_tried_again(stub, timed):
    for count, name in enumerate(sorted(FINAL | BUTTON), start=1):
        stub.sockets.append(End(CODES[name], name, after_picture=True))
        await timed.goto(stub.console(f"lab/{name}"))
        await state(timed, "ended")
        await timed.clock.run_for(200_000)
        assert len(stub.asked) == count
        assert await timed.is_visible("#card-button") == (name in BUTTON)
        assert name in await timed.inner_text("#card-facts")
        assert len(await title(timed)) > 15


async def test_the_button_opens_the_console_again(stub, page):
    for name in sorted(BUTTON):
        stub.asked.clear()
        stub.sockets.append(End(CODES[name], name, after_picture=True))
        await page.goto(stub.console(f"lab/{name}"))
        await state(page, "ended")
        await page.click("#card-button")
        await state(page, "connected")
        assert [ask.authorization for ask in stub.asked] == [None, "Bearer resume-1"]


@pytest.mark.parametrize(("name", "tries"), sorted(TRIES.items()))
async def test_tries_are_counted_and_then_there_is_a_button(stub, timed, name, tries):
    stub.sockets.extend([End(CODES[name], name)] * (tries + 1))
    await timed.goto(stub.console())
    await until_ended(timed, seconds=60, step=4)
    await state(timed, "ended")
    assert len(stub.tickets) == 1 + tries
    await timed.click("#card-button")
    await state(timed, "connected")


@pytest.mark.parametrize(("name", "bounds"), sorted(FOR_A_WHILE.items()))
async def test_some_endings_are_tried_for_a_while(stub, timed, name, bounds):
    stub.sockets.extend([End(CODES[name], name)] * 100)
    await timed.goto(stub.console())
    await until_ended(timed, seconds=700, step=4)  # a try that ends within a step is seen at its end
    await state(timed, "ended")
    assert bounds[0] <= len(stub.tickets) <= bounds[1]


async def test_a_dropped_connection_comes_back_by_itself_with_the_picture_kept(stub, page):
    await page.goto(stub.console() + "#ticket=abc")
    await state(page, "connected")
    stub.sockets.append(End(None))
    await stub.end_all(End(None))
    await state(page, "waiting")
    assert await page.is_visible("#last")
    await state(page, "connected")
    assert await page.is_hidden("#last")
    assert {ask.authorization for ask in stub.asked[1:]} == {f"Bearer resume-{n}" for n in range(1, len(stub.asked))}


async def test_the_reason_stays_while_it_is_tried_again(stub, timed):
    stub.sockets.extend([End(4423, "instance_not_running")] * 2)
    await timed.goto(stub.console())
    await state(timed, "waiting")
    assert "not running" in await title(timed)
    assert "Trying again in" in await timed.inner_text("#card-again")
    await timed.click("#card-button")
    await eventually(lambda: len(stub.tickets) == 2, what="the button to try at once")
    assert "not running" in await title(timed)


@pytest.mark.parametrize(("code", "button"), [(4499, False), (4599, True)])
async def test_endings_of_a_newer_gateway_go_by_their_class(stub, timed, code, button):
    stub.sockets.append(End(code, "something_new"))
    await timed.goto(stub.console())
    await state(timed, "ended")
    await timed.clock.run_for(300_000)
    assert len(stub.asked) == 1
    assert await timed.is_visible("#card-button") == button
    assert "something_new" in await timed.inner_text("#card-facts")


REFUSALS = [
    Refuse(400, "malformed"),
    Refuse(401, "unauthenticated"),
    Refuse(403, "forbidden"),
    Refuse(403, "bad_origin"),
    Refuse(404, "no_such_instance"),
    Refuse(404),
    Refuse(429, "too_many"),
]


async def test_a_refused_grant_is_told_and_not_tried_again(stub, timed):
    for count, refusal in enumerate(REFUSALS, start=1):
        stub.grants.append(refusal)
        await timed.goto(stub.console())
        await state(timed, "ended")
        await timed.clock.run_for(200_000)
        assert len(stub.asked) == count
        assert (refusal.name or "not_found") in await timed.inner_text("#card-facts")


async def test_a_wrong_host_is_told(stub, page):
    stub.grants.extend([Refuse(421, "wrong_host")] * 2)  # Chromium itself asks once more after a 421
    await page.goto(stub.console())
    await state(page, "ended")
    assert "wrong_host" in await page.inner_text("#card-facts")


@pytest.mark.parametrize(
    "refusal", [Refuse(503, "full"), Refuse(503, "draining"), Refuse(503, "state_away"), Refuse(502), Refuse(408)]
)
async def test_a_gateway_that_is_away_for_a_moment_is_asked_again(stub, timed, refusal):
    stub.grants.append(refusal)
    await timed.goto(stub.console() + "#ticket=abc")
    await until_ended(timed, seconds=3)
    await state(timed, "connected")
    assert [ask.authorization for ask in stub.asked] == ["Bearer abc", "Bearer abc"]


async def test_retry_after_is_honoured(stub, timed):
    stub.grants.append(Refuse(503, "full", {"Retry-After": "30"}))
    await timed.goto(stub.console())
    await state(timed, "waiting")
    await timed.clock.run_for(29_000)
    assert len(stub.asked) == 1
    await timed.clock.run_for(2_000)
    await state(timed, "connected")


async def test_a_picture_that_cannot_be_decoded_is_tried_once(stub, page):
    await page.goto(stub.console())
    await state(page, "connected")
    await stub.send_garbage()
    await eventually(lambda: len(stub.tickets) == 2, what="one more try")
    await state(page, "connected")
    await stub.send_garbage()
    await state(page, "ended")
    assert "not_understood" in await page.inner_text("#card-facts")


async def test_the_network_coming_back_ends_the_wait(stub, timed):
    stub.sockets.extend([End(1001, "going_away")] * 4)
    await still(timed)
    await timed.goto(stub.console())

    async def back() -> bool:
        await timed.evaluate("dispatchEvent(new Event('online'))")
        return await timed.evaluate("document.body.dataset.state") == "connected"

    await eventually(back, within=30)
    assert len(stub.tickets) == 5
