"""Where the next page of a list begins, in a form that promises nothing to those who pass it back."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode

from gateway.web import problems
from gateway.web.problems import Refused

MAX_CURSOR = 512
"""Characters; ours have about fifty."""

Place = tuple[float, str]


def cursor(place: Place) -> str:
    """The cursor of what comes after `place`."""
    seconds, id_ = place
    return urlsafe_b64encode(f"{seconds!r} {id_}".encode()).decode().rstrip("=")


def after(text: str | None) -> Place | None:
    """The place that `text` was made of; None without one. Raises Refused for what is no cursor of ours."""
    if text is None:
        return None
    try:
        if len(text) > MAX_CURSOR:
            raise ValueError("too long")
        seconds, space, id_ = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition(" ")
        if not space:
            raise ValueError("no id")
        return float(seconds), id_
    except (ValueError, binascii.Error) as error:
        raise Refused(problems.INVALID, "cursor: must be the `next` of another answer") from error
