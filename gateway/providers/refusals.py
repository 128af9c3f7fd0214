"""What a cloud's refusal means: the error mapping of clouds.md §6 as one table for each cloud.

Matched on the code string, since the HTTP statuses of both clouds are not reliable; the first row that matches
counts. A status alone decides only where no row does.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import Any

from gateway.errors import (
    BadAddress,
    CloudError,
    CloudRefused,
    CloudUnavailable,
    InstanceNotReady,
    InstanceNotRunning,
    KeyRejected,
    NoSuchInstance,
    RateLimited,
)
from gateway.providers.api import Answer

MAX_RETRY_AFTER = 3600.0  # seconds; a cloud that asks for more is broken, and sessions give up long before
MAX_SKEW = 900.0  # seconds; both clouds refuse requests that are dated further off (clouds.md §2.1, §6)
_SKEW_WORTH_TELLING = 60.0
_UNSAFE = re.compile(r"[^A-Za-z0-9._:-]")
_MAX_WORD = 128  # codes have up to 40 characters, request ids 36


class Change(Enum):
    """What makes a second call, at once and only one, worth its while."""

    NOTHING = auto()
    KEYS = auto()
    CLOCK = auto()
    NONCE = auto()


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: a code, or the beginning of one with a final `*`."""

    code: str
    error: type[CloudError]
    change: Change = Change.NOTHING

    def matches(self, code: str) -> bool:
        if self.code.endswith("*"):
            return code.startswith(self.code[:-1])
        return code == self.code


Rules = tuple[Rule, ...]

ALIBABA: Rules = (
    Rule("InvalidInstanceId.NotFound", NoSuchInstance),
    Rule("InvalidRegionInstance", NoSuchInstance),
    Rule("InvalidRegionId.NotFound", NoSuchInstance),
    Rule("IncorrectInstanceStatus*", InstanceNotRunning),
    Rule("InstanceNotReady", InstanceNotReady),
    Rule("Throttling*", RateLimited),
    Rule("InternalError", CloudUnavailable),
    Rule("ServiceUnavailable*", CloudUnavailable),
    Rule("Forbidden*", CloudRefused),
    Rule("InvalidAccessKeyId*", KeyRejected),
    Rule("SignatureDoesNotMatch", KeyRejected),
    Rule("InvalidSecurityToken.Expired", CloudRefused, Change.KEYS),
    Rule("InvalidTimeStamp.Expired", CloudRefused, Change.CLOCK),
    Rule("SignatureNonceUsed", CloudRefused, Change.NONCE),
    Rule("Missing*", CloudRefused),
    Rule("Invalid*", CloudRefused),
)

HUAWEI: Rules = (
    Rule("Ecs.0114", NoSuchInstance),
    Rule("Ecs.0614", NoSuchInstance),
    Rule("itemNotFound", NoSuchInstance),  # nova's own faults pass through in places
    Rule("conflictingRequest", InstanceNotRunning),
    Rule("APIGW.0308", RateLimited),
    Rule("APIGW.0201", CloudUnavailable),
    Rule("APIGW.0601", CloudUnavailable),
    Rule("APIGW.0610", CloudUnavailable),
    Rule("APIGW.0613", CloudUnavailable),
    Rule("Ecs.0003", CloudRefused),
    Rule("APIGW.0302", CloudRefused),
    Rule("APIGW.0306", CloudRefused),
    Rule("APIGW.0301", KeyRejected),
    Rule("APIGW.0307", CloudRefused, Change.KEYS),
    Rule("Ecs.0005", CloudRefused),
    Rule("APIGW.0101", CloudRefused),
    Rule("APIGW.0602", CloudRefused),
)

# A broker of the operator's own speaks in statuses.
BROKER: Rules = (
    Rule("404", NoSuchInstance),
    Rule("409", InstanceNotRunning),
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What to raise, unless a second call with `change` is tried."""

    error: CloudError
    change: Change


def alibaba_code(document: Mapping[str, Any]) -> str:
    """The code in a body of Alibaba's: `{"Code": …}`; "" without one."""
    return _word(document.get("Code"))


def huawei_code(document: Mapping[str, Any]) -> str:
    """The code in a body of Huawei's, "" without one.

    The gateway says `{"error_code": …}`, ECS `{"error": {"code": …}}`, nova `{"itemNotFound": {…}}`.
    """
    if "error_code" in document:
        return _word(document["error_code"])
    error = document.get("error")
    if isinstance(error, Mapping):
        return _word(error.get("code"))
    if len(document) == 1 and all(isinstance(value, Mapping) for value in document.values()):
        return _word(next(iter(document)))
    return _word(document.get("code"))


def broker_code(answer: Answer) -> str:
    """The status as a code, "" where it is not the broker that speaks: redirects and some proxy's HTML."""
    is_html = "html" in answer.headers.get("Content-Type", "").lower()
    return "" if is_html or answer.status < 400 else str(answer.status)


def request_id(answer: Answer) -> str:
    """The cloud's name for the call, for its support; "" without one."""
    headers, document = answer.headers, answer.document
    return _word(
        document.get("RequestId")
        or document.get("request_id")
        or headers.get("x-acs-request-id")
        or headers.get("X-Request-Id")
    )


@contextmanager
def named(answer: Answer) -> Iterator[None]:
    """Give a BadAddress that comes of reading `answer` the name of the call."""
    try:
        yield
    except BadAddress as error:
        error.request_id = request_id(answer)
        raise


def refusal(rules: Rules, code: str, answer: Answer, *, now: float) -> Refusal:
    """What an answer that is not a success means; `now` in seconds since 1970."""
    rule = next((rule for rule in rules if rule.matches(code)), None) or _by_status(code, answer.status)
    error = rule.error(_sentence(code, answer, now))
    error.code = rule.code.removesuffix("*")
    error.request_id = request_id(answer)
    error.retry_after = retry_after(answer.headers, now)
    change = rule.change
    if rule.error is KeyRejected and abs(_skew(answer, now)) > MAX_SKEW:
        change = Change.CLOCK  # no signature of ours can be right: the key is on trial only after that
    return Refusal(error, change)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """How long, in seconds, the other side asks us to wait; None if it does not."""
    if (milliseconds := _number(headers.get("x-acs-retry-after"))) is not None:
        return min(milliseconds / 1000, MAX_RETRY_AFTER)
    value = headers.get("Retry-After")
    if (seconds := _number(value)) is not None:
        return min(seconds, MAX_RETRY_AFTER)
    if (moment := date(value)) is not None:
        return min(max(moment - now, 0.0), MAX_RETRY_AFTER)
    return None


def date(value: str | None) -> float | None:
    """An HTTP date (RFC 9110 §5.6.7) in seconds since 1970, None if it is none."""
    try:
        return parsedate_to_datetime(value or "").timestamp()
    except (ValueError, OverflowError):
        return None


def _skew(answer: Answer, now: float) -> float:
    """Seconds that the cloud's clock is ahead of ours, 0 if it does not tell its time."""
    theirs = date(answer.headers.get("Date"))
    return 0.0 if theirs is None else theirs - now


def _sentence(code: str, answer: Answer, now: float) -> str:
    """For the operator; a clock that is off explains many refusals."""
    notes = []
    if identity := request_id(answer):
        notes.append(f"request {identity}")
    if abs(skew := _skew(answer, now)) > _SKEW_WORTH_TELLING:
        notes.append(f"its clock is {skew:+.0f} s from ours")
    return f"answered {code or f'HTTP {answer.status}'}" + (f" ({', '.join(notes)})" if notes else "")


def _by_status(code: str, status: int) -> Rule:
    """For codes without a row. What is left with a code is refused; without one it is not the API that speaks."""
    if status == 429:
        return Rule("http_429", RateLimited)
    if status >= 500:
        return Rule(f"http_{status}", CloudUnavailable)
    return Rule("other", CloudRefused) if code else Rule(f"http_{status}", BadAddress)


def _number(value: str | None) -> float | None:
    return float(value) if value and re.fullmatch(r"[0-9]{1,9}", value.strip()) else None


def _word(value: object) -> str:
    """A code or id as one harmless word, for a log line; some codes of Huawei's are numbers."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return _UNSAFE.sub("?", str(value)[:_MAX_WORD])
