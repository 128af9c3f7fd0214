"""Whose word is believed about where a request came from."""

import time
from ipaddress import ip_network

import pytest
from multidict import CIMultiDict

from gateway.web.forwarded import BadForwarded, Hop, Proxies

PROXIES = Proxies([ip_network("10.0.0.0/8"), ip_network("2001:db8:1::/48")])
CLIENT = "203.0.113.7"


def client(peer: str, *headers: tuple[str, str]) -> Hop:
    return PROXIES.client(peer, CIMultiDict(headers))


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded"])
def test_nobody_but_a_trusted_proxy_is_believed(name: str):
    forged = ("for=" if name == "Forwarded" else "") + "10.0.0.1"
    assert client(CLIENT, (name, forged)) == Hop(CLIENT)
    assert Proxies([]).client("127.0.0.1", CIMultiDict([(name, forged)])) == Hop("127.0.0.1")


@pytest.mark.parametrize(
    ("said", "source"),
    [
        ("203.0.113.7", CLIENT),
        ("127.0.0.1, 203.0.113.7", CLIENT),  # the client's own invention stands on the left
        ("127.0.0.1, 203.0.113.7, 10.9.9.9", CLIENT),  # two trusted proxies
        ("203.0.113.7, 198.51.100.1, 10.9.9.9", "198.51.100.1"),
        ("10.1.1.1, 10.2.2.2", "10.1.1.1"),  # all of them trusted: a client inside
        ("203.0.113.7:40000", CLIENT),
        ("::ffff:203.0.113.7", CLIENT),
        ("2001:db8:2::9", "2001:db8:2::9"),
        ("[2001:db8:2::9]:443", "2001:db8:2::9"),
        ("203.0.113.7,, 2001:db8:1::5", CLIENT),
        ("unknown", "10.0.0.1"),
        ("203.0.113.7, _hidden", "10.0.0.1"),  # no way around one who hides where he got it from
        ("203.0.113.7, 10.9.9.9, nonsense\x1b[31m", "10.0.0.1"),
        ("fe80::1%\x1b[31m", "10.0.0.1"),
        ("", "10.0.0.1"),
    ],
)
def test_lists_are_read_from_the_right_to_the_first_untrusted_address(said: str, source: str):
    assert client("10.0.0.1", ("X-Forwarded-For", said)).source == source


def test_a_header_that_comes_twice_is_one_list():
    lines = [("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-For", CLIENT)]
    assert client("10.0.0.1", *lines).source == CLIENT
    lines = [("Forwarded", "for=198.51.100.1"), ("Forwarded", f"for={CLIENT}")]
    assert client("10.0.0.1", *lines).source == CLIENT


def test_the_peer_may_be_written_as_ipv6():
    assert client("::ffff:10.0.0.1", ("X-Forwarded-For", CLIENT)).source == CLIENT
    assert client("::ffff:198.51.100.1", ("X-Forwarded-For", CLIENT)).source == "::ffff:198.51.100.1"


@pytest.mark.parametrize(
    ("said", "hop"),
    [
        (f"for={CLIENT};host=console.example.com;proto=https", Hop(CLIENT, "console.example.com", "https")),
        (f'For="{CLIENT}:4711";Proto=HTTPS', Hop(CLIENT, "", "https")),
        ('for="[2001:db8:2::9]:4711"', Hop("2001:db8:2::9")),
        (
            f'for=1.1.1.1;host=evil.example, for={CLIENT};host="console.example.com:8443"',
            Hop(CLIENT, "console.example.com:8443"),
        ),
        (f"for={CLIENT};host=a.example, for=10.9.9.9;host=inside", Hop(CLIENT, "a.example")),
        (f'for="{CLIENT}\\";host=x, for=\\"10.9.9.9"', Hop("10.0.0.1")),  # one quoted string, no second element
        ("for=unknown;host=a.example", Hop("10.0.0.1", "a.example")),
        (f"for={CLIENT};", Hop(CLIENT)),
        ("for=_gazonk", Hop("10.0.0.1")),
        (f", ,for={CLIENT};;proto=http,", Hop(CLIENT, "", "http")),
        (f"host=evil.example;, for={CLIENT}", Hop(CLIENT)),  # what the client leaves open does not reach into the next
    ],
)
def test_the_standard_header(said: str, hop: Hop):
    assert client("10.0.0.1", ("Forwarded", said)) == hop


@pytest.mark.parametrize(
    "said",
    ["for", "for=1.1.1.1 for=2.2.2.2", 'for="1.1.1.1', "=1.1.1.1", "for=1.1.1.1;for=2.2.2.2", "ü=x", ";;="],
)
def test_what_is_not_the_standard_header_is_refused(said: str):
    with pytest.raises(BadForwarded):
        client("10.0.0.1", ("Forwarded", said))


def test_a_client_cannot_add_the_kind_of_header_that_its_proxy_does_not_write():
    with pytest.raises(BadForwarded):
        client("10.0.0.1", ("X-Forwarded-For", CLIENT), ("Forwarded", "for=192.0.2.1"))
    both = client("10.0.0.1", ("X-Forwarded-For", CLIENT), ("Forwarded", f"for={CLIENT};proto=https"))
    assert both == Hop(CLIENT, "", "https")


@pytest.mark.parametrize(
    ("sources", "hosts", "host"),
    [
        (CLIENT, "console.example.com", "console.example.com"),
        (CLIENT, "evil.example, console.example.com", "console.example.com"),
        (f"{CLIENT}, 10.9.9.9", "console.example.com, inside", "console.example.com"),
        (f"{CLIENT}, 10.9.9.9", "console.example.com", "console.example.com"),
        (f"1.1.1.1, {CLIENT}", "evil.example, console.example.com", "console.example.com"),
        ("", "Console.Example.Com", "console.example.com"),
    ],
)
def test_the_host_is_the_one_that_the_same_proxy_was_asked_for(sources: str, hosts: str, host: str):
    lines = [("X-Forwarded-For", sources), ("X-Forwarded-Host", hosts), ("X-Forwarded-Proto", "HTTPS")]
    assert client("10.0.0.1", *lines).host == host
    assert client("10.0.0.1", *lines).scheme == "https"


def test_a_thousand_hops_cost_little():
    many = ", ".join(["10.1.1.1"] * 1000)
    assert client("10.0.0.1", ("X-Forwarded-For", many)).source == "10.1.1.1"


@pytest.mark.parametrize("said", ["for=1," + " " * 8000 + "x y", "for=1" + " " * 8000 + "x", " " * 8000 + "="])
def test_a_run_of_spaces_is_read_once(said: str):
    """Read in every division of it, one header took a second, and the process with it."""
    began = time.perf_counter()
    with pytest.raises(BadForwarded):
        client("10.0.0.1", ("Forwarded", said))
    assert time.perf_counter() - began < 0.1
