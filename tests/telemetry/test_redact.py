"""What slips into a log line: secrets come out, control characters are escaped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from yarl import URL

from gateway.telemetry.redact import MAX_TEXT, clean, clean_text, escape_text


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("wss://h:1/ws?s=Dvh%2F", "wss://h:1/ws?[redacted]"),
        ("http://u:p@h/x#ticket=T", "http://h/x#[redacted]"),
        ("cannot dial wss://u@h/p?x=1, closed", "cannot dial wss://h/p?[redacted] closed"),
        ("400, message='x', url='wss://h/?token=1'", "400, message='x', url='wss://h/?[redacted]'"),
        ("GET /ws/a/b?ticket=T HTTP/1.1", "GET /ws/a/b?[redacted] HTTP/1.1"),
        ("token=abc&x=1", "token=[redacted]&x=1"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer [redacted]"),
        ("wss://h:1/path", "wss://h:1/path"),
        ("listen 127.0.0.1:8080", "listen 127.0.0.1:8080"),
        ("is that so? yes", "is that so? yes"),
    ],
)
def test_a_text_loses_what_may_open_a_console(text: str, cleaned: str):
    assert clean_text(text) == cleaned


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "Passwd",
        "secret_key",
        "token",
        "resume_token",
        "ticket",
        "bearer",
        "Authorization",
        "cookies",
        "api_key",
    ],
)
def test_a_secret_name_hides_its_value(name: str):
    assert clean("hidden", name) == "[redacted]"


@pytest.mark.parametrize("name", ["ticket_id", "session", "took_ms", "provider", "instance"])
def test_other_names_do_not(name: str):
    assert clean("shown", name) == "shown"


def test_values_are_cleaned_by_their_type():
    assert clean(SecretStr("hidden")) == "[redacted]"
    assert clean(URL("wss://u:p@h/x?s=hidden#y")) == "wss://h/x?[redacted]"
    assert clean(b"hidden") == "<6 bytes>"
    assert clean(memoryview(b"hidden")) == "<6 bytes>"
    assert clean(ValueError("at wss://h/?s=hidden")) == "at wss://h/?[redacted]"
    assert clean({"a": [SecretStr("hidden")], "token": "hidden"}) == {"a": ["[redacted]"], "token": "[redacted]"}
    assert clean(1.5) == 1.5
    assert clean(None) is None
    assert clean(True) is True


def test_deep_and_circular_values_end():
    tree: dict[str, object] = {"secret": "hidden"}
    tree["tree"] = tree
    assert "hidden" not in str(clean(tree))
    assert "<dict>" in str(clean(tree))


@given(st.text())
def test_escaped_text_is_one_printable_line(text: str):
    escaped = escape_text(text)
    assert escaped.isprintable()
    assert len(escaped.splitlines()) <= 1


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="'\"<>"), min_size=1))
def test_no_query_survives(secret: str):
    text = clean_text(f"x wss://h/p?{secret} y")
    assert text == "x wss://h/p?[redacted] y"


@pytest.mark.parametrize(
    "part", ["a", "a.", "://", "a://", "a://b@", "/", "?", "?a", "a?", "bearer ", "basic  ", "s=", "token", "\n", "'"]
)
@pytest.mark.timeout(10)  # a pattern that tries again from every character would take minutes
def test_cleaning_takes_time_in_proportion_to_the_text(monkeypatch: pytest.MonkeyPatch, part: str):
    monkeypatch.setattr("gateway.telemetry.redact.MAX_TEXT", 10**9)
    assert clean_text(part * (200_000 // len(part)))


def test_a_long_text_is_cut():
    assert len(clean_text("x" * (MAX_TEXT + 1))) == MAX_TEXT + 1
    assert clean_text("x" * (MAX_TEXT + 1)).endswith("…")
