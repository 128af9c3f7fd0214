"""What a splice added, dropped and rewritten, by kind.

Owns the names and the counts. Whoever makes the change notes it.
"""

from collections import Counter
from enum import StrEnum


class Note(StrEnum):
    """What was done, on the way to the browser or to the upstream."""

    # To the browser: added.
    PADDING = "padding_added"
    """Zeros in Raw, tiles in Hextile."""
    LAST_RECT = "last_rect_added"
    EMPTY_RECTANGLE = "empty_rectangle_added"
    EMPTY_UPDATE = "empty_update_added"
    """An answer to a request in a pixel format that no server knows of any more."""
    FENCE_ANSWER = "fence_answer_added"
    UPDATES_ENDED = "end_of_continuous_updates_added"
    SIZE = "desktop_size_added"
    SIZE_REFUSED = "desktop_size_refused"
    NAME = "desktop_name_added"
    CLIPBOARD_REQUEST = "clipboard_request_added"
    # To the browser: dropped and rewritten.
    UNFINISHED = "unfinished_dropped"
    """Of a rectangle or message that was held until it would be whole."""
    UPDATES_OFFER = "end_of_continuous_updates_dropped"
    ZLIB_HEADER = "zlib_header_dropped"
    H264_RESET = "h264_contexts_reset"
    # To the upstream.
    REPLAYED = "replayed"
    CONTINUOUS_UPDATES = "continuous_updates_enabled"
    KEYS_LIFTED = "keys_lifted"
    UPDATE_REQUEST = "update_request_added"
    WITHHELD = "withheld"
    """Client messages that no server will get; Memory.dropped has their names."""
    LATE_FENCE = "late_fence_dropped"
    TEXT_TRANSLATED = "clipboard_translated"


class Report:
    """Of one splice. `times` counts by kind; `octets` the bytes that were added or dropped."""

    __slots__ = ("octets", "times")

    def __init__(self) -> None:
        self.times: Counter[Note] = Counter()
        self.octets: Counter[Note] = Counter()

    def note(self, kind: Note, octets: int = 0, times: int = 1) -> None:
        """Count `times` changes of a kind, `octets` bytes together."""
        self.times[kind] += times
        self.octets[kind] += octets
