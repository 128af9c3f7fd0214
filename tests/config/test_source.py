"""A configuration is watched by what its files hold, the secrets' too."""

from pathlib import Path

import pytest

from gateway.config.source import Source
from gateway.errors import ConfigurationError

TEXT = """
access.mode = "open"
[credentials.prod]
source = "static"
access_key = "AK"
secret_key_file = "{secret}"
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    secret, config = tmp_path / "secret", tmp_path / "gateway.toml"
    secret.write_text("one")
    config.write_text(TEXT.format(secret=secret))
    return config, secret


def test_what_was_read_has_not_changed(files: tuple[Path, Path]):
    source = Source(files[0], {})
    assert source.changed
    source.read()
    assert not source.changed
    files[0].touch()
    assert not source.changed


@pytest.mark.parametrize("which", [0, 1])
def test_another_content_is_a_change(files: tuple[Path, Path], which: int):
    source = Source(files[0], {})
    source.read()
    files[which].write_text(files[which].read_text() + "\n# another\n")
    assert source.changed


def test_a_secret_that_a_variable_names_is_watched(tmp_path: Path, files: tuple[Path, Path]):
    other = tmp_path / "other"
    other.write_text("two")
    source = Source(files[0], {"VNC_GATEWAY_CREDENTIALS__PROD__SECRET_KEY_FILE": str(other)})
    source.read()
    other.write_text("three")
    assert source.changed


def test_a_file_that_goes_is_a_change_and_a_bad_one_is_told_once(files: tuple[Path, Path]):
    source = Source(files[0], {})
    source.read()
    files[1].unlink()
    assert source.changed
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="secret_key_file: cannot read"):
            source.read()
        assert not source.changed
    files[0].write_text("no TOML at all")
    assert source.changed
    with pytest.raises(ConfigurationError):
        source.read()
    assert not source.changed


def test_what_a_parents_variables_hide_is_told_all_the_same(files: tuple[Path, Path]):
    config, own = files[0], "VNC_GATEWAY_LISTEN__PORT"
    text = config.read_text()
    source = Source(config, {own: "9001", "VNC_GATEWAY_ADMIN__PORT": "9091"}, {own})
    assert source.read().listen.port == 9001
    assert source.hidden == ()
    for _ in range(2):
        config.write_text('listen.port = 9002\nadmin.port = 9092\naudit.on_failure = "continue"' + text)
        assert source.read().listen.port == 9001
        assert source.hidden == ("listen.port", "audit.on_failure")
    config.write_text(text)
    source.read()
    assert source.hidden == ()


def test_a_source_of_variables_alone_never_changes():
    source = Source(None, {"VNC_GATEWAY_ACCESS__MODE": "open"})
    source.read()
    assert not source.changed
