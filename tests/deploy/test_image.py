"""The image: what goes into it, as whom it runs, and that its health check tells dead from alive."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

from support.gateway import OPEN, ROOT, gateway
from support.programs import free_port

LINES = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ").splitlines()
LAST = LINES[max(number for number, line in enumerate(LINES) if line.startswith("FROM ")) :]
"""Instructions, each on one line; and those of what is shipped."""


def said(instruction: str, lines: list[str]) -> list[str]:
    """What follows `instruction` wherever it stands."""
    return [line.removeprefix(instruction).strip() for line in lines if line.startswith(f"{instruction} ")]


def sources() -> set[str]:
    """What is copied from the checkout."""
    copies = [shlex.split(line) for line in said("COPY", LINES) if not line.startswith("--from")]
    return {name for copy in copies for name in copy[:-1]}


def test_what_the_package_is_built_from_is_there_and_nothing_else():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    hook = "hatch_build.py"
    wanted = {"pyproject.toml", hook, "web", project["project"]["readme"], *project["project"]["license-files"]}
    assert sources() == wanted | {*project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]}
    for name in sources():
        assert (ROOT / name).exists()
        assert let_in(name)


def let_in(path: str) -> bool:
    """Whether Docker sends a file to the build: the last line that is about it, or a directory above it, decides."""
    answer = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line and not line.startswith("#"):
            pattern = re.escape(line.removeprefix("!").rstrip("/"))  # a slash at the end means nothing to Docker
            pattern = pattern.replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")
            if re.fullmatch(f"{pattern}(?:/.*)?", path):
                answer = line.startswith("!")
    return answer


def test_docker_is_sent_the_sources_and_no_secrets_or_results():
    kept = {
        file.relative_to(ROOT).as_posix() for folder in ("gateway", "web/src") for file in (ROOT / folder).rglob("*")
    }
    made = re.compile(r"gateway/web/static|__pycache__|\.so$")
    assert [path for path in sorted(kept) if let_in(path) == bool(made.search(path))] == []
    for path in (
        "deploy/secrets/seal",
        ".git/config",
        ".venv/bin/python",
        "web/node_modules/x/index.js",
        "secrets/key",
    ):
        assert not let_in(path)


def test_it_is_built_in_one_stage_and_runs_in_another_as_nobody():
    assert len(said("FROM", LINES)) == 2
    assert not said("RUN", LAST), "no tools in what is shipped"
    (user,) = said("USER", LAST)
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user), "Kubernetes cannot tell whether a name is root's"
    assert said("ENTRYPOINT", LAST) == ['["vnc-gateway"]']


async def test_its_health_check_tells_a_gateway_that_lives_from_one_that_does_not(artifacts: Path):
    (check,) = said("HEALTHCHECK", LAST)
    (env,) = said("ENV", LAST)
    command = re.findall(r'"([^"]*)"', check.partition(" CMD ")[2])
    variable, port = re.search(r"(VNC_GATEWAY_\w+)=(\d+)", env).groups()
    free = str(free_port())
    argv = [sys.executable, *(part.replace(f":{port}/", f":{free}/") for part in command[1:])]
    assert command[0] == "python"
    assert argv[1:] != command[1:], "the port that is asked is the one that the image sets"
    async with gateway({"vm": "tcp://127.0.0.1:1"}, logs=artifacts, access=OPEN, env={variable: free}):
        subprocess.run(argv, check=True, timeout=30)
    assert subprocess.run(argv, check=False, timeout=30, stderr=subprocess.DEVNULL).returncode == 1
