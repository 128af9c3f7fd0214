"""What can be made to go wrong, for tests of those who call a cloud."""

from enum import Enum, auto


class ApiFault(Enum):
    """How an API call fails."""

    NONE = auto()
    SILENT = auto()  # accepted, never answered
    DROPPED = auto()  # the connection closes without an answer
    HTML = auto()  # 200, but a page
    EMPTY = auto()  # 200, {} in JSON
    FOREIGN = auto()  # an address on a host that is not the cloud's
    UNAVAILABLE = auto()  # 503 with the cloud's error body
    INTERNAL = auto()  # 500 with the cloud's error body
    THROTTLED = auto()
    FORBIDDEN = auto()
    REDIRECT = auto()  # 302 to a log-in page


class DialFault(Enum):
    """How a dial of a good address fails."""

    NONE = auto()
    NO_ANSWER = auto()  # the connection closes without an HTTP answer
    FORBIDDEN = auto()  # 403 instead of 101
    DROPPED = auto()  # 101, then the connection closes
    REFUSED = auto()  # 101, then a Close frame with 1011, as websockify does when the server is down
    SILENT = auto()  # 101, then nothing
    GARBAGE = auto()  # 101, then something that is not RFB
    TEXT = auto()  # 101, then RFB in text messages


class Cut(Enum):
    """How a proxy ends a connection."""

    CLOSE = auto()  # a Close frame, 1000
    FIN = auto()  # the TCP connection is closed without one
    RESET = auto()  # the TCP connection is reset
