"""[state]: where what replicas share is kept."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.state import Address, address
from gateway.errors import ConfigurationError

SEALED = "access.seal_keys = '0123456789abcdef0123456789abcdef'\n"


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("redis://10.0.0.5", Address((("10.0.0.5", 6379),))),
        ("redis://redis:6380/3", Address((("redis", 6380),), db=3)),
        ("redis://:p%40ss@redis/0", Address((("redis", 6379),), password="p@ss")),
        ("rediss://me:secret@[fd00::5]:6379", Address((("fd00::5", 6379),), user="me", password="secret", tls=True)),
        (
            "redis+sentinel://me:secret@a,b:26380,[fd00::5]/main/2",
            Address((("a", 26379), ("b", 26380), ("fd00::5", 26379)), "main", 2, "me", "secret"),
        ),
        ("redis+sentinel://a/main", Address((("a", 26379),), "main")),
    ],
)
def test_a_url_is_taken_apart(url: str, parts: Address):
    assert address(url) == parts


@pytest.mark.parametrize(
    "url",
    [
        "redis://",
        "redis://host/zero",
        "redis://host/0?db=1",
        "redis://host:0",
        "redis://host:secret:1",
        "http://host",
        "redis+sentinel://a,b",
        "redis+sentinel://a,/main",
        "redis+sentinel://a/main/x",
        "redis+sentinel:///main",
    ],
)
def test_another_url_is_a_fault_that_does_not_repeat_it(load_text, url: str):
    with pytest.raises(ConfigurationError) as failed:
        load_text(f"{SEALED}state.url = '{url.replace('//', '//me:sesame@')}'")
    (line,) = str(failed.value).splitlines()
    assert line.startswith(("state.url: must ", "state.url: has a host"))
    assert "sesame" not in line


@given(
    st.sampled_from(["redis://", "rediss://", "redis+sentinel://", ""]),
    st.text(st.sampled_from("ab1:@/,[]%?#.-_ é\x00")),
)
def test_whatever_the_url_it_is_an_address_or_a_fault(scheme: str, rest: str):
    try:
        parts = address(scheme + rest)
    except ValueError:
        return
    assert all(host and 0 < port <= 65535 for host, port in parts.hosts)
    assert parts.db >= 0


def test_an_address_is_shown_without_its_password():
    parts = address("redis+sentinel://me:sesame@a,b/main")
    assert str(parts) == "main of a:26379,b:26379"
    assert "sesame" not in repr(parts)


def test_the_url_may_come_from_a_file(load_text, tmp_path: Path):
    path = tmp_path / "url"
    path.write_text("redis://:sesame@redis\n")
    state = load_text(f"{SEALED}state.url_file = '{path}'").state
    assert state.shared
    assert state.url.get_secret_value() == "redis://:sesame@redis"
    assert "sesame" not in repr(state)


@pytest.mark.parametrize("state", ["url = 'redis://redis'", "url_file = '{path}'"])
def test_a_shared_state_needs_seal_keys(load_text, tmp_path: Path, state: str):
    path = tmp_path / "url"
    path.write_text("redis://redis")
    with pytest.raises(ConfigurationError) as failed:
        load_text("state." + state.format(path=path))
    assert str(failed.value) == "access.seal_keys_file: is required with a shared state: tabs return to any replica"


@pytest.mark.parametrize("prefix", ["", "a*", "{a}", "a b", "x" * 65])
def test_a_prefix_has_nothing_that_a_pattern_would_read(load_text, prefix: str):
    with pytest.raises(ConfigurationError, match=r"^state.prefix: must be up to 64"):
        load_text(f"state.prefix = '{prefix}'")
