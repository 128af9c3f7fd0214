"""The admin API's sessions (product.md, "Admin listener"): listed, shown and ended, on whichever replica they are.

Every handler is called with a key that was checked; what that key is good for is asked here.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from gateway.access.caller import Full
from gateway.access.grants import Grant
from gateway.sessions.directory import Directory, unhurried
from gateway.sessions.records import Passed, SessionRecord
from gateway.state.state import StateAway
from gateway.telemetry.audit import Audit
from gateway.web import problems
from gateway.web.cursor import after, cursor
from gateway.web.keys import Key
from gateway.web.problems import Refused

FILTERS = ("user", "console", "reference")
PAGING = ("limit", "cursor")

LIMIT = 1000
"""Sessions in one answer, at most and if nobody asks for fewer: half a megabyte."""


Records = Sequence[SessionRecord]  # in the class below `list` is a method


class SessionApi:
    """What keys are for that have the right `sessions` or `end`."""

    def __init__(self, directory: Directory, audit: Audit) -> None:
        self._directory = directory
        self._audit = audit

    async def list(self, request: web.Request, key: Key) -> web.Response:
        """`GET /api/v1/sessions`: those on the key's consoles, by user, console or reference, the oldest first.

        `next` is there when there are more: `cursor` of the next request. While the state is away: `"state": "away"`,
        and the sessions of this replica alone.
        """
        key.needs("sessions")
        query = _query(request, FILTERS + PAGING)
        limit, begin = _limit(query.pop("limit", str(LIMIT))), after(query.pop("cursor", None))
        records, away = await self._found(query, key)
        left = [record for record in records if begin is None or record.order > begin]
        more = {"state": "away"} if away else {}
        if len(left) > limit:
            more["next"] = cursor(left[limit - 1].order)
        # Written one by one: a thousand at once would hold up the consoles for tens of milliseconds.
        sessions = [json.dumps(described(record)) async for record in unhurried(left[:limit])]
        rest = "".join(f', "{name}": {json.dumps(value)}' for name, value in more.items())
        return _json(f'{{"sessions": [{", ".join(sessions)}]{rest}}}')

    async def show(self, request: web.Request, key: Key) -> web.Response:
        """`GET /api/v1/sessions/{id}`."""
        key.needs("sessions")
        return _json(json.dumps(described(await self._named(request, key))))

    async def end(self, request: web.Request, key: Key) -> web.Response:
        """`DELETE /api/v1/sessions/{id}`: its browser gets 4410 and can't return."""
        key.needs("end")
        await self._end(await self._named(request, key), request, key)
        return web.Response(status=204)

    async def end_some(self, request: web.Request, key: Key) -> web.Response:
        """`DELETE /api/v1/sessions?user=…|reference=…`: all of a user or of a reference; never simply all."""
        key.needs("end")
        query = _query(request, FILTERS)
        if not any(query.values()):
            raise Refused(problems.INVALID, f"needs one of {', '.join(FILTERS)}")
        failed: StateAway | Refused | None
        records, failed = await self._found(query, key)
        for record in records:
            try:
                await self._end(record, request, key)
            except (StateAway, Refused) as error:  # the others are to end all the same
                failed = error
        if failed is not None:
            raise failed
        return web.Response(status=204)

    async def _found(self, query: Mapping[str, str], key: Key) -> tuple[Records, StateAway | None]:
        """The sessions with the values asked for that `key` may know of; why those of other replicas are missing."""

        def wanted(grant: Grant) -> bool:
            return all(getattr(grant, name) == value for name, value in query.items()) and key.opens(grant.console)

        try:
            return await self._directory.everywhere(wanted), None
        except StateAway as away:
            return await self._directory.here(wanted), away

    async def _named(self, request: web.Request, key: Key) -> SessionRecord:
        """The session of that id; one on other keys' consoles is as unknown as none."""
        record = await self._directory.named(request.match_info["id"])
        if record is None or not key.opens(record.grant.console):
            raise Refused(problems.NOT_FOUND)
        return record

    async def _end(self, record: SessionRecord, request: web.Request, key: Key) -> None:
        outcome = "failed"
        try:
            await self._directory.end(record, by=key.name)
            outcome = "done"
        except Full as full:
            outcome = problems.TOO_MANY.name
            raise Refused(problems.TOO_MANY) from full
        except StateAway:
            outcome = problems.STATE_AWAY.name
            raise
        finally:
            self._audit_end(record.grant, request, key, outcome)

    def _audit_end(self, grant: Grant, request: web.Request, key: Key, outcome: str) -> None:
        self._audit.note(
            "session_end_asked",
            actor=key.name,
            source=request.remote or "",
            reference=grant.reference,
            console=grant.console,
            grant=grant.id,
            session=grant.session,
            outcome=outcome,
            user=grant.user,
        )


def _query(request: web.Request, known: tuple[str, ...]) -> dict[str, str]:
    """The parameters of a request. Raises Refused for unknown ones, and for two of one name."""
    unknown = request.query.keys() - set(known)
    if unknown:
        raise Refused(problems.INVALID, f"{', '.join(sorted(unknown))}: unknown, there are {', '.join(known)}")
    query = dict(request.query)
    if len(query) < len(request.query):
        raise Refused(problems.INVALID, "each parameter may be given once")
    return query


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= LIMIT):
        raise Refused(problems.INVALID, f"limit: must be 1 to {LIMIT}")
    return int(text)


def described(record: SessionRecord) -> dict[str, Any]:
    """What the API tells of a session."""
    grant = record.grant
    return {
        "id": grant.session,
        "console": grant.console,
        "user": grant.user,
        "source": record.source,
        "reference": grant.reference,
        "rights": asdict(grant.rights),
        "replica": record.replica,
        "state": record.state,
        "started_at": _time(record.started_at),
        "last_input_at": None if record.last_input_at is None else _time(record.last_input_at),
        "upstream": record.upstream,
        "splices": record.splices,
        "passed": _by_direction(record.passed),
        "per_second": _by_direction(record.per_second),
    }


def _by_direction(passed: Passed) -> dict[str, dict[str, float]]:
    return {
        "bytes": {"to_browser": passed.bytes_to_browser, "to_upstream": passed.bytes_to_upstream},
        "messages": {"to_browser": passed.messages_to_browser, "to_upstream": passed.messages_to_upstream},
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _json(body: str) -> web.Response:
    return web.json_response(text=body, headers={"Cache-Control": "no-store"})
