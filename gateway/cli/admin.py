"""The commands for who runs a gateway: keys of its API, and what the API does for those who hold one."""

import hashlib
import json
import os
import secrets
from typing import Annotated

import typer

from gateway.cli.run import run, say
from gateway.config.values import is_name

KEY_BYTES = 32
"""Of randomness: nobody tries 256 bits out, so a plain hash of the key is enough in the configuration."""

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
    view_only: Annotated[bool, typer.Option("--view-only", help="To look, not to touch.")] = False,  # noqa: FBT002 -- an option
) -> None:
    """Mint a link that opens a console once, over the admin API."""
    from gateway.app.remote import AdminApi

    api = AdminApi(os.environ)
    whose = user or os.environ.get("USER") or "operator"
    typer.echo(run(api.mint(console, user=whose, ttl=ttl, view_only=view_only)))


@sessions.command("list")
def list_sessions() -> None:
    """List the open sessions: id, state, console, user, source, since when."""
    from gateway.app.remote import AdminApi

    for session in run(AdminApi(os.environ).sessions()):
        typer.echo("\t".join(str(session[key]) for key in ("id", "state", "console", "user", "source", "started_at")))


@sessions.command()
def show(id_: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Show all that is told of a session, as JSON."""
    from gateway.app.remote import AdminApi

    typer.echo(json.dumps(run(AdminApi(os.environ).session(id_)), indent=2))


@sessions.command()
def end(id_: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """End a session: its browser is told so and can't return."""
    from gateway.app.remote import AdminApi

    run(AdminApi(os.environ).end(id_))
