"""Who can reach the gateway, and what keys are: what [listen], [admin] and [access] must say together."""

from pathlib import Path

import pytest

from gateway.config.access import seal_keys_in
from gateway.errors import ConfigurationError

OPEN_OFF_LOOPBACK = 'is refused: access mode open is for this machine only, as in "127.0.0.1"'
NO_PUBLIC_URL = "listen.public_url: is required off loopback: the address by which browsers reach the gateway"


@pytest.mark.parametrize("host", ["192.0.2.1", "::", "console.example.com", "0.0.0.0"])
def test_open_mode_stays_on_this_machine_and_others_need_their_address(faults_of, load_text, host: str):
    assert faults_of(f"listen.host = '{host}'") == [f"listen.host: {host} {OPEN_OFF_LOOPBACK}"]
    with pytest.raises(ConfigurationError) as caught:
        load_text(f"listen.host = '{host}'")
    assert str(caught.value) == NO_PUBLIC_URL
    assert load_text(f"listen = {{ host = '{host}', public_url = 'https://c.example.com' }}").listen.host == host


def test_the_default_is_closed(load_text):
    assert load_text("").access.mode == "ticket"


def test_admin_keys_cross_a_network_only_if_that_was_said(load_text):
    assert load_text("admin = { host = '0.0.0.0', insecure = true }").admin.insecure
    assert load_text("admin.host = '0.0.0.0'", VNC_GATEWAY_ADMIN__INSECURE="true").admin.insecure


def test_a_key_is_a_hash_or_a_table(load_text):
    digest = "sha256:" + "0" * 64
    keys = load_text(
        f"""
        [admin.keys]
        all = "{digest}"
        some = {{ hash = "{digest}", rights = ["tickets"], consoles = ["hangzhou/*"] }}
        """
    ).admin.keys
    assert keys["all"].rights == ("tickets", "sessions", "end")
    assert keys["all"].consoles == ("*/*",)
    assert keys["some"].rights == ("tickets",)
    assert keys["some"].consoles == ("hangzhou/*",)


def test_seal_keys_are_read_one_a_line(load_text, tmp_path: Path):
    path = tmp_path / "seals"
    path.write_text("\n" + "n" * 32 + "\n\n  " + "o" * 40 + "\n")
    keys = load_text(f"access.seal_keys_file = '{path}'").access.seal_keys
    assert seal_keys_in(keys) == ["n" * 32, "o" * 40]
