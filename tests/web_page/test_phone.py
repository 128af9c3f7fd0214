"""The page on a phone: what is there, how large, and its keyboard."""

from support.page import state
from support.programs import eventually

BACKSPACE, RETURN, SHIFT = 0xFF08, 0xFF0D, 0xFFE1


async def opened(stub, phone):
    await phone.goto(stub.console("hangzhou/i-bp1a2b3c4d5e6f7g8h9i"))
    await state(phone, "connected")


async def test_nothing_sticks_out_and_every_button_is_large_enough_for_a_finger(stub, phone):
    await opened(stub, phone)
    assert await phone.evaluate("document.documentElement.scrollWidth") == 390
    assert await phone.evaluate("document.documentElement.scrollHeight") == 780
    boxes = [await button.bounding_box() for button in await phone.locator(".tools button:visible").all()]
    assert len(boxes) >= 6
    for box in boxes:
        assert box["width"] >= 44
        assert box["height"] >= 44
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390


async def test_the_picture_has_most_of_the_screen(stub, phone):
    await opened(stub, phone)
    stage = await phone.locator(".stage").bounding_box()
    assert stage["height"] > 0.85 * 780


async def test_the_on_screen_keyboard_types(stub, phone):
    await opened(stub, phone)
    await phone.tap("#keyboard-toggle")
    assert await phone.evaluate("document.activeElement.id") == "touch-input"
    await phone.keyboard.insert_text("hI")
    await phone.keyboard.press("Backspace")
    await phone.keyboard.press("Enter")
    expected = [0x68, SHIFT, 0x49, BACKSPACE, RETURN]
    await eventually(lambda: [key for down, key in stub.keys if down] == expected, what=f"{stub.keys}")
    await phone.tap("#keyboard-toggle")
    assert await phone.evaluate("document.activeElement.id") != "touch-input"


async def test_a_word_that_the_keyboard_corrects_is_corrected_in_the_machine(stub, phone):
    await opened(stub, phone)
    await phone.tap("#keyboard-toggle")
    await phone.keyboard.insert_text("teh")
    correct = "f => { f.value = f.value.slice(0, -2) + 'he'; f.dispatchEvent(new InputEvent('input')) }"
    await phone.eval_on_selector("#touch-input", correct)
    expected = [0x74, 0x65, 0x68, BACKSPACE, BACKSPACE, 0x68, 0x65]
    await eventually(lambda: [key for down, key in stub.keys if down] == expected, what=f"{stub.keys}")


async def test_a_tap_on_the_picture_does_not_zoom_the_page(stub, phone):
    await opened(stub, phone)
    await phone.tap("#screen canvas")
    await phone.tap("#screen canvas")
    assert await phone.evaluate("visualViewport.scale") == 1
