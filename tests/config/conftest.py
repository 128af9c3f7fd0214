"""Configurations written to a file and loaded, and the fault lines of those that cannot be."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.config.load import load
from gateway.config.settings import Settings
from gateway.errors import ConfigurationError

Loader = Callable[..., Settings]
Faults = Callable[..., list[str]]


@pytest.fixture
def load_text(tmp_path: Path) -> Loader:
    """Load a TOML text with variables given by keyword."""

    def loader(text: str, **variables: str) -> Settings:
        path = tmp_path / "gateway.toml"
        path.write_text(text)
        return load(path, variables)

    return loader


@pytest.fixture
def faults_of(load_text: Loader) -> Faults:
    """Give the fault lines of a TOML text; access.mode is set to what is allowed."""

    def faults(text: str, **variables: str) -> list[str]:
        with pytest.raises(ConfigurationError) as caught:
            load_text('access.mode = "open"\n' + text, **variables)
        return str(caught.value).splitlines()

    return faults
