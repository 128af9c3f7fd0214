"""The stream of an upstream that follows another one, as the same browser can read it (rfb.md §4, §5, §6).

Owns what happens until the picture is refreshed, and what a missing capability costs after that.
"""

from gateway.rfb.server_stream import ServerStream


class JoinedStream(ServerStream):
    """A ServerStream over the Memory of the streams before it.

    `refreshed`: pixels for a whole screen have come from this server. May raise UpstreamLost where another connection
    helps (a zlib stream that can't be joined: its encoding is left out from now on), UpstreamChanged where none does.
    """

    __slots__ = ()

    @property
    def refreshed(self) -> bool:
        """Whether pixels for a whole screen have come."""
        raise NotImplementedError
