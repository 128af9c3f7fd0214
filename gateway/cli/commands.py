"""The commands of vnc-gateway: what each takes and which function of app/ it starts.

No logic of its own. Modules of app/ are imported by the commands that need them, so that a fault of the
configuration or `--version` is answered before the server's libraries are loaded.
"""

import os
import signal
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gateway import __version__
from gateway.cli import admin
from gateway.cli.run import exit_codes, prepare, run, say
from gateway.config import check as checks
from gateway.config.blocks import Log
from gateway.config.load import load
from gateway.config.settings import Settings
from gateway.config.source import Source
from gateway.config.workers import OWN
from gateway.telemetry.logs import configure

app = typer.Typer(
    help="One stable WebSocket address for the VNC consoles of cloud VMs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="TOML file; without it VNC_GATEWAY_… variables say everything."),
]

app.command()(admin.key)
app.command()(admin.ticket)
app.add_typer(admin.sessions, name="sessions")

# What the demo and the simulator have to say they print.
QUIET = Log(level="warning")


class IdleCounts(StrEnum):
    """What a simulated cloud takes for a sign of life from the client."""

    RFB = "rfb"
    INPUT = "input"
    ANY = "any"


def main() -> None:
    """Run the command that the process was called with, and exit."""
    with exit_codes():
        app(prog_name="vnc-gateway")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vnc-gateway {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass


@app.command()
def serve(
    config: Config = None,
    workers: Annotated[int, typer.Option(metavar="N", min=1, help="Processes that share the port.")] = 1,
) -> None:
    """Run the gateway."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is a gateway that reloads: it reads the file anyway
    source = Source(config, os.environ)
    settings = source.read()
    prepare(settings.log)
    if workers > 1:
        from gateway.app.workers import supervise

        raise typer.Exit(run(supervise(settings, config, workers)))
    from gateway.app import serving

    run(serving.serve(settings, source))


@app.command(hidden=True)
def worker(channel: int, config: Config = None) -> None:
    """Run a worker of `serve --workers`; CHANNEL is a socket to who started it."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    source = Source(config, os.environ, OWN)
    settings = source.read()
    prepare(settings.log)
    from gateway.app.working import work

    run(work(settings, source, channel))


@app.command()
def demo(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; the next free one if it is taken.")] = 8080,
    cut_every: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=0.1, help="Kill the upstream again and again.")
    ] = None,
) -> None:
    """Run simulated clouds with a live desktop, and the gateway in front of them."""
    from gateway.app import demonstrating

    prepare(QUIET)
    run(demonstrating.demo(host=host, port=port, cut_every=cut_every))


@app.command()
def simulate(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the first cloud; 0 takes any.")] = 8090,
    time_scale: Annotated[
        float, typer.Option(metavar="X", min=0.001, help="Let the clouds' clocks run X times as fast.")
    ] = 1.0,
    idle_counts: Annotated[IdleCounts, typer.Option(help="What keeps an idle console open.")] = IdleCounts.RFB,
    no_pong: Annotated[bool, typer.Option("--no-pong", help="Never answer a WebSocket ping.")] = False,
) -> None:
    """Run only the simulated clouds, for tests."""
    from gateway.app import simulating

    prepare(QUIET)
    run(simulating.simulate(port=port, time_scale=time_scale, idle_counts=idle_counts.value, pong=not no_pong))


@app.command()
def check(
    config: Config = None,
    resolve: Annotated[
        str | None,
        typer.Option(metavar="PROVIDER/INSTANCE", help="Ask the cloud, and print the address without its secrets."),
    ] = None,
) -> None:
    """Validate the configuration, and warn of what is allowed but unwise."""
    settings = load(config, os.environ)
    for caution in checks.cautions(settings, os.environ, checks.open_files()):
        say(f"warning: {caution}")
    if resolve is not None:
        typer.echo(_address(settings, resolve))
    else:
        from gateway.app import serving

        run(serving.inspect(settings))
        typer.echo(f"{config or 'environment'}: no faults")


def _address(settings: Settings, console: str) -> str:
    provider, slash, instance = console.partition("/")
    from gateway.providers.provider import INSTANCE

    if not (provider and slash and INSTANCE.fullmatch(instance)):
        raise typer.BadParameter("must be PROVIDER/INSTANCE", param_hint="--resolve")
    from gateway.app import serving

    configure("critical")  # what goes wrong is the one line that is said
    return run(serving.resolve(settings, provider, instance))
