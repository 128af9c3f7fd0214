"""How a process parts with its sessions: spread over time, and the people at work last.

Every browser comes back by itself, to another replica. Spread, they don't all come in one moment, and neither clouds
nor replicas get all dials at once.
"""

import asyncio
import math

from gateway.errors import GatewayError
from gateway.sessions.registry import Registry
from gateway.sessions.session import Session

STEP = 0.1
"""Seconds between two looks at all sessions; of thousands, each look ends several."""


async def drain(registry: Registry, error: GatewayError, seconds: float) -> None:
    """End all sessions for `error`, evenly over `seconds`: those first that have waited longest for a human.

    Who is next is found anew at each step: people begin to type, and leave by themselves. Returns when the last
    session is told; `Registry.end_all` waits for what is left of it.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    told: set[Session] = set()
    while left := [session for session in registry if session not in told]:
        remaining = until - loop.time()
        share = math.ceil(len(left) * STEP / max(remaining, STEP))
        for session in sorted(left, key=_last_human)[:share]:
            session.end(error)
            told.add(session)
        if share < len(left):
            await asyncio.sleep(remaining * share / len(left))


def _last_human(session: Session) -> float:
    """Unix seconds; who has just opened a console is at it."""
    return session.last_input_at or session.started_at
