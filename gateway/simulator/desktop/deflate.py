"""A zlib stream as RFB servers use it."""

import zlib


class Deflate:
    """Never ended, flushed after each rectangle. `level`: zlib's, 0 to 9."""

    def __init__(self, level: int) -> None:
        self._stream = zlib.compressobj(level)

    def __call__(self, data: bytes) -> bytes:
        return self._stream.compress(data) + self._stream.flush(zlib.Z_SYNC_FLUSH)
