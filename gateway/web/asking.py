"""Bodies of the admin API's requests: JSON that is exactly as described, or a refusal that names each fault."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Literal, TypeVar

from aiohttp import web
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema

from gateway.access.grants import Rights
from gateway.access.users import MAX_USER, is_user
from gateway.providers.provider import INSTANCE
from gateway.web import problems
from gateway.web.problems import Refused
from gateway.web.public import PROVIDER

MAX_REFERENCE = 256
"""Characters; it stands in logs and audit lines."""

TTL = 30.0
"""Seconds for which a ticket is good if nobody says else: a redirect takes less than one."""


CONSOLE = f"^{PROVIDER.pattern}/{INSTANCE.pattern}$"
"""What a console is called, for who reads the API's description."""


def _console(value: str) -> str:
    provider, _, instance = value.partition("/")
    if not PROVIDER.fullmatch(provider) or not INSTANCE.fullmatch(instance):
        raise ValueError("must be PROVIDER/INSTANCE")
    return value


def _user(value: str) -> str:
    if not is_user(value):
        raise ValueError(f"must be 1 to {MAX_USER} printable characters without spaces around them")
    return value


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must be printable")
    return value


def _network(value: str) -> str:
    """As callers' addresses are read (config/networks.py): IPv4 written as IPv6 is IPv4, and a zone is no address."""
    try:
        if "%" in value:
            raise ValueError
        network = ip_network(value)
    except ValueError:
        raise ValueError('must be a network or an address, as in "10.1.0.0/16"') from None
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    if mapped is not None and network.prefixlen >= 96:
        network = IPv4Network((mapped, network.prefixlen - 96))
    return str(network)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True, allow_inf_nan=False)


class AskedRights(_Body):
    """Rights of a ticket; `takeover` left out: as `control`."""

    control: bool = True
    clipboard: Literal["none", "to_vm", "from_vm", "both"] = "both"
    power: bool = False
    takeover: bool | None = None

    def rights(self) -> Rights:
        """The same as a value."""
        takeover = self.control if self.takeover is None else self.takeover
        return Rights(control=self.control, clipboard=self.clipboard, power=self.power, takeover=takeover)


class TicketOrder(_Body):
    """The body of `POST /api/v1/tickets`; times in seconds."""

    console: Annotated[str, AfterValidator(_console), WithJsonSchema({"type": "string", "pattern": CONSOLE})]
    user: Annotated[
        str, AfterValidator(_user), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_USER})
    ]
    rights: AskedRights = AskedRights()
    ttl: Annotated[float, Field(gt=0)] | None = None
    grant_ttl: Annotated[float, Field(gt=0)] | None = None
    source: Annotated[str, AfterValidator(_network)] | None = None
    reference: Annotated[str, Field(max_length=MAX_REFERENCE), AfterValidator(_printable)] = ""


B = TypeVar("B", bound=_Body)


async def asked(request: web.Request, model: type[B]) -> B:
    """The body of `request`. Raises Refused: 400 for no JSON, 422 for other JSON than is asked for."""
    body = await request.read()
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        if any(fault["type"] == "json_invalid" for fault in faults):
            raise Refused(problems.MALFORMED) from error
        raise Refused(problems.INVALID, "; ".join(_line(fault["loc"], fault["msg"]) for fault in faults)) from error


def _line(location: tuple[int | str, ...], message: str) -> str:
    return f"{'.'.join(map(str, location)) or 'the body'}: {message.removeprefix('Value error, ')}"
