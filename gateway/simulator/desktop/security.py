"""VNC authentication (RFC 6143 §7.2.2)."""

import hmac

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def answers(challenge: bytes, response: bytes, password: str) -> bool:
    """Whether `response` is the challenge encrypted with the password, whose bytes are bit-reversed for it."""
    key = password.encode("latin-1")[:8].ljust(8, b"\0").translate(MIRRORED)
    # The protocol's own: three equal keys are plain DES.
    cipher = Cipher(TripleDES(key * 3), modes.ECB())  # noqa: S305  # nosec B305
    encryptor = cipher.encryptor()
    return hmac.compare_digest(encryptor.update(challenge) + encryptor.finalize(), response)
