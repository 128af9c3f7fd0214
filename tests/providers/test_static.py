"""Consoles listed by hand."""

import dataclasses
from collections.abc import Mapping

import pytest
from pydantic import SecretStr

from gateway.config.providers import StaticConsole, StaticSettings
from gateway.errors import ConfigurationError, NoSuchInstance
from gateway.providers.hosts import AllowedHosts
from gateway.providers.outlet import Outlet
from gateway.providers.static import StaticProvider

LAB = StaticSettings.model_validate(
    {
        "type": "static",
        "consoles": {
            "desktop": "tcp://10.0.0.5:5901",
            "vm1": "ws://10.0.0.6:5700/",
            "vm2": {"url": "tcp://10.0.0.7:5902", "password": "secret"},
            "page": {"url": "https://host.test:6080/novnc/vnc_auto.html?token=abc"},
        },
    }
)


def static(consoles: Mapping[str, StaticConsole], outlet: Outlet, *allowed: str) -> StaticProvider:
    return StaticProvider("lab", consoles, allowed=AllowedHosts(allowed), outlet=outlet)


async def located(provider: StaticProvider, instance: str) -> tuple[str, str | None]:
    target = await provider.locate(instance, session="s", user="u", reference="r")
    assert not target.single_use
    assert target.valid_for is None
    place = f"{target.scheme}://{target.host}:{target.port}{target.url.raw_path_qs if target.url else ''}"
    return place, target.password.get_secret_value() if target.password else None


async def test_every_form_of_address(outlet: Outlet) -> None:
    lab = static(LAB.consoles, outlet)
    assert await located(lab, "desktop") == ("tcp://10.0.0.5:5901", None)
    assert await located(lab, "vm1") == ("ws://10.0.0.6:5700/", None)
    assert await located(lab, "vm2") == ("tcp://10.0.0.7:5902", "secret")
    assert await located(lab, "page") == ("wss://host.test:6080/websockify?token=abc", None)
    await lab.close()


async def test_the_providers_password_is_for_consoles_without_their_own(outlet: Outlet) -> None:
    lab = static(LAB.consoles, dataclasses.replace(outlet, password=SecretStr("common")))
    assert (await located(lab, "desktop"))[1] == "common"
    assert (await located(lab, "vm2"))[1] == "secret"


async def test_what_is_not_listed_does_not_exist(outlet: Outlet) -> None:
    lab = static(LAB.consoles, outlet)
    with pytest.raises(NoSuchInstance):
        await lab.locate("vm9", session="s", user="u", reference="r")


def test_every_bad_address_has_its_line(outlet: Outlet) -> None:
    consoles = {
        name: LAB.consoles["vm1"].model_copy(update={"url": url})
        for name, url in {
            "good": "ws://h.test/",
            "a": "ws://0x7f.1/?token=SECRET",
            "b": "https://h.test/vnc.html?host=evil.test&token=SECRET",
        }.items()
    }
    with pytest.raises(ConfigurationError) as caught:
        static(consoles, outlet)
    lines = str(caught.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == ["providers.lab.consoles.a", "providers.lab.consoles.b"]
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    "place",
    [
        "tcp://169.254.169.254:80",
        "ws://100.100.100.200/latest",
        "tcp://[fe80::1]:5900",
        "http://[::ffff:169.254.169.254]/vnc.html",
        "tcp://[fd00:ec2::254]:5900",
        "ws://[64:ff9b::a9fe:a9fe]/",
    ],
)
def test_link_local_and_metadata_addresses_are_no_consoles_unless_listed(outlet: Outlet, place: str) -> None:
    consoles = {"vm": StaticConsole.model_validate({"url": place})}
    with pytest.raises(ConfigurationError, match=r"providers\.lab\.consoles\.vm: .*link-local or a metadata") as caught:
        static(consoles, outlet)
    host = str(caught.value).split()[1]
    static(consoles, outlet, host)
    with pytest.raises(ConfigurationError):
        static(consoles, outlet, "169.254.7.7", "example.com")
