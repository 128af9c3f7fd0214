"""Allow-lists, and the addresses that are never dialled."""

import pytest

from gateway.errors import BadAddress
from gateway.providers import hosts
from gateway.providers.hosts import AllowedHosts


@pytest.mark.parametrize(
    ("entry", "allowed", "refused"),
    [
        (
            "aliyun.com",
            ["aliyun.com", "hz01-vncproxy.aliyun.com", "a.b.aliyun.com"],
            ["evilaliyun.com", "aliyun.com.evil.test", "aliyun", "com", "1.2.3.4", "::1"],
        ),
        ("*.example.com", ["a.example.com", "b.a.example.com"], ["example.com", "aexample.com"]),
        (".example.com", ["a.example.com"], ["example.com"]),
        ("Example.COM", ["example.com", "a.example.com"], []),
        ("localhost", ["localhost"], ["127.0.0.1", "localhost.evil.test"]),
        ("127.0.0.1", ["127.0.0.1", "::ffff:127.0.0.1"], ["127.0.0.2", "x.127.0.0.1.evil.test", "localhost"]),
        ("2001:DB8::1", ["2001:db8::1", "2001:db8:0::1"], ["2001:db8::2"]),
        ("[2001:db8::1]", ["2001:db8::1"], []),
    ],
)
def test_an_entry_allows_itself_and_what_is_below(entry: str, allowed: list[str], refused: list[str]) -> None:
    rule = AllowedHosts([entry])
    assert [host for host in allowed if not rule.allows(host)] == []
    assert [host for host in refused if rule.allows(host)] == []


def test_an_empty_list_allows_nothing() -> None:
    assert not AllowedHosts([]).allows("h.test")
    assert not AllowedHosts([]).allows("127.0.0.1")
    with pytest.raises(BadAddress, match=r"h\.test"):
        AllowedHosts([]).check("h.test")


@pytest.mark.parametrize(
    "text",
    [
        "169.254.169.254",
        "169.254.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fe80::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "::ffff:169.254.169.254",
        "[::ffff:a9fe:a9fe]",
        "64:ff9b::169.254.169.254",
    ],
)
def test_metadata_and_link_local_addresses_in_every_clothing(text: str) -> None:
    address = hosts.literal(text)
    assert address is not None
    assert hosts.is_refused(address)


@pytest.mark.parametrize("text", ["127.0.0.1", "10.0.0.1", "100.100.100.201", "::1", "2001:db8::1", "fd00::1"])
def test_other_addresses_are_not_refused(text: str) -> None:
    address = hosts.literal(text)
    assert address is not None
    assert not hosts.is_refused(address)


@pytest.mark.parametrize("text", ["h.test", "", "127.1", "0xa9fea9fe", "2852039166", "1.2.3.4.5", "169.254.169.254."])
def test_a_name_is_no_literal(text: str) -> None:
    assert hosts.literal(text) is None


@pytest.mark.parametrize(
    ("host", "expected"),
    [("H.Test.", "h.test"), ("[::1]", "::1"), ("::FFFF:10.0.0.1", "10.0.0.1"), ("169.254.169.254.", "169.254.169.254")],
)
def test_the_canonical_form(host: str, expected: str) -> None:
    assert hosts.canonical(host) == expected


@pytest.mark.parametrize(
    "host", ["127.1", "0xa9fea9fe", "2852039166", "a.1", "a.0x1", "", ".", "a b", "a/b", "-a", "é"]
)
def test_what_resolvers_might_take_for_an_address_is_no_host(host: str) -> None:
    with pytest.raises(BadAddress):
        hosts.canonical(host)
