"""The admin API's description (OpenAPI 3.1), for clients that are generated from it.

Bodies come from the models that check them; answers are described here, and a test holds them to what is answered.
"""

from typing import Any

from gateway import __version__
from gateway.web.asking import TicketOrder
from gateway.web.session_api import FILTERS, LIMIT

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
RATE: Schema = {"type": "number", "minimum": 0}
TIME: Schema = {"type": "string", "format": "date-time"}
RIGHTS: Schema = {
    "type": "object",
    "required": ["control", "clipboard", "power", "takeover"],
    "properties": {
        "control": {"type": "boolean"},
        "clipboard": {"enum": ["none", "to_vm", "from_vm", "both"]},
        "power": {"type": "boolean"},
        "takeover": {"type": "boolean"},
    },
}


def _object(properties: dict[str, Schema], optional: tuple[str, ...] = ()) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "required": required, "properties": properties}


def _by_direction(schema: Schema) -> Schema:
    direction = _object({"to_browser": schema, "to_upstream": schema})
    return _object({"bytes": direction, "messages": direction})


SCHEMAS: dict[str, Schema] = {
    "Ticket": _object(
        {"id": TEXT, "ticket": TEXT, "url": TEXT | {"format": "uri"}, "expires_at": {"type": "integer"}},
    ),
    "Session": _object(
        dict.fromkeys(("id", "console", "user", "source", "reference"), TEXT)
        | {"rights": RIGHTS, "state": {"enum": ["connecting", "open", "reconnecting", "ended"]}}
        | {"replica": TEXT | {"description": "Which of the gateway's processes has it."}}
        | {"started_at": TIME}
        | {"last_input_at": TIME | {"type": ["string", "null"], "description": "Of a key or pointer; null before."}}
        | {"upstream": TEXT | {"description": "Where the console is, without secrets; empty before it is reached."}}
        | {"splices": COUNT | {"description": "How often its upstream was replaced."}}
        | {"passed": _by_direction(COUNT) | {"description": "Since it opened."}}
        | {"per_second": _by_direction(RATE) | {"description": "Over the last minute."}},
    ),
    "Sessions": _object(
        {"sessions": {"type": "array", "items": {"$ref": "#/components/schemas/Session"}}}
        | {"next": TEXT | {"description": "There are more: the `cursor` of the next request."}}
        | {"state": {"const": "away", "description": "The shared state is away: these are of one replica alone."}},
        optional=("next", "state"),
    ),
    "Problem": _object(
        {"type": TEXT, "title": TEXT, "status": {"type": "integer"}, "name": TEXT, "detail": TEXT}, ("detail",)
    ),
}


def document() -> dict[str, Any]:
    """What `/api/v1/openapi.json` answers."""
    order = TicketOrder.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas = SCHEMAS | order.pop("$defs", {}) | {"TicketOrder": order}
    filters = [_parameter(name, "query") for name in FILTERS]
    paging = [
        _parameter("limit", "query", {"type": "integer", "minimum": 1, "maximum": LIMIT, "default": LIMIT}),
        _parameter("cursor", "query"),
    ]
    id_ = [_parameter("id", "path")]
    return {
        "openapi": "3.1.0",
        "info": {"title": "vnc-gateway", "version": __version__},
        "security": [{"key": []}],
        "components": {"schemas": schemas, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
        "paths": {
            "/api/v1/tickets": {
                "post": _operation(
                    "mintTicket", "Mint a ticket", {201: _ref("Ticket"), 400: None, 403: None, 422: None, 429: None}
                )
                | {"requestBody": {"required": True, **_json(_ref("TicketOrder"))}}
            },
            "/api/v1/tickets/{id}": {
                "parameters": id_,
                "delete": _operation("voidTicket", "Void a ticket", {204: None, 403: None, 404: None}),
            },
            "/api/v1/sessions": {
                "parameters": filters,
                "get": _operation(
                    "listSessions", "List the open sessions", {200: _ref("Sessions"), 403: None, 422: None}
                )
                | {"parameters": paging},
                "delete": _operation(
                    "endSessions",
                    "End the sessions of a user, console or reference",
                    {204: None, 403: None, 422: None, 429: None},
                ),
            },
            "/api/v1/sessions/{id}": {
                "parameters": id_,
                "get": _operation("showSession", "Tell of a session", {200: _ref("Session"), 403: None, 404: None}),
                "delete": _operation("endSession", "End a session", {204: None, 403: None, 404: None, 429: None}),
            },
        },
    }


def _operation(name: str, summary: str, answers: dict[int, Schema | None]) -> dict[str, Any]:
    described: dict[str, Any] = {}
    for status, schema in {**answers, 401: None, 503: None}.items():
        described[str(status)] = {"description": "Done" if status < 300 else "Refused"}
        if schema is not None:
            described[str(status)] |= _json(schema)
        elif status >= 300:
            described[str(status)] |= _json(_ref("Problem"), "application/problem+json")
    return {"operationId": name, "summary": summary, "responses": described}


def _parameter(name: str, place: str, schema: Schema = TEXT) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": schema}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(schema: Schema, content_type: str = "application/json") -> dict[str, Any]:
    return {"content": {content_type: {"schema": schema}}}
