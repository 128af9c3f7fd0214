"""What replicas tell each other at once, by Redis's pub/sub: it may be lost, and is found by the next beat then."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

from redis.asyncio.client import PubSub

from gateway.state.state import Ended, Gap, Holder, Lease, News, Taken

QUIET = 5.0
"""Seconds without a word before Redis is asked whether it is there, and for its answer: a dead line is silent, too."""


def ended(session: str, by: str, ttl: float) -> str:
    """The message that `session` was ended; that of a taken console is made by a script."""
    return json.dumps({"ended": session, "by": by, "ttl": ttl})


async def heard(pubsub: PubSub, channel: str) -> AsyncGenerator[News, None]:
    """Listen to `channel`. Raises what redis-py does, and TimeoutError, where the line is lost."""
    async with asyncio.timeout(QUIET):
        await pubsub.subscribe(channel)
    asked = False
    while True:
        message = await pubsub.get_message(timeout=QUIET)
        if message is None:
            if asked:
                raise TimeoutError("no answer to a ping")
            async with asyncio.timeout(QUIET):
                await pubsub.ping()
        asked = message is None
        if message is not None and message["type"] == "subscribe":
            yield Gap()
        elif message is not None and message["type"] == "message":
            news = _news(message["data"])
            if news is not None:
                yield news


def _news(text: str) -> News | None:
    """What a message says; None for what a later version may say."""
    try:
        fields: dict[str, Any] = json.loads(text)
        if "ended" in fields:
            return Ended(str(fields["ended"]), str(fields["by"]), float(fields.get("ttl", 0)))
        taken = fields["taken"]
        holder = Holder(taken["session"], taken["user"], float(taken["since"]))
        return Taken(Lease(taken["console"], holder, int(taken["epoch"])))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
