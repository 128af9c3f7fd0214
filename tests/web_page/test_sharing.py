"""One console, one controller, as the page shows it: who has it, what comes back by itself, when it will end."""

import re
import time

from support.gateway_stub import End
from support.page import state, still, until_ended


async def card(page) -> str:
    return " ".join((await page.inner_text("#card")).split())


async def test_who_took_the_console_and_when_is_told(stub, page):
    await page.goto(stub.console())
    await state(page, "connected")
    await stub.end_all(End(4409, "taken_over", notice={"ended": "taken_over", "user": "ana", "since": time.time()}))
    await state(page, "ended")
    assert re.search(r"Somebody else has opened this console\. ana has had it since \d\d?:\d\d", await card(page))
    assert await page.inner_text("#card-button") == "Take it back"


async def test_who_uses_the_console_and_since_when_is_told_with_the_day(stub, page):
    stub.sockets.append(End(4419, "in_use", notice={"ended": "in_use", "user": "<b>ben</b>", "since": 1_600_000_000}))
    await page.goto(stub.console())
    await state(page, "ended")
    assert re.search(r"is using this console\. <b>ben</b> has had it since .*2020", await card(page)), (
        "text, never markup"
    )
    assert await page.inner_text("#card-button") == "Try again"


async def test_without_a_name_the_page_still_says_what_happened(stub, page):
    stub.sockets.append(End(4409, "taken_over"))
    await page.goto(stub.console())
    await state(page, "ended")
    assert await page.is_hidden("#card-note")


async def test_what_comes_back_by_itself_takes_the_console_from_nobody(stub, timed):
    stub.sockets.extend([End(4502, "upstream_lost")] * 2 + [End(4409, "taken_over")])
    await timed.goto(stub.console())
    await until_ended(timed, seconds=60)
    await state(timed, "ended")
    assert stub.takes == [True, False, False], "only the first was asked for"
    await timed.click("#card-button")
    await state(timed, "connected")
    assert stub.takes[-1], "the button does take it"


async def test_a_button_takes_the_console_only_once_the_user_knows_who_has_it(stub, timed):
    stub.sockets.extend([End(1001, "going_away"), End(4408, "idle"), End(4409, "taken_over")])
    await still(timed)  # else the page may come back by itself before the click
    await timed.goto(stub.console())
    for label in ("Try now", "Continue", "Take it back"):
        await timed.click(f"#card-button:text-is('{label}')")
    await state(timed, "connected")
    assert stub.takes == [True, False, False, True]


async def test_the_end_of_the_session_is_announced_and_counted_down(stub, timed):
    await timed.goto(stub.console())
    await state(timed, "connected")
    assert await timed.is_hidden("#ends")
    await stub.send_notice(ends_in=300)
    await timed.wait_for_selector("#ends:not([hidden])")
    assert await timed.inner_text("#ends") == "Ends in 5 min"
    assert await timed.text_content("#announce") == "This session ends in 5 min."
    await timed.clock.run_for(250_000)
    assert await timed.inner_text("#ends") == "Ends in 50 s"
    await stub.end_all(End(4411, "duration"))
    await state(timed, "ended")
    assert await timed.is_hidden("#ends")
