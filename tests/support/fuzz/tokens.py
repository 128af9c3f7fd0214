"""What callers bring as proof: nothing but what the gateway itself has made opens anything."""

from cryptography.fernet import Fernet

from gateway.access.grants import Grant, Rights, Seal
from support.fuzz.choices import Choices

KEY = Fernet.generate_key()
GRANT = Grant("0123456789abcdef", "lab/vm", "ana", 2_000_000_000, Rights(control=False, clipboard="none"))
SEALED = Seal([KEY]).close(GRANT)


def resume_token(data: bytes) -> None:
    """A sealed token with some characters replaced, cut or added: all of its grant, or nothing."""
    choices = Choices(data)
    token = SEALED if choices.flag() else ""
    while not choices.empty:
        at = choices.byte() << 8 | choices.byte()
        token = token[: at % (len(token) + 1)] + chr(choices.byte()) + token[at % (len(token) + 1) + choices.byte() :]
    opened = Seal([KEY]).open(token)
    assert opened in (None, GRANT)
    assert opened is None or token == SEALED, "a token that was changed"
