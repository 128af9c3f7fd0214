"""Plots: well-formed, inside their frame, readable in the dark."""

from xml.etree import ElementTree

import pytest

from benchmarks.svg import Bar, Panel, bars, nice, plot

NAME = "{http://www.w3.org/2000/svg}"
LINES = {"gateway": [(10.0, 1.0), (5000.0, 400.0)], "nginx-256k": [(10.0, 0.5), (5000.0, 200.0)]}


def picture(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)


@pytest.mark.parametrize("log", [False, True])
def test_every_point_of_a_plot_lies_inside_the_picture(log: bool) -> None:
    made = picture(plot("growth", [Panel("sessions", "CPU", LINES, log, log)]))
    width, height = float(made.attrib["width"]), float(made.attrib["height"])
    circles = made.findall(f"{NAME}circle")
    assert len(circles) == 4
    for circle in circles:
        assert 0 < float(circle.attrib["cx"]) < width
        assert 0 < float(circle.attrib["cy"]) < height


def test_more_is_higher_and_further_to_the_right() -> None:
    made = picture(plot("growth", [Panel("sessions", "CPU", {"gateway": LINES["gateway"]})]))
    first, last = made.findall(f"{NAME}circle")
    assert float(first.attrib["cx"]) < float(last.attrib["cx"])
    assert float(first.attrib["cy"]) > float(last.attrib["cy"])


def test_names_are_escaped() -> None:
    assert picture(plot("a < b & c", [Panel("x", "y", LINES)])) is not None


def test_nothing_measured_and_nothing_but_zero_are_pictures_too() -> None:
    assert picture(plot("nothing", [Panel("x", "y", {}), Panel("x", "y", {"gateway": [(1, 0)]})])) is not None


def test_a_name_has_one_colour_in_all_panels() -> None:
    panels = [Panel("x", "y", LINES), Panel("x", "z", {"nginx-256k": LINES["nginx-256k"]})]
    made = picture(plot("growth", panels))
    classes = [line.attrib["class"] for line in made.findall(f"{NAME}polyline")]
    assert classes == ["line s0", "line s1", "line s1"]


def test_plots_have_colours_for_dark_pages() -> None:
    assert "prefers-color-scheme: dark" in plot("growth", [Panel("x", "y", LINES)])


def test_a_bar_is_as_long_as_its_value_and_a_miss_is_drawn_in_the_other_colour() -> None:
    made = picture(bars("ratios", "note", [Bar("input", 1.0, 1.5, bad=False), Bar("office", 2.0, 1.5, bad=True)]))
    short, long = [rect for rect in made.findall(f"{NAME}rect") if rect.attrib["class"] in ("d0", "d1")]
    assert float(long.attrib["width"]) == pytest.approx(2 * float(short.attrib["width"]), rel=0.01)
    assert (short.attrib["class"], long.attrib["class"]) == ("d0", "d1")


@pytest.mark.parametrize(("value", "step"), [(0.7, 1), (1.1, 2), (2.2, 2.5), (3, 5), (60, 100), (0.03, 0.05)])
def test_steps_are_round(value: float, step: float) -> None:
    assert nice(value) == pytest.approx(step)
