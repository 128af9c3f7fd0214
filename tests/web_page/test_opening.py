"""Opening a console: ticket, grant, WebSocket, and what is kept for a return (product.md, "Opening a console")."""

import asyncio

from support.gateway_stub import End, Refuse
from support.page import state, title
from support.programs import eventually


async def test_the_ticket_leaves_the_address_before_anything_is_asked(stub, page):
    seen = []
    page.on("request", lambda request: seen.append(request.url))
    await page.goto(stub.console() + "#ticket=T0P-secret")
    await state(page, "connected")
    assert page.url == stub.console()
    assert await page.evaluate("history.length") == 2  # about:blank and the console: none with the ticket
    assert stub.asked[0].authorization == "Bearer T0P-secret"
    assert [url for url in seen if "secret" in url.partition("#")[0]] == []


async def test_the_grants_ticket_opens_the_websocket_once_as_it_was_given(stub, page):
    await page.goto(stub.console() + "#ticket=abc")
    await state(page, "connected")
    assert stub.tickets == ["ticket-1/+="]
    assert stub.protocols == ["binary"]


async def test_without_a_ticket_nothing_is_sent_as_one(stub, page):
    await page.goto(stub.console())
    await state(page, "connected")
    assert stub.asked[0].authorization is None


async def test_the_request_for_a_grant_names_its_origin(stub, page):
    """Referrer-Policy no-referrer must not turn it into `null`, which the gateway refuses."""
    await page.goto(stub.console())
    await state(page, "connected")
    assert stub.asked[0].origin == stub.url


async def test_a_reload_returns_with_the_resume_token(stub, page):
    await page.goto(stub.console() + "#ticket=abc")
    await state(page, "connected")
    await page.reload()
    await state(page, "connected")
    assert [ask.authorization for ask in stub.asked] == ["Bearer abc", "Bearer resume-1"]


async def test_a_new_ticket_is_never_replaced_by_the_grant_of_the_user_before(stub, page):
    await page.goto(stub.console() + "#ticket=ana")
    await state(page, "connected")
    stub.grants.append(Refuse(401, "unauthenticated"))
    await page.goto("about:blank")
    await page.goto(stub.console() + "#ticket=ben")
    await state(page, "ended")
    await page.reload()
    await state(page, "connected")
    assert [ask.authorization for ask in stub.asked] == ["Bearer ana", "Bearer ben", None]


async def test_a_resume_token_that_is_no_longer_good_is_tried_once_and_forgotten(stub, page):
    await page.goto(stub.console())
    await state(page, "connected")
    stub.grants.append(Refuse(401, "unauthenticated"))
    await page.reload()
    await state(page, "connected")
    assert [ask.authorization for ask in stub.asked] == [None, "Bearer resume-1", None]


async def test_resume_tokens_of_two_consoles_are_kept_apart(stub, page):
    for console in ("lab/one", "lab/two", "lab/one"):
        await page.goto(stub.console(console))
        await state(page, "connected")
    assert [ask.authorization for ask in stub.asked] == [None, None, "Bearer resume-1"]


async def test_a_prerendered_page_keeps_its_ticket_until_somebody_looks(stub, page):
    await page.add_init_script("Object.defineProperty(document, 'prerendering', {get: () => !window.looked})")
    await page.goto(stub.console() + "#ticket=abc")
    await page.wait_for_function("() => location.hash === ''")
    await asyncio.sleep(0.3)  # nothing to wait for: nothing must happen
    assert stub.asked == []
    await page.evaluate("window.looked = true; document.dispatchEvent(new Event('prerenderingchange'))")
    await state(page, "connected")
    assert stub.asked[0].authorization == "Bearer abc"


async def test_a_new_link_in_the_same_tab_opens_a_new_grant(stub, page):
    await page.goto(stub.console() + "#ticket=one")
    await state(page, "connected")
    await page.evaluate("location.hash = '#ticket=two'")
    await eventually(lambda: len(stub.tickets) == 2, what="a second WebSocket")
    await state(page, "connected")
    assert stub.asked[1].authorization == "Bearer two"
    assert page.url == stub.console()
    await eventually(lambda: stub.closed_with == [1000], what="the first session told that it is over")


async def test_what_is_said_while_the_machine_does_not_answer(stub, page):
    stub.silent = True
    await page.goto(stub.console("hangzhou/i-bp1"))
    await page.wait_for_selector("li[data-step=picture].now")
    assert await state(page, "connecting") == "connecting"
    assert await title(page) == "Connecting"
    assert await page.inner_text("#card-console") == "hangzhou/i-bp1"
    assert await page.locator(".steps .done").count() == 2
    assert await page.title() == "i-bp1 · hangzhou"


async def test_closing_tells_the_gateway_and_nothing_comes_back(stub, page):
    await page.goto(stub.console())
    await state(page, "connected")
    await page.click("#leave")
    await state(page, "ended")
    assert await page.is_hidden("#card-button")
    await eventually(lambda: stub.closed_with == [1000])


async def test_a_framed_page_tells_its_portal_and_nobody_else(stub, page):
    portal = f"http://localhost:{stub.port}"
    stub.embed_origins = ["https://other.example.com", portal]
    stub.sockets.append(End(4409, "taken_over", after_picture=True))
    await page.add_init_script(
        "window.heard = [];"
        "addEventListener('message', ({origin, data}) => heard.push([origin, data.type, data.name, data.code]))"
    )
    await page.goto(f"{portal}/frame?src={stub.console()}")
    await page.wait_for_function("() => window.heard.length >= 3")
    assert await page.evaluate("window.heard") == [
        [stub.url, "connecting", None, None],
        [stub.url, "connected", None, None],
        [stub.url, "ended", "taken_over", 4409],
    ]


async def test_a_portal_that_is_not_listed_can_neither_frame_nor_hear(stub, desk):
    page = await desk.new_page()  # not a `tab`: here the policy is to be broken
    await page.add_init_script("window.heard = []; addEventListener('message', e => heard.push(e.data))")
    await page.goto(f"http://localhost:{stub.port}/frame?src={stub.console()}")
    await page.wait_for_load_state("networkidle")
    assert stub.asked == []
    assert await page.evaluate("window.heard") == []
    await page.close()


async def test_the_landing_page_lists_consoles_where_it_may(stub, page):
    await page.goto(stub.url + "/")
    await page.click("text=router-7")
    await state(page, "connected")
    assert page.url == stub.console("lab/router-7")
    stub.consoles = None
    await page.goto(stub.url + "/")
    await page.wait_for_selector("#hint:visible")
    assert await page.is_hidden("#list")
