"""VNC Authentication (RFC 6143 §7.2.2)."""

import pytest

from gateway.rfb.vnc_auth import response

CHALLENGE = bytes(range(16))


def test_an_empty_password_is_a_key_of_zeros() -> None:
    # DES of a zero block under a zero key (FIPS 81 tables) is 8ca64de9c1b123a7.
    assert response("", bytes(16)).hex() == "8ca64de9c1b123a7" * 2


def test_key_bits_are_reversed() -> None:
    # The lowest bit of a DES key's byte is parity and does not count; reversed, that is the password's highest bit.
    assert response("\x01", bytes(16)) != response("", bytes(16))


@pytest.mark.parametrize(
    ("password", "answer"),
    [
        ("password", "b866924125c8eebb9debc1db61c538e2"),
        ("secret", "ee22539f33a5983ec12f9c2edbc995dd"),
    ],
)
def test_known_answers(password: str, answer: str) -> None:
    """As OpenSSL's des-ecb gives them for the reversed key."""
    assert response(password, CHALLENGE).hex() == answer


def test_only_eight_bytes_of_a_password_count() -> None:
    assert response("12345678", CHALLENGE) == response("123456789", CHALLENGE)
    assert response("1234567", CHALLENGE) != response("12345678", CHALLENGE)
