"""Where a process has its configuration from, so that it can be read again and watched for changes.

By content: times and inodes of files that an orchestrator mounts say little, and a secret may lie in a file of its own.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from gateway.config.load import files, load
from gateway.config.settings import Settings


class Source:
    """The file at `path`, None for none, and variables over it."""

    def __init__(self, path: Path | None, environ: Mapping[str, str]) -> None:
        self._path = path
        self._environ = environ
        self._seen = b""

    def read(self) -> Settings:
        """Load it; what is there now has been seen, faults or not. Raises ConfigurationError."""
        self._seen = self.content()  # before it is read: what is written meanwhile is new
        return load(self._path, self._environ)

    @property
    def changed(self) -> bool:
        """Whether the files hold something else than when they were last read."""
        return self.content() != self._seen

    def content(self) -> bytes:
        """A hash of all that is in the files now. One that can't be read is as good as empty."""
        whole = hashlib.sha256()
        for file in files(self._path, self._environ):
            try:
                content = file.read_bytes() if file.is_file() else b""  # a pipe would be read for ever
            except OSError:
                content = b""
            whole.update(hashlib.sha256(content).digest())
        return whole.digest()
