"""The loss of an upstream: completing what the browser has half of (rfb.md §3, §5.1).

Owns the fillers, and the passage from an upstream to none. Leaves where the browser stands to ServerStream.
"""

from gateway.rfb.server_stream import ServerStream


def finish(stream: ServerStream) -> list[bytes]:
    """What the browser must get at once, so that it stands between two messages; from then on the session is away.

    To be called once, when the upstream that fed `stream` is lost, and before any client message after that. The
    stream stays good for `interject`, and for nothing else. Raises UpstreamChanged inside something that nobody but
    that server could complete.
    """
    raise NotImplementedError
