"""Which modules may be compiled, and whether they are: never from sources other than those that are here.

Owns the list, the digest that names what was built from it, and the import of that. What does not fit (sources changed
by a pull or an editor, another Python) is not found, and the interpreted modules are imported, all of them: compiled
ones know each other's layout.
"""

import hashlib
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

MODULES = (
    "gateway.relay.browser_leg",
    "gateway.relay.leg",
    "gateway.relay.liveness",
    "gateway.relay.relay",
    "gateway.relay.tls",
    "gateway.relay.upstream_leg",
    "gateway.rfb.client_stream",
    "gateway.rfb.format_book",
    "gateway.rfb.framing",
    "gateway.rfb.held",
    "gateway.rfb.memory",
    "gateway.rfb.rectangles.tight",
    "gateway.rfb.requests",
    "gateway.rfb.server_stream",
    "gateway.rfb.updates",
    "gateway.rfb.zlib_streams",
    "gateway.sessions.keepalive",
    "gateway.sessions.time_limits",
    "gateway.sessions.watch",
    "gateway.websocket.frames",
    "gateway.websocket.runs",
    "gateway.websocket.scanner",
)
"""Where a profile of busy sessions finds Python's own time. Each has a .pxd beside it."""

INLINED = ("gateway.rfb.wire", "gateway.websocket.wire")
"""Stay as they are; their .pxd is compiled into others."""

SUFFIX = EXTENSION_SUFFIXES[0]
"""Of files for this Python on this platform."""


def source(root: Path, module: str) -> Path:
    """The source of a module, `root` being the folder that the package is in."""
    return root.joinpath(*module.split(".")).with_suffix(".py")


def built_in(root: Path) -> Path:
    """The folder for what is built from the sources as they are. Raises OSError if there are none."""
    digest = hashlib.sha256()
    for module in (*MODULES, *INLINED):
        for file in (source(root, module), source(root, module).with_suffix(".pxd")):
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return root / "gateway" / "compiled" / digest.hexdigest()[:16]


def built(root: Path) -> dict[str, Path]:
    """The files of all compiled modules; none if one is missing."""
    try:
        folder = built_in(root)
    except OSError:  # a package without sources: who can say what it was built from?
        return {}
    files = {module: folder / f"{module}{SUFFIX}" for module in MODULES}
    return files if all(file.is_file() for file in files.values()) else {}


class Finder(MetaPathFinder):
    """Finds the compiled modules before their sources are found."""

    def __init__(self, files: dict[str, Path]) -> None:
        self._files = files

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - importlib's signature
        target: ModuleType | None = None,  # noqa: ARG002 - likewise
    ) -> ModuleSpec | None:
        """See importlib.abc.MetaPathFinder."""
        file = self._files.get(fullname)
        if file is None:
            return None
        return spec_from_file_location(fullname, file, loader=ExtensionFileLoader(fullname, str(file)))


def prefer_compiled() -> None:
    """Import compiled modules from now on, if they are there for the sources that are."""
    files = built(Path(__file__).parents[2])
    if files:
        sys.meta_path.insert(0, Finder(files))


def prefer_interpreted() -> None:
    """Import the sources from now on; what is imported already stays as it is."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, Finder)]


def framing() -> str:
    """How the framing runs, in one word for people: compiled or interpreted."""
    return "compiled" if any(isinstance(finder, Finder) for finder in sys.meta_path) else "interpreted"
