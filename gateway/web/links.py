"""Links that open a console: with a ticket in the fragment, which reaches no server and no log."""

from gateway.config.listen import Listen


class Links:
    """What the public listener is called. `port` is the real one, where any was asked for."""

    def __init__(self, listen: Listen) -> None:
        self._listen = listen
        self.port = listen.port

    def follow(self, listen: Listen) -> None:
        """The listener is called as `listen` says from now on; it is where it was."""
        self._listen = listen

    def launch(self, console: str, ticket: str) -> str:
        """The address that opens `console` once."""
        return f"{self._base()}/console/{console}#ticket={ticket}"

    def _base(self) -> str:
        if self._listen.public_url:
            return self._listen.public_url
        host = f"[{self._listen.host}]" if ":" in self._listen.host else self._listen.host
        return f"{'https' if self._listen.tls else 'http'}://{host}:{self.port}"
