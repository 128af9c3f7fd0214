"""The commands for who runs a gateway: keys of its API, and what the API does for those who hold one."""

import hashlib
import json
import os
import secrets
import sys
from typing import Annotated

import typer

from gateway.cli.run import run, say
from gateway.config.values import is_name

KEY_BYTES = 32
"""Of randomness: nobody tries 256 bits out, so a plain hash of the key is enough in the configuration."""

OfUser = Annotated[str | None, typer.Option("--user", help="Only those of this user.")]
OfConsole = Annotated[str | None, typer.Option("--console", metavar="PROVIDER/INSTANCE", help="Only at this console.")]
OfReference = Annotated[str | None, typer.Option("--reference", help="Only those whose ticket had this reference.")]
AsJson = Annotated[bool, typer.Option("--json", help="As the API answers.")]

sessions = typer.Typer(help="What is open, over the admin API.", no_args_is_help=True)


def key(name: Annotated[str, typer.Argument(help="What logs and audit are to call who holds the key.")]) -> None:
    """Print a new key of the admin API, and the line for the configuration."""
    if not is_name(name):
        raise typer.BadParameter('must start with a-z and have up to 32 of a-z, 0-9 and "-"', param_hint="NAME")
    secret = secrets.token_urlsafe(KEY_BYTES)
    typer.echo(secret)
    typer.echo(f'{name} = "sha256:{hashlib.sha256(secret.encode()).hexdigest()}"')
    say("The first line is the key: it is kept nowhere else. The second belongs under [admin.keys].")


def ticket(
    console: Annotated[str, typer.Argument(metavar="PROVIDER/INSTANCE")],
    user: Annotated[str | None, typer.Option(help="Whose it is to be; without it who runs this command.")] = None,
    ttl: Annotated[float | None, typer.Option(metavar="SECONDS", min=1, help="How long it is good.")] = None,
    view_only: Annotated[bool, typer.Option("--view-only", help="To look, not to touch.")] = False,
) -> None:
    """Mint a link that opens a console once, over the admin API."""
    from gateway.app.remote import AdminApi

    api = AdminApi(os.environ)
    whose = user or os.environ.get("USER") or "operator"
    typer.echo(run(api.mint(console, user=whose, ttl=ttl, view_only=view_only)))


@sessions.command("list")
def list_sessions(
    user: OfUser = None,
    console: OfConsole = None,
    reference: OfReference = None,
    as_json: AsJson = False,
) -> None:
    """List the open sessions of all replicas: a table on a terminal, else lines with tabs between their fields."""
    from gateway.app.remote import AdminApi

    answer = run(AdminApi(os.environ).sessions(_wanted(user, console, reference)))
    if answer.get("state") == "away":
        say("warning: the shared state is away: these are the sessions of one replica")
    if as_json:
        typer.echo(json.dumps(answer, indent=2))
        return
    from gateway.cli import tables

    if sys.stdout.isatty():
        tables.print_list(answer["sessions"])
    else:
        for line in tables.lines(answer["sessions"]):
            typer.echo(line)


@sessions.command()
def show(id_: Annotated[str, typer.Argument(metavar="ID")], as_json: AsJson = False) -> None:
    """Show all that is told of a session: a table on a terminal, else JSON."""
    from gateway.app.remote import AdminApi

    session = run(AdminApi(os.environ).session(id_))
    if as_json or not sys.stdout.isatty():
        typer.echo(json.dumps(session, indent=2))
        return
    from gateway.cli import tables

    tables.print_one(session)


@sessions.command()
def end(
    id_: Annotated[str | None, typer.Argument(metavar="ID")] = None,
    user: OfUser = None,
    console: OfConsole = None,
    reference: OfReference = None,
) -> None:
    """End a session, or all with these values: browsers are told so and can't return."""
    wanted = _wanted(user, console, reference)
    if (id_ is None) == (not wanted):
        raise typer.BadParameter("give an ID, or at least one of --user, --console and --reference")
    from gateway.app.remote import AdminApi

    api = AdminApi(os.environ)
    run(api.end_some(wanted) if id_ is None else api.end(id_))
    say("ended")


def _wanted(user: str | None, console: str | None, reference: str | None) -> dict[str, str]:
    named = {"user": user, "console": console, "reference": reference}
    return {name: value for name, value in named.items() if value is not None}
