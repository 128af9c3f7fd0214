"""Keys and buttons over any number of losses (rfb.md §5, promise 3): none is left stuck, none arrives late."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.drawn_streams import ALL, Drawing
from support.guest import Guest, RefusedError
from support.rfb_client import messages
from support.rfb_client.wire import RGB888
from support.rfb_streams import EXTENDED_MOUSE, QEMU_KEY, rectangle, update
from support.splicing import Viewer

KEYMAP = {42: 0xFFE1, 29: 0xFFE3, 30: 0x61, 31: 0x73, 56: 0xFFE9}
BUTTONS = (1, 2, 4)
BACK, FORWARD = 128, 256
OFFER = update(rectangle(QEMU_KEY), rectangle(EXTENDED_MOUSE))


class Person:
    """Fingers on keys and buttons in front of a viewer, and a guest behind it.

    `extended`: the page sends QEMU's key events from the time that it was offered them, and presses back and forward.
    `late`: what was pressed while
    there was no upstream and is still down. `owed`: buttons that were down at the loss.
    """

    def __init__(self, make: str, dice: random.Random, *, extended: bool) -> None:
        self.guest = Guest(make, KEYMAP)
        self.dice = dice
        self.extended = extended
        self.viewer = Viewer(Drawing(40, 30, 1).server_init, RGB888, ALL)
        self.down: set[int] = set()
        self.buttons = 0
        self.late: set[int] = set()
        self.late_buttons = 0
        self.owed = 0
        self.away = False
        self.heard = True
        self.queue = b""
        self._deliver(bytes(self.viewer.upstream))
        self.viewer.upstream.clear()
        if extended:
            self.offer()

    def act(self) -> None:
        """Do one thing of many."""
        acts = [self.press, self.press, self.release, self.repeat, self.point, self.point, self.bell]
        acts += [self.rejoin, self.rejoin] if self.away else [self.lose, self.offer]
        self.dice.choice(acts)()

    def press(self) -> None:
        up = sorted(set(KEYMAP) - self.down)
        if up:
            key = self.dice.choice(up)
            self.down.add(key)
            if self.away:
                self.late.add(key)
            self._key(key, down=True)

    def release(self) -> None:
        if self.down:
            key = self.dice.choice(sorted(self.down))
            self.down.discard(key)
            self.late.discard(key)
            self._key(key, down=False)

    def repeat(self) -> None:
        if self.down:
            self._key(self.dice.choice(sorted(self.down)), down=True)

    def point(self) -> None:
        flipped = self.dice.choice([0, *BUTTONS, *((BACK, FORWARD) if self.extended else ())])
        if (self.away or (flipped >= BACK and not self.guest.offers)) and not self.buttons & flipped:
            self.late_buttons |= flipped & ~self.owed  # those are pressed once more, to be released
        self.buttons ^= flipped
        self.late_buttons &= self.buttons
        self._point(self.dice.randrange(40), self.dice.randrange(30))

    def bell(self) -> None:
        if not self.away:
            self._feed(b"\2")

    def offer(self) -> None:
        self.guest.offers |= {(255, 0), "pointer"}
        self._feed(OFFER)

    def lose(self) -> None:
        self.viewer.lose()
        self.away = True
        untold = BACK | FORWARD if not self.guest.offers else 0
        self.owed = self.owed & (untold if self.heard else -1) | self.buttons
        if self.heard or self.dice.random() < 0.5:  # else nobody has read what was sent
            self._deliver(self.queue)
        self.queue = b""

    def rejoin(self) -> None:
        self.guest.connect()
        self.away = self.heard = False
        self._say(b"".join(self.viewer.join(Drawing(40, 30, 2).server_init)))

    def let_go(self) -> None:
        """Come back, and take all fingers away."""
        if self.away:
            self.rejoin()
        if self.extended:
            self.offer()
        self.bell()
        while self.down:
            self.release()
        self.buttons = self.late_buttons = 0
        self._point(0, 0)

    def _point(self, x: int, y: int) -> None:
        self._send((messages.extended_pointer if self.extended else messages.pointer)(x, y, self.buttons))

    def _key(self, key: int, *, down: bool) -> None:
        event = (
            messages.qemu_key(KEYMAP[key], key, down=down) if self.extended else messages.key(KEYMAP[key], down=down)
        )
        self._send(event)

    def _send(self, message: bytes) -> None:
        self._say(self.viewer.send(message))

    def _feed(self, data: bytes) -> None:
        self.heard = True
        self.viewer.upstream.clear()
        self.viewer.feed(data)
        self._say(bytes(self.viewer.upstream))

    def _say(self, data: bytes) -> None:
        """To the upstream, which reads it once it was heard of, or perhaps never."""
        self.queue += data
        if self.heard:
            self._deliver(self.queue)
            self.queue = b""

    def _deliver(self, data: bytes) -> None:
        seen = len(self.guest.pressed)
        self.guest.clicked = 0
        self.guest.take(data)
        late = {KEYMAP[key] for key in self.late}
        for form, number in self.guest.pressed[seen:]:
            assert (KEYMAP[number] if form == "keycode" else number) not in late, "typed while away, and arrived"
        assert not self.guest.clicked & self.late_buttons, "clicked while away, and arrived"


@pytest.mark.parametrize("make", ["qemu", "tigervnc"])
@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32), extended=st.booleans(), length=st.integers(1, 60))
def test_nothing_is_stuck_and_nothing_arrives_late(make: str, seed: int, extended: bool, length: int) -> None:
    person = Person(make, random.Random(seed), extended=extended)
    for _ in range(length):
        person.act()
    person.let_go()
    assert person.guest.keys == set()
    assert person.guest.buttons == 0


# Negative controls


def held_over(make: str, *, extended: bool = True) -> Person:
    person = Person(make, random.Random(1), extended=extended)
    person.down.add(42)
    person._key(42, down=True)
    person.buttons = 1
    person._send(messages.pointer(1, 1, 1))
    person.lose()
    return person


def test_control_a_replay_without_the_old_buttons_leaves_one_stuck() -> None:
    person = held_over("qemu")
    person.viewer.memory.seam.held.buttons = 0
    person.buttons = 0
    person._send(messages.pointer(1, 1, 0))
    person.let_go()
    assert person.guest.buttons == 1


def test_control_a_replay_without_key_ups_leaves_one_stuck() -> None:
    person = held_over("qemu")
    person.viewer.memory.seam.held.keysyms.clear()
    person.viewer.memory.seam.held.keycodes.clear()
    person.down.clear()
    person._key(42, down=False)
    person.let_go()
    assert person.guest.keys == {("keysym", 0xFFE1)}


def test_control_back_that_is_not_pressed_once_more_is_stuck() -> None:
    person = Person("qemu", random.Random(1), extended=True)
    person.buttons = BACK
    person._point(1, 1)
    person.lose()
    person.rejoin()
    assert person.viewer.server.joint.buttons_owed == BACK
    person.viewer.server.joint.buttons_owed = 0
    person.let_go()
    assert person.guest.buttons == BACK


def test_control_a_modifier_pressed_and_released_in_different_forms_is_stuck() -> None:
    person = held_over("tigervnc")
    person.rejoin()
    person.offer()
    person.viewer.memory.keyboard.translated.clear()
    person.let_go()
    assert person.guest.keys == {("keysym", 0xFFE1)}


def test_control_extended_events_that_were_not_offered_are_refused() -> None:
    with pytest.raises(RefusedError):
        Guest("qemu", KEYMAP).take(messages.qemu_key(0x61, 30, down=True))
