"""VNC Authentication (RFC 6143 §7.2.2): the answer to a server's challenge.

Owns the cipher. Leaves the exchange to upstream_handshake.
"""

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.modes import ECB

CHALLENGE_LENGTH = 16
KEY_LENGTH = 8

# The key's bytes are used with their bits in reverse order: the first implementation did so, and all follow it.
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def response(password: str, challenge: bytes) -> bytes:
    """The 16 bytes that prove knowledge of `password`, of which only the first 8 bytes count."""
    key = password.encode()[:KEY_LENGTH].ljust(KEY_LENGTH, b"\0").translate(_MIRRORED)
    # DES is triple DES with one key three times; ECB is what the protocol asks for.
    encryptor = Cipher(TripleDES(key * 3), ECB()).encryptor()  # noqa: S305  RFC 6143 §7.2.2  # nosec B305
    return encryptor.update(challenge) + encryptor.finalize()
