"""The base of every table of the configuration: strict, frozen, silent about values, with secrets from files.

Owns the rule that a secret `password` may also be given as `password_file = PATH`, and the notes
that unknown keys leave for the fault lines. Leaves the wording of faults to faults.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetJsonSchemaHandler,
    SecretStr,
    ValidationInfo,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

MAX_SECRET = 64 * 1024  # bytes; far above any password or token, far below a file named by mistake
SUFFIX = "_file"


@dataclass(frozen=True, slots=True)
class UnknownKey:
    """Takes the place of an unknown key's value: which keys the table knows."""

    known: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Secret:
    """Marks a field that may be read from a file."""


@dataclass(frozen=True, slots=True)
class _SecretFile:
    """Takes the place of a secret that is to be read from `path`; `also` if it was given directly, too."""

    path: object
    also: bool


def _read_secret(value: object, info: ValidationInfo) -> object:
    """Take a secret as given or from its file, surrounding white space stripped."""
    if value == "":
        return None
    if not isinstance(value, _SecretFile):
        return value
    name = info.field_name or ""
    key = name + SUFFIX
    if value.also:
        raise _fault(key, f"give either {name} or {key}, not both")
    if not isinstance(value.path, str | Path):
        raise _fault(key, "must be the path of a file")
    return read_secret_file(Path(value.path), key)


def read_secret_file(path: Path, key: str) -> str:
    """Give the stripped contents of a secret's file; the fault, if any, is charged to `key`."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_SECRET + 1)
        secret = content.decode().strip()
    except OSError as error:
        raise _fault(key, f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:  # not UTF-8, or a path with a NUL
        raise _fault(key, f"{path} is not a text file") from error
    if len(content) > MAX_SECRET:
        raise _fault(key, f"{path} is larger than {MAX_SECRET} bytes")
    if not secret:
        raise _fault(key, f"{path} is empty")
    return secret


def _not_empty(value: object) -> object:
    if value is None:
        raise ValueError("must not be empty")
    return value


def _fault(key: str, message: str) -> PydanticCustomError:
    """Build a fault that faults.py charges to the sibling `key` instead of the field itself."""
    return PydanticCustomError("sibling", "{message}", {"key": key, "message": message})


_REQUIRED = BeforeValidator(_not_empty)  # runs after the one that stands behind it

Secret = Annotated[SecretStr, _REQUIRED, BeforeValidator(_read_secret), _Secret()]
OptionalSecret = Annotated[SecretStr | None, BeforeValidator(_read_secret), _Secret()]
# For what is not secret by itself but usually lies in a file beside its secret (an access key's id).
FileText = Annotated[str, _REQUIRED, BeforeValidator(_read_secret), _Secret()]


def prepare(model: type[BaseModel], data: object) -> object:
    """Put placeholders where a secret comes from a file and where the model does not know a key."""
    if not isinstance(data, Mapping):
        return data
    values = dict(data)
    secrets = secret_fields(model)
    for name in secrets:
        path = values.pop(name + SUFFIX, "")
        if path != "":
            values[name] = _SecretFile(path, also=values.get(name, "") != "")
    known = (*model.model_fields, *(name + SUFFIX for name in secrets))
    for key in values.keys() - model.model_fields.keys():
        values[key] = UnknownKey(known)
    return values


def secret_fields(model: type[BaseModel]) -> list[str]:
    """Name the fields of a model that may be read from files."""
    return [
        name for name, field in model.model_fields.items() if any(isinstance(mark, _Secret) for mark in field.metadata)
    ]


class Block(BaseModel):
    """A table of the configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _prepare(cls, data: object) -> object:
        return prepare(cls, data)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core_schema)
        own = handler.resolve_ref_schema(schema)
        properties: dict[str, Any] = own.get("properties", {})
        for name in secret_fields(cls):
            properties[name + SUFFIX] = {"type": "string", "description": f"Path of a file that holds {name}."}
            if name in own.get("required", ()):
                own["required"].remove(name)
                own.setdefault("allOf", []).append({"oneOf": [{"required": [name]}, {"required": [name + SUFFIX]}]})
        return schema
