"""Faults of an API that look alike in every cloud."""

import asyncio

from aiohttp import web

from gateway.simulator.clouds.faults import ApiFault

PAGE = "<!doctype html><title>Maintenance</title><p>We will be back soon.</p>"
FOREIGN_HOST = "console.example.net"


async def faulty(request: web.Request, fault: ApiFault) -> web.Response | None:
    """The answer of a fault that does not depend on the cloud; None for the others."""
    match fault:
        case ApiFault.SILENT:
            await asyncio.sleep(3600)  # longer than anybody waits: the client's leaving cancels it
        case ApiFault.DROPPED:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        case ApiFault.HTML:
            return web.Response(text=PAGE, content_type="text/html")
        case ApiFault.EMPTY:
            return web.json_response({})
        case ApiFault.REDIRECT:
            return web.Response(status=302, headers={"Location": "/login"})
    return None
