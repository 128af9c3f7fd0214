"""The admin API's description (OpenAPI 3.1), for clients that are generated from it.

Bodies come from the models that check them; answers are described here, and a test holds them to what is answered.
"""

from typing import Any

from gateway import __version__
from gateway.web.asking import TicketOrder

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
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


SCHEMAS: dict[str, Schema] = {
    "Ticket": _object(
        {"id": TEXT, "ticket": TEXT, "url": TEXT | {"format": "uri"}, "expires_at": {"type": "integer"}},
    ),
    "Session": _object(
        dict.fromkeys(("id", "console", "user", "source", "reference"), TEXT)
        | {"rights": RIGHTS, "state": {"enum": ["connecting", "open", "reconnecting", "ended"]}}
        | {"started_at": TIME, "upstream": TEXT, "splices": {"type": "integer"}},
    ),
    "Problem": _object(
        {"type": TEXT, "title": TEXT, "status": {"type": "integer"}, "name": TEXT, "detail": TEXT}, ("detail",)
    ),
}


def document() -> dict[str, Any]:
    """What `/api/v1/openapi.json` answers."""
    order = TicketOrder.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas = SCHEMAS | order.pop("$defs", {}) | {"TicketOrder": order}
    filters = [_parameter(name, "query") for name in ("user", "console", "reference")]
    id_ = [_parameter("id", "path")]
    return {
        "openapi": "3.1.0",
        "info": {"title": "vnc-gateway", "version": __version__},
        "security": [{"key": []}],
        "components": {"schemas": schemas, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
        "paths": {
            "/api/v1/tickets": {
                "post": _operation("Mint a ticket", {201: _ref("Ticket"), 400: None, 403: None, 422: None, 429: None})
                | {"requestBody": {"required": True, **_json(_ref("TicketOrder"))}}
            },
            "/api/v1/tickets/{id}": {
                "parameters": id_,
                "delete": _operation("Void a ticket", {204: None, 403: None, 404: None}),
            },
            "/api/v1/sessions": {
                "parameters": filters,
                "get": _operation("List the open sessions", {200: _sessions(), 403: None, 422: None}),
                "delete": _operation("End the sessions of a user or reference", {204: None, 403: None, 422: None}),
            },
            "/api/v1/sessions/{id}": {
                "parameters": id_,
                "get": _operation("Tell of a session", {200: _ref("Session"), 403: None, 404: None}),
                "delete": _operation("End a session", {204: None, 403: None, 404: None}),
            },
        },
    }


def _operation(summary: str, answers: dict[int, Schema | None]) -> dict[str, Any]:
    described: dict[str, Any] = {}
    for status, schema in {**answers, 401: None}.items():
        described[str(status)] = {"description": "Done" if status < 300 else "Refused"}
        if schema is not None:
            described[str(status)] |= _json(schema)
        elif status >= 300:
            described[str(status)] |= _json(_ref("Problem"), "application/problem+json")
    return {"summary": summary, "responses": described}


def _sessions() -> Schema:
    return _object({"sessions": {"type": "array", "items": _ref("Session")}})


def _parameter(name: str, place: str) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": TEXT}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(schema: Schema, content_type: str = "application/json") -> dict[str, Any]:
    return {"content": {content_type: {"schema": schema}}}
