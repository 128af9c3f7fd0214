"""The header's form, by HAProxy's proxy-protocol.txt; its sections are the docstrings' numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.proxy_headers import LOCAL, SIGNATURE, UNKNOWN, binary, tlv, v1, v2

from gateway.web.proxy_protocol import MAX_HEADER, MAX_V1, MAX_V2, BadHeader, Header, NoHeader, parse

LONGEST = b"PROXY UNKNOWN " + b"f" * (MAX_V1 - 16) + b"\r\n"
IPV6 = "2001:db8:2::9"

GOOD = [
    (v1("203.0.113.7"), "203.0.113.7"),
    (v1(IPV6), IPV6),
    (v1("255.255.255.255", "255.255.255.255", port=65535), "255.255.255.255"),
    (b"PROXY TCP4 203.0.113.7 192.0.2.1 0 0\r\n", "203.0.113.7"),
    (b"PROXY TCP6 ::ffff:203.0.113.7 ::1 1 2\r\n", "203.0.113.7"),
    (UNKNOWN, ""),
    (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", ""),
    (LONGEST, ""),
    (v2("203.0.113.7"), "203.0.113.7"),
    (v2(IPV6), IPV6),
    (v2("::ffff:203.0.113.7"), "203.0.113.7"),
    (v2("203.0.113.7", tlvs=tlv(2, b"console.example.com") + tlv(0xEA, bytes(40))), "203.0.113.7"),
    (v2("203.0.113.7", tlvs=tlv(4, bytes(MAX_V2 - 15))), "203.0.113.7"),
    (LOCAL, ""),
    (v2("203.0.113.7", command=0), ""),  # LOCAL: whatever it says is to be ignored (§2.2)
    (binary(1, 0x00, tlv(4, b"x")), ""),
    (binary(1, 0x31, bytes(216)), ""),
    (binary(1, 0x12, bytes(12)), ""),
]


@pytest.mark.parametrize(("data", "source"), GOOD)
def test_a_header_is_found_whole_byte_by_byte_and_with_what_follows_left_alone(data: bytes, source: str):
    for end in range(len(data)):
        assert parse(data[:end]) is None
    for after in (b"", b"\x16", b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n", b"\r\n"):
        assert parse(data + after) == Header(source, len(data))
    assert len(data) <= MAX_HEADER


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01",
        b"proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
        b"PROXY  TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
        b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n\r\n",
        b"PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n",
        b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n",
        b"PROXY TCP4 1.1.1.1 2.2.2.2 1 65536\r\n",
        b"PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n",
        b"PROXY TCP4 1.1.1.1 2.2.2.2 -1 2\r\n",
        b"PROXY TCP4 1.1.1.1 2.2.2.2 1 " + b"9" * 60 + b"\r\n",
        b"PROXY TCP4 1.1.1.01 2.2.2.2 1 2\r\n",
        b"PROXY TCP4 1.1.1.1 2.2.2 1 2\r\n",
        b"PROXY TCP4 ::1 ::2 1 2\r\n",
        b"PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n",
        b"PROXY TCP6 fe80::1%eth0 ::2 1 2\r\n",
        b"PROXY TCP5 1.1.1.1 2.2.2.2 1 2\r\n",
        b"PROXY \xd9\xa1 1.1.1.1 2.2.2.2 1 2\r\n",
        b"PROXY \r\n",
        b"PROXY UNKNOWN " + b"f" * 200,
        LONGEST[:-2] + b"f\r\n",
        SIGNATURE[:-1] + b"\r",
        binary(1, 0x11, bytes(12), version=1),
        binary(1, 0x11, bytes(12), version=3),
        binary(2, 0x11, bytes(12)),
        binary(1, 0x13, bytes(12)),
        binary(1, 0x41, bytes(12)),
        binary(1, 0x11, bytes(11)),
        binary(1, 0x21, bytes(35)),
        binary(0, 0x00, bytes(MAX_V2 + 1)),
        SIGNATURE + b"\x21\x11\xff\xff",
    ],
)
def test_everything_else_is_refused(data: bytes):
    with pytest.raises(BadHeader):
        parse(data)


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n", b"\x16\x03\x01", b"\0", b"PROXIES\r\n", b"\r\n\r\nGET"])
def test_what_does_not_begin_as_a_header_is_told_from_a_bad_one(data: bytes):
    with pytest.raises(NoHeader):
        parse(data)
    for begin in (b"PROXY ", SIGNATURE):
        with pytest.raises(BadHeader) as bad:
            parse(begin + data + b"\r\n" * 60)
        assert not isinstance(bad.value, NoHeader)


@given(st.binary(max_size=200), st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"\x21\x11"]))
def test_any_bytes_are_a_header_the_beginning_of_one_or_refused(data: bytes, begin: bytes):
    try:
        header = parse(begin + data)
    except BadHeader:
        return
    assert header is None or 0 < header.size <= len(begin + data)
