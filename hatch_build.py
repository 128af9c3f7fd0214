"""hatchling's hook for wheels, sdists and editable installs: the console page, and the compiled framing.

Owns the compilation. Leaves the page to web/build_hook.py, and which modules are compiled and how their files are named
to gateway/compiled/loader.py. Without a C compiler, or whatever else it takes, the package is made all the same: one
line says that its framing will be interpreted, and why. An sdist carries sources only.
"""

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TOOLS = ("cython>=3.1", "setuptools>=77")
PATIENCE = 600  # seconds for the compiler: a busy machine, not a hanging one

FLAGS = ("-O2", "-g0")
"""Over what Python was built with: -O3 and debugging symbols take twice the time and gain nothing measurable."""

DIRECTIVES = {"language_level": 3, "annotation_typing": False}
"""Types come from .pxd files only: what annotations say of numbers is true of subclasses, too."""


class BuildHook(BuildHookInterface):
    """Does both; hatchling takes one custom hook."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - hatchling's, handed on as they are
        super().__init__(*args, **kwargs)
        root = Path(self.root)
        self._page = _module(root / "web" / "build_hook.py").PageBuildHook(*args, **kwargs)
        self._loader = _module(root / "gateway" / "compiled" / "loader.py")

    def dependencies(self) -> list[str]:
        """What to install before the build."""
        compiles = self.target_name == "wheel" and not self._built() and _obstacle() is None
        return [*self._page.dependencies(), *(TOOLS if compiles else ())]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        self._page.initialize(version, build_data)
        if self.target_name != "wheel":
            return
        obstacle = None if self._built() else self._compile()
        if obstacle is not None:
            self.app.display_warning(f"vnc-gateway: the framing will be interpreted: {obstacle}")
        elif version == "standard":
            folder = self._loader.built_in(Path(self.root)).relative_to(self.root)
            build_data["artifacts"].append(f"/{folder}/*{self._loader.SUFFIX}")
            build_data["pure_python"] = False
            build_data["infer_tag"] = True

    def _built(self) -> bool:
        return bool(self._loader.built(Path(self.root)))

    def _compile(self) -> str | None:
        """Compile everything; what was built from other sources goes. Returns what is in the way, if anything is."""
        obstacle = _obstacle()
        if obstacle is None and importlib.util.find_spec("Cython") is None:
            obstacle = f"no Cython; install {' '.join(TOOLS)}"
        if obstacle is not None:
            return obstacle
        folder = self._loader.built_in(Path(self.root))
        with tempfile.TemporaryDirectory(prefix="vnc-gateway-framing-") as made:
            error = _run([sys.executable, __file__, made, *self._loader.MODULES], self.root)
            if error is None:
                self._put([Path(made, f"{module}{self._loader.SUFFIX}") for module in self._loader.MODULES], folder)
        return error

    def _put(self, files: list[Path], folder: Path) -> None:
        """File by file, so that no gateway that starts from this tree meets half of one; older builds go."""
        for other in folder.parent.iterdir():
            if other.is_dir() and other.name not in (folder.name, "__pycache__"):
                shutil.rmtree(other)
        folder.mkdir(exist_ok=True)
        for file in files:
            fresh = folder / f".{file.name}.new"
            shutil.copyfile(file, fresh)
            fresh.replace(folder / file.name)


def _obstacle() -> str | None:
    """What a compilation lacks on this machine."""
    command = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    compiler = (shlex.split(command) or ["cc"])[0]
    if shutil.which(compiler) is None:
        return f"no C compiler ({compiler})"
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        return "no Python.h; on Debian or Ubuntu: sudo apt-get install python3-dev"
    return None


def _run(command: list[str], directory: str) -> str | None:
    """Run a command to its end; return in one line what went wrong, if anything did."""
    try:
        subprocess.run(  # noqa: S603 - our own command line  # nosec B603
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        lines = [line.strip() for line in error.stdout.splitlines() if line.strip()]
        told = [line for line in lines if "error" in line.lower()]
        return (told or lines or ["the compiler said nothing"])[-1][:300]
    except subprocess.TimeoutExpired:
        return f"the compiler did not finish within {PATIENCE} s"
    return None


def _module(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def compile_modules(made: Path, modules: list[str]) -> None:
    """Compile modules of the working directory into `made`."""
    from Cython.Build import cythonize
    from setuptools import Distribution, Extension

    extensions = [
        Extension(module, [f"{module.replace('.', '/')}.py"], extra_compile_args=list(FLAGS)) for module in modules
    ]
    scratch = made / "scratch"
    distribution = Distribution(
        {"ext_modules": cythonize(extensions, build_dir=str(scratch), compiler_directives=DIRECTIVES, quiet=True)}
    )
    command = distribution.get_command_obj("build_ext")
    command.build_lib = command.build_temp = str(scratch)
    command.parallel = os.cpu_count()
    command.ensure_finalized()
    command.run()
    for module in modules:
        Path(command.get_ext_fullpath(module)).rename(made / f"{module}{EXTENSION_SUFFIXES[0]}")


if __name__ == "__main__":
    compile_modules(Path(sys.argv[1]), sys.argv[2:])
