"""Values from environment variables: VNC_GATEWAY_ and the path of the key, its parts joined by "__".

Variables are upper-case and hold no "-" or ".", names in the configuration may. So a part stands for the
name in the file that it equals when case, "-", "." and "_" make no difference; for a name that the
file does not have it is taken in lower case, with "-" for "_" where the name is a provider's, a
credential's, an API key's or a header's. VNC_GATEWAY_PROVIDERS__LAB_2__TYPE sets `type` of the provider lab-2.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.config.block import SUFFIX
from gateway.config.faults import Fault, Path, place

PREFIX = "VNC_GATEWAY_"
SEPARATOR = "__"
_DASHED = (("providers",), ("credentials",), ("admin", "keys"))  # tables of names that may hold "-" but no "_"


@dataclass(frozen=True, slots=True)
class Environment:
    """What the variables say: a tree of texts, the variable behind each path, and what cannot be placed."""

    values: dict[str, Any] = field(default_factory=dict)
    variables: dict[Path, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def charge(self, path: Path, message: str, in_file: Mapping[str, Any]) -> list[Fault]:
        """Put a fault at `path` down to the variables it comes from, or to the file."""
        path = self._as_given(path, in_file)
        if path in self.variables:
            return [Fault(self.variables[path], message)]
        where = place(path)
        if not _holds(in_file, path):
            if below := self._below(path):
                return [Fault(variable, f"{where}: {message}") for variable in below]
            # what is missing in a table that only variables speak of
            if len(path) > 2 and not _holds(in_file, path[:-1]) and (beside := self._below(path[:-1])):
                return [Fault(beside[0], f"{where}: {message}")]
        return [Fault(where, message)]

    def _as_given(self, path: Path, in_file: Mapping[str, Any]) -> Path:
        """The key that its value came from: a secret's file, where there is no other."""
        beside = (*path[:-1], *(part + SUFFIX for part in path[-1:]))
        given = [each for each in (path, beside) if each in self.variables or _holds(in_file, each)]
        return given[0] if given else path

    def _below(self, path: Path) -> list[str]:
        return [name for key, name in self.variables.items() if key[: len(path)] == path]


def read(environ: Mapping[str, str], in_file: Mapping[str, Any]) -> Environment:
    """Collect the variables that are ours; `in_file` gives the spelling of names."""
    environment = Environment()
    for variable in sorted(environ):
        rest = variable.removeprefix(PREFIX)
        if rest == variable or SEPARATOR not in rest:
            continue
        path = _path(rest.split(SEPARATOR), in_file)
        if message := _place(environment, path, environ[variable]):
            environment.faults.append(Fault(variable, message))
        else:
            environment.variables[path] = variable
    return environment


def _path(parts: list[str], in_file: Mapping[str, Any]) -> Path:
    path: Path = ()
    table: object = in_file
    for part in parts:
        names = table if isinstance(table, Mapping) else {}
        name = next((name for name in names if _fold(name) == _fold(part)), None) or _new_name(part, path)
        table = names.get(name)
        path = (*path, name)
    return path


def _fold(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")


def _new_name(part: str, parent: Path) -> str:
    name = part.lower()
    dashed = parent in _DASHED or (len(parent) == 3 and parent[2] == "headers")
    return name.replace("_", "-") if dashed else name


def _place(environment: Environment, path: Path, value: str) -> str:
    """Put a value into the tree; give the reason if another variable is in its way."""
    table = environment.values
    for depth, part in enumerate(path[:-1], start=1):
        if path[:depth] in environment.variables:
            return f"{environment.variables[path[:depth]]} sets the whole of {'.'.join(path[:depth])} already"
        table = table.setdefault(part, {})
    if path[-1] in table:
        return f"another variable sets {'.'.join(path)}, too"
    table[path[-1]] = value
    return ""


def _holds(table: object, path: Path) -> bool:
    for part in path:
        if not isinstance(table, Mapping) or part not in table:
            return False
        table = table[part]
    return True
