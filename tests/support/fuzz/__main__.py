"""`make fuzz`: every target for a while, by atheris where it is installed, else by hypothesis.

What makes a target fail is kept in tests/fuzz/inputs/TARGET/, where tests/fuzz reads it for ever after.
"""

import argparse
import contextlib
import hashlib
import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[3]
FOUND = ROOT / "tests" / "fuzz" / "inputs"
CORPUS = ROOT / "tests" / ".artifacts" / "fuzz"
LONGEST = 4096  # bytes of an input: room for every rule, and thousands of runs a second


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", help="all of them by default")
    parser.add_argument("--seconds", type=int, default=int(os.environ.get("FUZZ_SECONDS", "60")), help="of each target")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)  # atheris ends its process
    options = parser.parse_args()
    if options.inside:
        _guided(options.targets[0], options.seconds)
        return 0
    from support.fuzz.targets import TARGETS

    unknown = set(options.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    guided = importlib.util.find_spec("atheris") is not None
    failed = []
    for name in options.targets or TARGETS:
        print(f"{name}: {options.seconds} s by {'atheris' if guided else 'hypothesis'}", flush=True)
        good = _in_a_process(name, options.seconds) if guided else _random(name, options.seconds)
        failed += [] if good else [name]
    if failed:
        print(f"failed: {', '.join(failed)}; the inputs are in {FOUND.relative_to(ROOT)}/", file=sys.stderr)
    return bool(failed)


def _in_a_process(name: str, seconds: int) -> bool:
    for directory in (CORPUS / name, FOUND / name):
        directory.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "support.fuzz", "--inside", "--seconds", str(seconds), name]
    try:
        return subprocess.run(command, check=False).returncode == 0
    finally:
        with contextlib.suppress(OSError):  # only if nothing was found
            (FOUND / name).rmdir()


def _guided(name: str, seconds: int) -> None:
    """Let libFuzzer look for inputs that reach new code, in the interpreted source: compiled code it can't see."""
    import atheris

    import support.interpreted  # noqa: F401 - chooses the source

    with atheris.instrument_imports(include=["gateway"], enable_loader_override=False):
        from support.fuzz.targets import TARGETS
    target = TARGETS[name]
    for seed in target.seeds:
        (CORPUS / name / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
    flags = [
        f"-max_total_time={seconds}",
        f"-max_len={LONGEST}",
        "-timeout=10",  # seconds for one input: more is a loop
        "-rss_limit_mb=1024",
        f"-artifact_prefix={FOUND / name}{os.sep}",
        "-print_final_stats=1",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *flags, str(CORPUS / name)], target.run)
    atheris.Fuzz()


def _random(name: str, seconds: int) -> bool:
    """Seeds, damaged ones, and anything else."""
    from support.fuzz.random_run import failing_input

    found = failing_input(name, until=time.monotonic() + seconds)
    if found is None:
        return True
    (FOUND / name).mkdir(parents=True, exist_ok=True)
    (FOUND / name / f"crash-{hashlib.sha1(found).hexdigest()}").write_bytes(found)
    return False


if __name__ == "__main__":
    sys.exit(main())
