"""A viewer that applies what Damage tells it has the canvas's picture, whatever was drawn in whatever order."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.simulator.desktop.canvas import Canvas
from gateway.simulator.desktop.damage import Copy, Damage
from gateway.simulator.desktop.geometry import Rect

WIDTH, HEIGHT = 40, 30
SCREEN = Rect(0, 0, WIDTH, HEIGHT)

rects = st.builds(Rect, st.integers(-5, WIDTH), st.integers(-5, HEIGHT), st.integers(0, 30), st.integers(0, 30))
fills = st.tuples(st.just("fill"), rects, st.integers(1, 255))
scrolls = st.tuples(st.just("scroll"), rects, st.tuples(st.integers(-6, 6), st.integers(-6, 6)))
takes = st.tuples(st.just("take"), st.one_of(st.just(SCREEN), rects), st.none())


class Nobody:
    def painted(self, rect: Rect) -> None: ...

    def scrolled(self, copy: Copy) -> None: ...


class Recorder:
    """The damage of one viewer."""

    def __init__(self, *, copies: bool) -> None:
        self.damage = Damage()
        self.damage.copies = copies

    def painted(self, rect: Rect) -> None:
        self.damage.add(rect)

    def scrolled(self, copy: Copy) -> None:
        self.damage.scroll(copy)


def show(damage: Damage, source: Canvas, viewer: Canvas, area: Rect) -> None:
    """What a server sends for a request of an area, and the viewer draws."""
    copies, changed = damage.take(area.intersect(SCREEN))
    for copy in copies:
        assert copy.target in area
        viewer.scroll(copy.target.union(copy.target.moved(-copy.dx, -copy.dy)), copy.dx, copy.dy)
    for rect in changed:
        assert rect in area
        row = rect.width * 4
        data = source.region(rect)
        viewer.rows(rect.x, rect.y, [data[at : at + row] for at in range(0, len(data), row)])


@settings(deadline=None)
@given(st.lists(st.one_of(fills, scrolls, takes), max_size=60), st.booleans())
def test_the_viewer_ends_with_the_same_picture(steps, copies):
    recorder = Recorder(copies=copies)
    canvas, viewer = Canvas(WIDTH, HEIGHT, recorder), Canvas(WIDTH, HEIGHT, Nobody())
    for kind, rect, how in steps:
        if kind == "fill":
            canvas.fill(rect, bytes([how, how, how, 0]))
        elif kind == "scroll":
            canvas.scroll(rect, *how)
        else:
            show(recorder.damage, canvas, viewer, rect)
    show(recorder.damage, canvas, viewer, SCREEN)
    assert viewer.pixels == canvas.pixels
    assert not recorder.damage


@given(rects, rects)
def test_cutting_leaves_what_is_outside_and_nothing_twice(rect, hole):
    pieces = rect.cut(hole)
    assert sum(piece.area for piece in pieces) == max(rect.area, 0) - rect.intersect(hole).area
    assert not any(piece.intersect(hole) for piece in pieces)
