"""From a cloud's address to what is dialled: the forms of clouds.md §3, and what must not pass."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from gateway.errors import BadAddress
from gateway.providers import address, hosts
from gateway.providers.address import Location

SAMPLE = (  # Alibaba's API page
    "wss%3A%2F%2Fhz01-vncproxy.aliyun.com%2Fwebsockify%2F%3Fs%3D"
    "Dvh%252FIA%252BYc73gWO48cBx2gBxUDVzaAnSKr74pq30mzqUYgeUMcB%252FbkNixDxdEA996"
)
SAMPLE_RESOURCE = "/websockify/?s=Dvh%2FIA%2BYc73gWO48cBx2gBxUDVzaAnSKr74pq30mzqUYgeUMcB%2FbkNixDxdEA996"


def resource(location: Location) -> str:
    assert location.url is not None
    return location.url.raw_path_qs


def shown(location: Location) -> str:
    scheme = location.url.scheme if location.url else "tcp"
    return f"{scheme}://{location.host}:{location.port}{resource(location) if location.url else ''}"


# Alibaba


def test_alibabas_sample_is_decoded_exactly_once() -> None:
    location = address.from_encoded(SAMPLE)
    assert (location.host, location.port) == ("hz01-vncproxy.aliyun.com", 443)
    assert resource(location) == SAMPLE_RESOURCE


@pytest.mark.parametrize(
    "value",
    [
        SAMPLE + "\t",  # as in one SDK's example
        f"\n {SAMPLE} ",
        "wss://hz01-vncproxy.aliyun.com" + SAMPLE_RESOURCE,  # decoded already
        "WSS%3a%2f%2fhz01-vncproxy.aliyun.com" + SAMPLE.partition("aliyun.com")[2],
    ],
)
def test_alibabas_address_in_its_other_forms(value: str) -> None:
    assert shown(address.from_encoded(value)) == f"wss://hz01-vncproxy.aliyun.com:443{SAMPLE_RESOURCE}"


def test_an_older_address_without_tls() -> None:
    assert shown(address.from_encoded("ws%3A%2F%2Fa.aliyun.com%2F%3Fs%3Dx")) == "ws://a.aliyun.com:80/?s=x"


def test_an_address_encoded_twice_is_refused_and_not_guessed() -> None:
    with pytest.raises(BadAddress):
        address.from_encoded(SAMPLE.replace("%", "%25"))


def test_a_percent_sequence_that_is_no_text_is_refused() -> None:
    with pytest.raises(BadAddress):
        address.from_encoded("wss%3A%2F%2Fa.aliyun.com%2F%3Fs%3D%FF")


# WebSocket addresses


@pytest.mark.parametrize(
    "tail",
    ["/", "/?s=a+b", "/a//b/../c?x=%2f%2F&y", "/p;q=1?x=y?z=/", '/?q="<>\\^`{|}', "/%zz?%"],
)
def test_a_websocket_address_is_kept_byte_for_byte(tail: str) -> None:
    assert resource(address.from_websocket(f"wss://h.test{tail}")) == tail


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("ws://h.test", "ws://h.test:80/"),
        ("ws://h.test?x=1", "ws://h.test:80/?x=1"),
        ("wss://H.Test.:8443/a#b", "wss://h.test:8443/a"),
        ("ws://10.0.0.1:5700/", "ws://10.0.0.1:5700/"),
        ("ws://[2001:DB8::1]:5700/", "ws://2001:db8::1:5700/"),
        ("ws://my_vm:5700/", "ws://my_vm:5700/"),
    ],
)
def test_host_port_and_fragment_of_a_websocket_address(value: str, expected: str) -> None:
    assert shown(address.from_websocket(value)) == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "h.test/",
        "wss:/h.test/",
        "wss:///path",
        "https://h.test/",
        "javascript://h.test/",
        "wss://user@h.test/",
        "wss://user:password@h.test/",
        "wss://h.test\\@evil.test/",
        "wss://h.test\\.evil.test/",
        "wss://h.test%2eevil.test/",
        "wss://h.test:/",
        "wss://h.test:0/",
        "wss://h.test:65536/",
        "wss://h.test:99999999999/",
        "wss://h.test:+80/",
        "wss://h.test:٨٠/",
        "wss://h.test/a b",
        "wss://h.test/\r\nHost: evil.test",
        "wss://h.test/\x00",
        "wss://h.test/\x7f",
        "wss://h.test/é",
        "wss://hé.test/",
        "wss://.test/",
        "wss://h..test/",
        "wss://-h.test/",
        "wss://[::1/",
        "wss://[fe80::1%25eth0]/",
        "wss://127.1/",
        "wss://2130706433/",
        "wss://0x7f000001/",
        "wss://0x7f.1/",
        "wss://017700000001/",
        "wss://1.2.3.4.5/",
        "wss://" + "a" * 64 + ".test/",
        "wss://" + "a." * 127 + "test/",
        "wss://h.test/" + "a" * address.MAX_ADDRESS,
    ],
)
def test_what_is_no_plain_websocket_address_is_refused(value: str) -> None:
    with pytest.raises(BadAddress):
        address.from_websocket(value)


# Pages


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (
            "https://console-intl.huaweicloud.com:443/vnc/region.ap-southeast-1/vnc_auto.html?token=UUID&lang=EN",
            "wss://console-intl.huaweicloud.com:443/vnc/region.ap-southeast-1/websockify?token=UUID",
        ),
        (
            "https://nova-novncproxy.az1.dc1.domainname.com:8002/vnc_auto.html?token=0fda3eca-8232&lang=EN&tLength=70",
            "wss://nova-novncproxy.az1.dc1.domainname.com:8002/websockify?token=0fda3eca-8232",
        ),
        ("https://h.test/vnc/x/vnc.auto.html?token=a", "wss://h.test:443/vnc/x/websockify?token=a"),
        ("https://h.test/vnc/x/any.html?path=%3Ftoken%3Da", "wss://h.test:443/vnc/x/?token=a"),
        ("https://h.test/vnc/x/any.html?path=%2Fy%3Ftoken%3Da", "wss://h.test:443/y?token=a"),
        ("https://h.test/vnc/x/any.html?path=..%2Fy%3Ftoken%3Da", "wss://h.test:443/vnc/y?token=a"),
        ("https://h.test?token=a", "wss://h.test:443/websockify?token=a"),
    ],
)
def test_a_page_whose_websocket_lies_beside_it(page: str, expected: str) -> None:
    assert shown(address.from_page(page, in_directory=True)) == expected


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("http://h.test:6080/vnc_auto.html?token=a", "ws://h.test:6080/websockify?token=a"),
        ("http://h.test:6080/novnc/vnc_lite.html?path=%3Ftoken%3Da", "ws://h.test:6080/?token=a"),
        ("http://h.test:6080/vnc_lite.html?path=ws%3Ftoken%3Da%252Fb", "ws://h.test:6080/ws?token=a%2Fb"),
        ("http://h.test:6080/vnc_lite.html?path=ws%3Fx%3D1&token=a", "ws://h.test:6080/ws?x=1&token=a"),
        ("http://h.test:6080/vnc_lite.html?path=ws%3Ftoken%3Da&token=b", "ws://h.test:6080/ws?token=a"),
        ("http://h.test:6080/vnc.html?path=", "ws://h.test:6080/"),
        ("http://h.test:6080/vnc.html", "ws://h.test:6080/websockify"),
        ("http://h.test:6080/vnc.html?token=", "ws://h.test:6080/websockify"),
        ("http://h.test:6080/vnc.html?token=a&token=b", "ws://h.test:6080/websockify?token=b"),  # noVNC: the last
        ("http://h.test:6080/vnc.html?token=a+b%2B%2f%26c", "ws://h.test:6080/websockify?token=a%2Bb%2B%2F%26c"),
        ("http://h.test:6080/vnc.html?token=a#token=b", "ws://h.test:6080/websockify?token=a"),
        ("https://h.test/vnc.html?encrypt=0&password=x&token=a", "wss://h.test:443/websockify?token=a"),
    ],
)
def test_a_stock_page_whose_websocket_lies_at_the_root(page: str, expected: str) -> None:
    assert shown(address.from_page(page)) == expected


def test_a_token_is_also_the_cookie_that_old_proxies_read() -> None:
    assert address.from_page("https://h.test/vnc_auto.html?token=abc").cookies == {"token": "abc"}
    assert address.from_page("https://h.test/vnc_auto.html?path=%3Ftoken%3Dabc").cookies == {}


def test_a_token_that_would_break_out_of_its_cookie_goes_into_the_query_alone() -> None:
    location = address.from_page("https://h.test/vnc_auto.html?token=a%3B%20admin%3D1%0d%0aX:")
    assert location.cookies == {}
    assert resource(location) == "/websockify?token=a%3B%20admin%3D1%0D%0AX%3A"


@pytest.mark.parametrize("in_directory", [True, False])
@pytest.mark.parametrize(
    "path",
    [
        "//evil.test/x",
        "///evil.test/x",
        "http://evil.test/x",
        "wss:evil.test",
        "@evil.test/x",
        ":99/x",
        "/\\evil.test/x",
        "../../../../x",
        ".evil.test",
    ],
)
def test_a_path_never_leaves_the_pages_host(path: str, *, in_directory: bool) -> None:
    location = address.from_page(str(URL("https://h.test:8/a/b.html") % {"path": path}), in_directory=in_directory)
    assert location.url is not None
    assert (location.host, location.port, location.url.host, location.url.port) == ("h.test", 8, "h.test", 8)
    assert location.url.raw_path.startswith("/")
    assert not location.url.raw_path.startswith("//")


@pytest.mark.parametrize(
    "value",
    [
        "https://h.test/vnc.html?token=a&host=evil.test",
        "https://h.test/vnc.html?token=a&port=99",
        "https://h.test/vnc.html?host=",
        "https://h.test/vnc.html?%68ost=evil.test",
        "https://h.test/vnc.html?path=a%20b",
        "https://h.test/vnc.html?path=a%0d%0aX:%20y",
        "https://h.test/vnc.html?path=%C3%A9",
        "https://h.test/vnc.html?token=%FF",
        "https://user@h.test/vnc.html?token=a",
        "wss://h.test/?token=a",
        "file:///etc/passwd",
    ],
)
def test_pages_that_are_refused(value: str) -> None:
    with pytest.raises(BadAddress):
        address.from_page(value)


# Everything


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("tcp://10.0.0.5:5901", "tcp://10.0.0.5:5901"),
        ("tcp://h.test", "tcp://h.test:5900"),
        ("tcp://[::1]:5901/", "tcp://::1:5901"),
        ("ws://10.0.0.6:5700/", "ws://10.0.0.6:5700/"),
        (" wss://h.test/a?b ", "wss://h.test:443/a?b"),
        ("HTTPS://h.test:6080/x/vnc_auto.html?token=a", "wss://h.test:6080/websockify?token=a"),
    ],
)
def test_any_form(value: str, expected: str) -> None:
    assert shown(address.from_any(value)) == expected


@pytest.mark.parametrize("value", ["tcp://h.test:5901/x", "tcp://h.test:5901?x", "tcp://", "unix:///x", "h.test:5901"])
def test_forms_that_are_none(value: str) -> None:
    with pytest.raises(BadAddress):
        address.from_any(value)


@pytest.mark.parametrize(("host", "port"), [("h.test", 0), ("h.test", 65536), ("h.test", -1), ("", 1), ("a b", 1)])
def test_a_host_and_port_that_are_none(host: str, port: int) -> None:
    with pytest.raises(BadAddress):
        address.from_host(host, port)


READERS = (address.from_encoded, address.from_websocket, address.from_page, address.from_any)
NASTY = st.text(alphabet=st.sampled_from(list("wsh:/?#[]@\\%25.é \r\n\t&=a1-_+;")), max_size=40)


@pytest.mark.parametrize("read", READERS)
@given(value=st.one_of(st.text(max_size=60), NASTY.map("wss://h.test".__add__), NASTY.map("https://".__add__)))
def test_any_text_gives_a_clean_location_or_our_own_error(read: Callable[[str], Location], value: str) -> None:
    try:
        location = read(value)
    except BadAddress as error:
        secret = value.partition("?")[2]
        assert len(secret) < 4 or secret not in str(error)
        return
    assert 0 < location.port < 65536
    if location.url is not None:
        assert hosts.canonical(location.url.host or "") == location.host
        assert location.url.port == location.port
        assert all("!" <= character <= "~" for character in resource(location))
        assert location.url.raw_user is None


def test_no_error_shows_the_address() -> None:
    for value in ("wss://h.test/?token=SECRET ", "wss://SECRET@h.test/", "SECRET", "wss://h.test:99999/SECRET"):
        with pytest.raises(BadAddress) as caught:
            address.from_websocket(value)
        assert "SECRET" not in str(caught.value)
    assert "SECRET" not in repr(address.from_websocket("wss://h.test/?token=SECRET"))
