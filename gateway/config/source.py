"""Where a process has its configuration from, so that it can be read again and watched for changes.

By content: times and inodes of files that an orchestrator mounts say little, and a secret may lie in a file of its own.
"""

import hashlib
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from gateway.config.changes import between
from gateway.config.load import files, load
from gateway.config.settings import Settings
from gateway.errors import ConfigurationError


class Source:
    """The file at `path`, None for none, and variables over it.

    `own`: those of the variables that nobody wrote, but whoever started this process to tell it from others.
    `hidden`: keys that need a restart and have changed since the first reading, also behind these variables.
    """

    def __init__(self, path: Path | None, environ: Mapping[str, str], own: Collection[str] = ()) -> None:
        self._path = path
        self._environ = environ
        self._own = own
        self._first: Settings | None = None
        self._seen = b""
        self.hidden: tuple[str, ...] = ()

    def read(self) -> Settings:
        """Load it; what is there now has been seen, faults or not. Raises ConfigurationError."""
        self._seen = self.content()  # before it is read: what is written meanwhile is new
        settings = load(self._path, self._environ)
        if self._own:
            with suppress(ConfigurationError):  # without them it may be no configuration
                self._look_behind(load(self._path, {k: v for k, v in self._environ.items() if k not in self._own}))
        return settings

    def _look_behind(self, plain: Settings) -> None:
        self._first = self._first or plain
        self.hidden = between(self._first, plain).waiting

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
