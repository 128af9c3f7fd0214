"""Both consoles of the demo in Chromium, at a desk: whatever the user does is looked for in the pixels."""

import pytest
from playwright.async_api import Page
from support.demo import Demo
from support.desktop_reading import PROMPT, Reading
from support.page import DESK, state
from support.programs import eventually

from gateway.simulator.clouds import alibaba, huawei
from gateway.simulator.clouds.alibaba import Alibaba
from gateway.simulator.clouds.huawei import Huawei
from gateway.simulator.desktop import theme
from gateway.simulator.desktop.geometry import Rect
from gateway.simulator.desktop.window import body

PINK = theme.BRUSHES[0]


async def opened(page: Page, console: str) -> Reading:
    """The console, connected, its terminal empty but for the prompt."""
    await page.goto(console)
    await state(page, "connected")
    reading = Reading(page)
    await page.keyboard.press("Control+l")
    await reading.shows(f"{PROMPT} ▮")
    return reading


@pytest.mark.parametrize(
    ("cloud", "title", "accent"),
    [
        ("alibaba", f"{Alibaba.owner}  {alibaba.RUNNING}", Alibaba.accent),
        ("huawei", f"{Huawei.owner}  {huawei.RUNNING}", Huawei.accent),
    ],
)
async def test_the_machine_is_there_and_alive(demo: Demo, page: Page, cloud: str, title: str, accent: int):
    await page.goto(getattr(demo, cloud))
    await state(page, "connected")
    reading = Reading(page)

    async def titled() -> bool:
        return title in await reading.bar(accent)

    await eventually(titled, what=f"{title} in the picture")
    assert (await reading.terminal())[0] == "This is a simulated machine. Type, paint, paste; try help."
    parts = await reading.layout()
    before = {part: await reading.pixels(part) for part in (parts.clock, parts.chart)}

    async def moved(part: Rect) -> bool:
        return bool((await reading.pixels(part) != before[part]).any())

    await eventually(lambda: moved(parts.clock), what="the clock ticks")
    await eventually(lambda: moved(parts.chart), what="the chart moves")


async def test_typing_shows_and_scrolls(demo: Demo, page: Page):
    reading = await opened(page, demo.alibaba)
    await page.keyboard.type("echo ~Hello, {World}!", delay=2)
    await reading.shows(f"{PROMPT} echo ~Hello, {{World}}!▮")
    await page.keyboard.press("Enter")
    await reading.shows(f"{PROMPT} echo ~Hello, {{World}}!", "~Hello, {World}!", f"{PROMPT} ▮")
    await page.keyboard.type("help\n")
    await reading.shows("clear           clean the terminal", f"{PROMPT} ▮")
    await page.keyboard.type("seq 60\n")
    await reading.shows(*(f"line {number}" for number in range(40, 61)), f"{PROMPT} ▮")
    assert "~Hello, {World}!" not in await reading.terminal()


async def test_the_pointer_leaves_a_trail_and_a_button_paints(demo: Demo, page: Page):
    reading = await opened(page, demo.huawei)
    sheet = body((await reading.layout()).paint)
    await page.keyboard.type("wipe\n")
    await reading.shows(f"{PROMPT} wipe", f"{PROMPT} ▮")
    assert await reading.painted(PINK) == 0
    await page.mouse.move(*await reading.place(sheet.x + 20, sheet.y + 20))
    await page.mouse.down()
    await page.mouse.move(*await reading.place(sheet.x + 120, sheet.y + 20), steps=5)
    await page.mouse.up()

    async def drawn() -> bool:
        return await reading.painted(PINK) > 4 * 100

    await eventually(drawn, what="a stroke 100 pixels long and 5 wide")
    await page.mouse.move(*await reading.place(sheet.x + 120, sheet.y + 150), steps=5)

    async def trailed() -> bool:
        return await reading.painted(theme.TRAIL) > 100

    await eventually(trailed, what="a trail without a button")

    async def arrived() -> bool:
        x, y, pressed = await reading.pointer()
        # The picture is scaled: a position of the mouse may lie between two pixels.
        return abs(x - sheet.x - 120) <= 1 and abs(y - sheet.y - 150) <= 1 and pressed == "---"

    await eventually(arrived)


async def test_text_is_typed_key_by_key(demo: Demo, page: Page):
    reading = await opened(page, demo.huawei)
    await page.click("#text-toggle")
    await page.fill("#text-area", 'echo "$A" | (b; C) <z>\nseq 2\n')
    await page.click("#text-type")
    line = 'echo "$A" | (b; C) <z>'
    printed = line.removeprefix("echo ")
    await reading.shows(f"{PROMPT} {line}", printed, f"{PROMPT} seq 2", "line 1", "line 2", f"{PROMPT} ▮")


async def test_key_combinations_that_a_browser_keeps_to_itself_are_sent(demo: Demo, page: Page):
    reading = await opened(page, demo.huawei)
    await page.click("#ctrl-alt-del")
    await reading.shows("Ctrl-Alt-Del: a real machine might restart now.", f"{PROMPT} ▮")
    await page.keyboard.type("sleep")
    await page.click("#keys-toggle")
    await page.click("#keys >> text=Ctrl")
    await page.click("#screen canvas", position={"x": 5, "y": 5})
    await page.keyboard.type("c")
    await reading.shows(f"{PROMPT} sleep^C", f"{PROMPT} ▮")


async def test_the_clipboard_goes_both_ways(demo: Demo, page: Page):
    reading = await opened(page, demo.huawei)
    await page.click("#text-toggle")
    await page.fill("#text-area", "from the browser")
    await page.click("#text-send")
    await page.click("#text-close")
    await page.click("#screen canvas")
    await page.keyboard.type("paste\n")
    await reading.shows(f"{PROMPT} paste", "from the browser", f"{PROMPT} ▮")
    await page.keyboard.type("copy from the machine\n")
    await page.wait_for_function("() => document.getElementById('text-area').value === 'from the machine'")


async def test_the_picture_fits_the_window_or_has_its_own_size(demo: Demo, page: Page):
    reading = await opened(page, demo.huawei)
    await page.keyboard.type("resize 800x600\n")
    canvas = page.locator("#screen canvas").first

    async def wide(least: float, most: float) -> bool:
        box = await canvas.bounding_box()
        return box is not None and least <= box["width"] <= most

    await eventually(lambda: wide(870, 880), what="fits a stage of 1000 by 655")
    await page.select_option("#scale", "actual")
    await eventually(lambda: wide(800, 800), what="pixel by pixel")
    await page.set_viewport_size({"width": 640, "height": 480})
    await eventually(lambda: wide(800, 800), what="still so in a small window")
    await page.select_option("#scale", "fit")
    await eventually(lambda: wide(500, 640), what="fits the small window")
    await page.keyboard.type("date")  # the choice of a size gives the keyboard back to the machine
    await reading.shows(f"{PROMPT} date▮")


async def test_the_machine_follows_the_window(demo: Demo, page: Page):
    reading = await opened(page, demo.huawei)
    await page.select_option("#scale", "resize")

    async def sized(width: int, height: int) -> bool:
        return await reading.size() == (width, height) and f"{width}x{height}" in await reading.status()

    bar = await page.locator(".bar").bounding_box()
    assert bar is not None
    await eventually(lambda: sized(1000, 700 - round(bar["height"])))
    await page.set_viewport_size({"width": 1240, "height": 800})
    await eventually(lambda: sized(1240, 800 - round(bar["height"])))
    await page.keyboard.type("resize 800x600\n")
    await eventually(lambda: sized(800, 600), what="the machine has the last word")


async def test_full_screen_has_the_whole_screen(demo: Demo, page: Page):
    await opened(page, demo.huawei)
    await page.click("#full")
    await page.wait_for_function("() => document.fullscreenElement !== null")

    async def whole() -> bool:
        stage = await page.locator(".stage").bounding_box()
        return stage is not None and (stage["width"], stage["height"]) == (1000, 700)

    await eventually(whole)
    await page.click("#full")
    await page.wait_for_function("() => document.fullscreenElement === null")


async def test_a_reload_comes_back_to_the_same_machine(demo: Demo, page: Page):
    reading = await opened(page, demo.alibaba)
    await page.keyboard.type("echo still here")
    await reading.shows(f"{PROMPT} echo still here▮")
    await page.reload()
    await state(page, "connected")
    await reading.shows(f"{PROMPT} echo still here▮")
    await page.keyboard.press("Enter")
    await reading.shows("still here", f"{PROMPT} ▮")


async def test_a_second_browser_takes_the_machine_over_and_the_first_takes_it_back(demo: Demo, page: Page, browser):
    """Huawei's simulated cloud would serve both: it is the gateway that has one controller at a time."""
    from support.page import profile, tab

    reading = await opened(page, demo.huawei)
    async with profile(browser, **DESK) as context, tab(context) as other:
        await other.goto(demo.huawei)
        await state(other, "connected")
        await state(page, "ended")
        assert "taken_over" in await page.inner_text("#card-facts")
        await other.keyboard.type("echo hello")
        await Reading(other).shows(f"{PROMPT} echo hello▮")
        await page.click("#card-button")
        await state(page, "connected")
        await reading.shows(f"{PROMPT} echo hello▮")
        await state(other, "ended")


async def test_a_duplicated_tab_takes_its_session_along(demo: Demo, page: Page):
    """It has a copy of the first one's storage, so the same grant; the two do not fight for the machine."""
    await opened(page, demo.alibaba)
    async with page.expect_popup() as opening:
        await page.evaluate("open(location.href)")
    other = await opening.value
    await state(other, "connected")
    await state(page, "ended")
    assert "closed" in await page.inner_text("#card-facts")
    assert await page.is_hidden("#card-button")
    await Reading(other).shows(f"{PROMPT} ▮")
    await other.close()
