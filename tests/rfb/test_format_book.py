"""SetPixelFormat in mid-session (rfb.md §1, last paragraph): from which update on a format counts."""

from support.rfb_streams import BGR233, RGB565, RGB888, Format

from gateway.rfb.format_book import FormatBook
from gateway.rfb.pixel_format import PixelFormat


def parsed(form: Format) -> PixelFormat:
    pixel_format = PixelFormat.parse(form.wire)
    assert pixel_format is not None
    return pixel_format


OLD, NEW, NEWEST = parsed(RGB888), parsed(RGB565), parsed(BGR233)


def test_a_format_set_before_any_request_counts_at_once() -> None:
    book = FormatBook(OLD)
    book.format_asked(NEW)
    book.update_requested()
    assert book.update_begun() is NEW


def test_an_update_that_nobody_asked_for_is_in_the_last_format() -> None:
    book = FormatBook(OLD)
    assert book.update_begun() is OLD
    book.format_asked(NEW)
    assert book.update_begun() is NEW


def test_a_format_set_while_an_update_comes_counts_from_the_next() -> None:
    """TigerVNC's viewer sets it as an update begins, and then asks for the next one."""
    book = FormatBook(OLD)
    book.update_requested()
    assert book.update_begun() is OLD
    book.format_asked(NEW)
    book.update_requested()
    assert book.current is OLD
    assert book.update_begun() is NEW


def test_an_update_asked_for_before_the_format_was_set_is_in_the_old_one() -> None:
    book = FormatBook(OLD)
    book.update_requested()
    book.format_asked(NEW)
    book.update_requested()
    assert book.update_begun() is OLD
    assert book.update_begun() is NEW


def test_requests_in_a_row_are_answered_by_one_update() -> None:
    book = FormatBook(OLD)
    for _ in range(3):
        book.update_requested()
    assert not book.steady
    book.update_begun()
    assert book.steady


def test_two_formats_in_a_row_each_count_from_their_own_request() -> None:
    book = FormatBook(OLD)
    book.update_requested()
    for pixel_format in (NEW, NEWEST):
        book.format_asked(pixel_format)
        book.update_requested()
    assert [book.update_begun() for _ in range(4)] == [OLD, NEW, NEWEST, NEWEST]


def test_under_continuous_updates_a_format_counts_from_their_end() -> None:
    """TigerVNC's viewer: disable, set, enable; the server answers the first with EndOfContinuousUpdates."""
    book = FormatBook(OLD)
    book.updates_ended()  # the announcement
    book.continuous_updates_set(enabled=True)
    assert book.update_begun() is OLD
    book.continuous_updates_set(enabled=False)
    book.format_asked(NEW)
    book.continuous_updates_set(enabled=True)
    assert book.update_begun() is OLD
    assert book.update_begun() is OLD
    book.updates_ended()
    assert book.update_begun() is NEW


def test_of_two_ends_the_one_after_the_format_counts() -> None:
    book = FormatBook(OLD)
    book.continuous_updates_set(enabled=True)
    book.continuous_updates_set(enabled=False)
    book.continuous_updates_set(enabled=True)
    book.continuous_updates_set(enabled=False)
    book.format_asked(NEW)
    book.updates_ended()
    assert book.update_begun() is OLD
    book.updates_ended()
    assert book.update_begun() is NEW


def test_a_request_under_continuous_updates_does_not_bring_the_format_forward() -> None:
    book = FormatBook(OLD)
    book.continuous_updates_set(enabled=True)
    book.continuous_updates_set(enabled=False)
    book.format_asked(NEW)
    book.update_requested()
    assert book.update_begun() is OLD
    book.update_requested()
    book.updates_ended()
    assert book.update_begun() is NEW


def test_a_client_that_only_asks_does_not_fill_memory() -> None:
    book = FormatBook(OLD)
    for _ in range(1000):
        for pixel_format in (NEW, NEWEST):
            book.format_asked(pixel_format)
            book.update_requested()
    assert len(book._requests) <= 16
