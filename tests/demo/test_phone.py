"""The demo on a phone: fingers instead of mouse and keyboard."""

from playwright.async_api import Page
from support.demo import Demo
from support.desktop_reading import PROMPT, Reading
from support.page import state
from support.programs import eventually

from gateway.simulator.desktop import theme
from gateway.simulator.desktop.window import body


async def opened(phone: Page, console: str) -> Reading:
    await phone.goto(console)
    await state(phone, "connected")
    await phone.tap("#keyboard-toggle")
    reading = Reading(phone)
    for command in ("resize 800x600", "clear"):
        await phone.keyboard.insert_text(command)
        await phone.keyboard.press("Enter")
    await reading.shows(f"{PROMPT} ▮")
    return reading


async def drag(phone: Page, *way: tuple[float, float]) -> None:
    """One finger down at the first place, along the others, and up."""
    protocol = await phone.context.new_cdp_session(phone)
    for number, (x, y) in enumerate(way):
        touch = {"type": "touchMove" if number else "touchStart", "touchPoints": [{"x": x, "y": y}]}
        await protocol.send("Input.dispatchTouchEvent", touch)
    await protocol.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    await protocol.detach()


async def test_the_on_screen_keyboard_types(demo: Demo, phone: Page):
    reading = await opened(phone, demo.huawei)
    await phone.keyboard.insert_text("echo Hi!")
    await phone.keyboard.press("Backspace")
    await phone.keyboard.press("Enter")
    await reading.shows(f"{PROMPT} echo Hi", "Hi", f"{PROMPT} ▮")


async def test_a_tap_is_a_click_and_a_drag_paints(demo: Demo, phone: Page):
    reading = await opened(phone, demo.huawei)
    sheet = body((await reading.layout()).paint)
    await phone.touchscreen.tap(*await reading.place(100, 200))

    async def tapped() -> bool:
        x, y, _ = await reading.pointer()
        return abs(x - 100) <= 2 and abs(y - 200) <= 2

    await eventually(tapped)
    way = [await reading.place(sheet.x + step, sheet.y + 20) for step in range(10, 210, 20)]
    await drag(phone, *way)

    async def drawn() -> bool:
        return await reading.painted(theme.BRUSHES[0]) > 200

    await eventually(drawn)


async def test_the_picture_keeps_its_shape_when_the_phone_is_turned(demo: Demo, phone: Page):
    reading = await opened(phone, demo.huawei)
    for width, height in ((390, 780), (780, 390)):
        await phone.set_viewport_size({"width": width, "height": height})

        async def fits(width: int = width, height: int = height) -> bool:
            box = await phone.locator("#screen canvas").first.bounding_box()
            stage = await phone.locator(".stage").bounding_box()
            assert box is not None
            assert stage is not None
            inside = box["width"] <= stage["width"] <= width and box["height"] <= stage["height"] < height
            full = max(box["width"] / stage["width"], box["height"] / stage["height"]) > 0.99
            return inside and full and abs(box["width"] / box["height"] - 800 / 600) < 0.02

        await eventually(fits)
    assert await reading.size() == (800, 600)


async def test_the_machine_may_take_the_phones_shape(demo: Demo, phone: Page):
    reading = await opened(phone, demo.huawei)
    await phone.select_option("#scale", "resize")
    stage = await phone.locator(".stage").bounding_box()
    assert stage is not None

    async def sized() -> bool:
        return await reading.size() == (round(stage["width"]), round(stage["height"]))

    await eventually(sized)
    await phone.tap("#keyboard-toggle")
    await phone.keyboard.insert_text("date")
    await reading.shows(f"{PROMPT} date▮")


async def test_every_tool_is_within_reach_on_the_narrowest_phone(demo: Demo, phone: Page):
    await opened(phone, demo.huawei)
    await phone.set_viewport_size({"width": 320, "height": 560})
    await phone.select_option("#scale", "actual")  # brings one more tool
    await phone.locator("#pan").wait_for()
    for tool in await phone.locator(".tools button:visible, .tools select").all():
        box = await tool.bounding_box()
        assert box is not None
        assert box["width"] >= 32
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 320
