"""From a file and environment variables to Settings, or to every fault at once.

The environment wins over the file, key by key.
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from gateway.config import environment, faults, together
from gateway.config.block import SUFFIX
from gateway.config.faults import Fault
from gateway.config.settings import Settings
from gateway.errors import ConfigurationError


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read the configuration; without `path` from variables alone.

    Raises ConfigurationError: one line per fault, each with its key path, or with the name of the
    variable that it came from.
    """
    return build(_parse(path) if path else {}, environ)


def build(in_file: dict[str, Any], environ: Mapping[str, str]) -> Settings:
    """Give Settings for the keys of a file that is read already; raises as `load` does."""
    found = environment.read(environ, in_file)
    lines = list(found.faults)
    merged: dict[str, Any] = {}
    settings = None
    try:
        settings = _sourced(found.values, in_file, merged)()
    except ValidationError as error:
        for detail in faults.apart(error.errors(include_url=False)):
            lines += found.charge(*faults.explain(detail), in_file)
    for keys, message in together.faults(merged):
        lines += found.charge(keys, message, in_file)
    if settings is None or lines:
        raise ConfigurationError("\n".join(dict.fromkeys(map(str, lines))))
    return settings


def files(path: Path | None, environ: Mapping[str, str]) -> list[Path]:
    """What `load` reads: the file, and those that keys such as `password_file` name. Nothing is raised."""
    try:
        in_file = _parse(path) if path else {}
    except ConfigurationError:
        in_file = {}
    named = [*_named_files(in_file), *_named_files(environment.read(environ, in_file).values)]
    return [*([path] if path else []), *dict.fromkeys(named)]


def _named_files(tree: object) -> Iterator[Path]:
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            if isinstance(value, str) and key.endswith(SUFFIX) and value:
                yield Path(value)
            yield from _named_files(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _named_files(value)


def _sourced(first: dict[str, Any], second: dict[str, Any], merged: dict[str, Any]) -> type[Settings]:
    """Give Settings that take their values from two trees, and leave in `merged` what both came to."""

    class Sourced(Settings):
        @classmethod
        def sources(cls, given: PydanticBaseSettingsSource) -> tuple[PydanticBaseSettingsSource, ...]:
            del given
            return _Tree(cls, first), _Tree(cls, second), _Witness(cls, merged)

    return Sourced


class _Tree(PydanticBaseSettingsSource):
    """A source of settings that is a tree already."""

    def __init__(self, settings_cls: type[BaseSettings], tree: dict[str, Any]) -> None:
        super().__init__(settings_cls)
        self.tree = tree

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Give one field's value; the base class demands it."""
        del field
        return self.tree.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return self.tree


class _Witness(_Tree):
    """Adds nothing and keeps what the sources before it came to."""

    def __call__(self) -> dict[str, Any]:
        self.tree.update(self.current_state)
        return {}


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:  # its text has line and column
        raise ConfigurationError(str(Fault(str(path), str(error)))) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: is not UTF-8 text") from error
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error
