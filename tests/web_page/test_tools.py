"""What is around the picture: keys, text, clipboard, size, view only."""

from support.gateway_stub import RIGHTS, End
from support.page import state
from support.programs import eventually

SHIFT, CONTROL, ALT, DELETE, RETURN, TAB, ESCAPE = 0xFFE1, 0xFFE3, 0xFFE9, 0xFFFF, 0xFF0D, 0xFF09, 0xFF1B


async def connected(stub, page):
    await page.goto(stub.console())
    await state(page, "connected")


def press(*keysyms: int) -> list[tuple[bool, int]]:
    """Down in this order, up in the other."""
    return [(True, keysym) for keysym in keysyms] + [(False, keysym) for keysym in reversed(keysyms)]


async def test_ctrl_alt_del(stub, page):
    await connected(stub, page)
    await page.click("#ctrl-alt-del")
    await eventually(lambda: stub.keys == press(CONTROL, ALT, DELETE))


async def test_keys_typed_on_the_picture_reach_the_machine(stub, page):
    await connected(stub, page)
    await page.keyboard.type("ab")
    await eventually(lambda: stub.keys == press(0x61) + press(0x62), what="focus on the picture from the start")


async def test_text_is_typed_as_keystrokes_with_shift_where_a_us_keyboard_takes_it(stub, page):
    await connected(stub, page)
    await page.click("#text-toggle")
    await page.fill("#text-area", "aZ€\tü\n~\x07")
    await page.click("#text-type")
    await page.wait_for_function("() => document.getElementById('text-note').textContent === 'Typed 7 characters.'")
    expected = (
        press(0x61) + press(SHIFT, 0x5A) + press(0x20AC) + press(TAB) + press(0xFC) + press(RETURN) + press(SHIFT, 0x7E)
    )
    assert stub.keys == expected


async def test_too_long_a_text_is_not_typed_at_all(stub, page):
    await connected(stub, page)
    await page.click("#text-toggle")
    await page.fill("#text-area", "x" * 4097)
    await page.click("#text-type")
    assert "at most 4096" in await page.inner_text("#text-note")
    assert stub.keys == []


async def test_typing_shows_how_far_it_is_and_can_be_stopped(stub, page):
    await connected(stub, page)
    await page.click("#text-toggle")
    await page.fill("#text-area", "X" * 2000)
    await page.click("#text-type")
    await page.wait_for_function("() => document.getElementById('text-progress').value > 0.002")
    await page.click("#text-type")
    await page.wait_for_function("() => document.getElementById('text-note').textContent.startsWith('Stopped after')")
    down = [key for pressed, key in stub.keys if pressed]
    up = [key for pressed, key in stub.keys if not pressed]
    assert sorted(down) == sorted(up), "no key stays down"
    assert len(down) < 1000


async def test_typing_stops_when_the_connection_is_lost(stub, page):
    await connected(stub, page)
    await page.click("#text-toggle")
    await page.fill("#text-area", "x" * 2000)
    await page.click("#text-type")
    await eventually(lambda: len(stub.keys) > 4)
    await stub.end_all(End(4410, "ended_by_admin"))
    await state(page, "ended")
    await page.wait_for_function("() => document.getElementById('text-note').textContent.startsWith('Stopped after')")


async def test_text_goes_to_the_machines_clipboard(stub, page):
    await connected(stub, page)
    await page.click("#text-toggle")
    await page.fill("#text-area", "grüße")
    await page.click("#text-send")
    await eventually(lambda: stub.cut_texts == ["grüße".encode("latin-1")])


async def test_what_is_copied_in_the_machine_appears_here(stub, page):
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await connected(stub, page)
    await stub.send_clipboard("from the machine")
    await page.wait_for_function("() => document.getElementById('text-area').value === 'from the machine'")
    await page.wait_for_function("() => navigator.clipboard.readText().then((text) => text === 'from the machine')")


async def test_coming_back_to_the_window_brings_its_clipboard_where_that_is_allowed(stub, page):
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await connected(stub, page)
    await page.evaluate("navigator.clipboard.writeText('copied elsewhere')")
    for _ in range(2):
        await page.evaluate("dispatchEvent(new Event('focus'))")
    await eventually(lambda: stub.cut_texts == [b"copied elsewhere"])


async def test_what_came_from_the_machine_is_not_sent_back_to_it(stub, page):
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await connected(stub, page)
    await stub.send_clipboard("echo")
    await page.wait_for_function("() => navigator.clipboard.readText().then((text) => text === 'echo')")
    await page.evaluate("dispatchEvent(new Event('focus'))")
    await page.click("#ctrl-alt-del")
    await eventually(lambda: len(stub.keys) == 6, what="later input, so that earlier input is there, too")
    assert stub.cut_texts == []


async def test_special_keys_with_a_modifier_that_holds_for_one_key(stub, page):
    await connected(stub, page)
    await page.click("#keys-toggle")
    await page.click("#keys >> text=Ctrl")
    assert await page.get_attribute("#keys >> text=Ctrl", "aria-pressed") == "true"
    await page.click("#keys >> text=Esc")
    assert await page.get_attribute("#keys >> text=Ctrl", "aria-pressed") == "false"
    await eventually(lambda: stub.keys == [(True, CONTROL), *press(ESCAPE), (False, CONTROL)])


async def test_the_picture_fits_the_window_or_is_as_large_as_it_is(stub, page):
    await connected(stub, page)
    fitted = await page.locator("#screen canvas").bounding_box()
    assert fitted["width"] > 900
    await page.select_option("#scale", "actual")
    await page.wait_for_function("() => document.querySelector('#screen canvas').getBoundingClientRect().width === 320")
    await page.reload()
    await state(page, "connected")
    await page.wait_for_function("() => document.querySelector('#screen canvas').getBoundingClientRect().width === 320")


async def test_the_picture_is_the_servers(stub, page):
    await connected(stub, page)
    pixel = "[...document.querySelector('#screen canvas').getContext('2d').getImageData(160, 100, 1, 1).data]"
    await page.wait_for_function(f"() => {pixel}.join() === '48,96,144,255'")


async def test_the_keyboard_leads_out_of_the_picture_and_leaves_no_key_down(stub, page):
    await connected(stub, page)
    await page.keyboard.press("Tab")
    await page.keyboard.press("Control+Alt+Shift")
    await page.wait_for_function("() => document.activeElement.id === 'ctrl-alt-del'")
    await eventually(lambda: len(stub.keys) == 8)
    assert {key for down, key in stub.keys if down} == {TAB, CONTROL, ALT, SHIFT}
    assert sorted(key for down, key in stub.keys if down) == sorted(key for down, key in stub.keys if not down)


async def test_what_happens_is_announced(stub, page):
    await connected(stub, page)
    announced = page.locator("#announce")
    assert await announced.get_attribute("aria-live") == "polite"
    assert await announced.inner_text() == "Connected"
    await stub.end_all(End(4410, "ended_by_admin"))
    await state(page, "ended")
    assert "administrator" in await announced.inner_text()


async def test_full_screen(stub, page):
    await connected(stub, page)
    await page.click("#full")
    await page.wait_for_function("() => document.fullscreenElement !== null")
    await page.evaluate("document.exitFullscreen()")


async def test_view_only_is_said_and_offers_no_input(stub, page):
    stub.rights = RIGHTS | {"control": False, "clipboard": "from_vm"}
    await connected(stub, page)
    assert await page.is_visible("#view-only")
    for tool in ("#ctrl-alt-del", "#keys-toggle"):
        assert await page.is_hidden(tool)
    await page.click("#text-toggle")
    assert await page.is_hidden("#text-type")
    assert await page.is_hidden("#text-send")
    assert await page.is_visible("#text-copy")


async def test_without_a_right_to_the_clipboard_text_can_still_be_typed(stub, page):
    stub.rights = RIGHTS | {"clipboard": "none"}
    await connected(stub, page)
    await page.click("#text-toggle")
    assert await page.is_hidden("#text-send")
    assert await page.is_visible("#text-type")
