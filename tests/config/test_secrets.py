"""Secrets: from the key or from a file beside it, and shown nowhere."""

import json
from pathlib import Path

import pytest

OPEN = 'access.mode = "open"\n'
HTTP = "[providers.b]\ntype = 'http'\nurl = 'https://h/'\nallowed_hosts = ['h']\n"
STATIC_KEY = "[credentials.k]\nsource = 'static'\naccess_key = 'AK'\n"


def test_a_secret_file_is_read_and_stripped(load_text, tmp_path: Path):
    (tmp_path / "s").write_text("  hidden \n\n")
    settings = load_text(OPEN + HTTP + f"bearer_file = '{tmp_path / 's'}'\npassword_file = '{tmp_path / 's'}'")
    assert settings.providers["b"].bearer.get_secret_value() == "hidden"
    assert settings.providers["b"].password.get_secret_value() == "hidden"


def test_an_access_key_may_lie_in_a_file_too(load_text, tmp_path: Path):
    (tmp_path / "ak").write_text("AK\n")
    (tmp_path / "sk").write_text("SK\n")
    settings = load_text(
        OPEN
        + f"[credentials.k]\nsource = 'static'\naccess_key_file = '{tmp_path / 'ak'}'\n"
        + f"secret_key_file = '{tmp_path / 'sk'}'"
    )
    assert settings.credentials["k"].access_key == "AK"
    assert settings.credentials["k"].secret_key.get_secret_value() == "SK"


def test_an_empty_file_key_means_none(load_text):
    assert load_text(OPEN + HTTP + "bearer_file = ''\npassword = ''").providers["b"].bearer is None


def test_a_variable_replaces_a_secret_file(load_text):
    settings = load_text(
        OPEN + HTTP + "bearer_file = '/nowhere'",
        VNC_GATEWAY_PROVIDERS__B__BEARER="hidden",
        VNC_GATEWAY_PROVIDERS__B__BEARER_FILE="",
    )
    assert settings.providers["b"].bearer.get_secret_value() == "hidden"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot read {path}: No such file or directory"),
        (b"", "{path} is empty"),
        (b" \n", "{path} is empty"),
        (b"\xff", "{path} is not a text file"),
        (b"x" * 65537, "{path} is larger than 65536 bytes"),
    ],
)
def test_a_secret_file_that_cannot_be_used_is_a_fault(faults_of, tmp_path: Path, content: bytes | None, why: str):
    path = tmp_path / "s"
    if content is not None:
        path.write_bytes(content)
    assert faults_of(HTTP + f"bearer_file = '{path}'") == ["providers.b.bearer_file: " + why.format(path=path)]


def test_a_secret_is_not_given_twice(faults_of):
    assert faults_of(HTTP + "bearer = 'x'\nbearer_file = '/nowhere'") == [
        "providers.b.bearer_file: give either bearer or bearer_file, not both"
    ]


def test_a_required_secret_is_missed_and_may_not_be_empty(faults_of):
    assert faults_of(STATIC_KEY) == ["credentials.k.secret_key: is required"]
    assert faults_of(STATIC_KEY + "secret_key = ''") == ["credentials.k.secret_key: must not be empty"]


def test_only_secrets_come_from_files(faults_of):
    assert faults_of("listen.host_file = '/etc/hostname'") == ["listen.host_file: unknown key, did you mean host?"]


def test_settings_show_no_secret(load_text):
    settings = load_text(
        OPEN
        + STATIC_KEY
        + "secret_key = 'hidden'\n"
        + HTTP
        + "bearer = 'hidden'\npassword = 'hidden'\nproxy = 'http://u:hidden@h:1'\nheaders = { Cookie = 'hidden' }\n"
        + "[providers.s]\ntype = 'static'\nconsoles = { a = 'https://h/?token=hidden' }"
    )
    assert "hidden" not in repr(settings)
    assert "hidden" not in str(settings)
    assert json.loads(settings.credentials["k"].model_dump_json())["secret_key"] == "**********"


def test_what_is_wrong_in_a_file_is_told_of_the_key_that_names_it(faults_of, tmp_path: Path):
    (tmp_path / "short").write_text("zz")
    fault = 'each line must be a key of at least 32 characters, as from "openssl rand -hex 32"'
    in_file = f"access.seal_keys_file = '{tmp_path / 'short'}'"
    assert faults_of(in_file) == [f"access.seal_keys_file: {fault}"]
    variable = "VNC_GATEWAY_ACCESS__SEAL_KEYS_FILE"
    assert faults_of("", **{variable: str(tmp_path / "short")}) == [f"{variable}: {fault}"]
    assert faults_of("access.seal_keys = 'zz'") == [f"access.seal_keys: {fault}"]
