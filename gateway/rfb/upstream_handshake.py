"""The opening handshake with the upstream: a client of RFB 3.3, 3.7 or 3.8 (RFC 6143 §7.1 to §7.3).

Owns the exchange up to ServerInit, with security None and VNC Authentication. One step at a time: a proxy on the way
(nova's) returns bytes that are sent ahead. Leaves the time limit to the caller.
"""

from gateway.errors import NotUnderstood, UpstreamAuth, UpstreamError, UpstreamUnreachable
from gateway.rfb import vnc_auth
from gateway.rfb.handshake import Handshake, SecurityResult, SecurityType
from gateway.rfb.messages import U32
from gateway.rfb.server_init import SERVER_INIT_LENGTH, ServerInit
from gateway.rfb.versions import VERSION_LENGTH, Version, plausible, spoken

REASON_MAX = 1024  # a sentence for the operator's log; the rest of a longer one is not waited for


class UpstreamHandshake(Handshake):
    """The client's side.

    `receive` raises NotUnderstood when it is not RFB, UpstreamAuth when the password is wrong or missing or no security
    type is ours, UpstreamUnreachable when the server refuses the connection for another reason of its own.

    `server_init`: the whole message as it was sent.
    """

    def __init__(self, *, password: str | None, shared: bool) -> None:
        super().__init__(self._protocol_version)
        self.server_init = b""
        self._password = password
        self._shared = shared
        self._version = Version.V3_8
        self._refusal: type[UpstreamError] = UpstreamUnreachable
        self._refused = "the connection ended in the RFB handshake"

    def ended(self) -> UpstreamError:
        """What it means that the connection ends here: some servers refuse without giving the reason they owe."""
        return self._refusal(self._refused)

    def _protocol_version(self) -> bytes | None:
        if not plausible(self._received):
            raise NotUnderstood("the upstream does not speak RFB")
        message = self._take(VERSION_LENGTH)
        if message is None:
            return None
        version = spoken(message)
        if version is None:
            raise NotUnderstood(f"RFB version {message!r}")
        self._version = version
        self._step = self._imposed_security_type if version is Version.V3_3 else self._security_types
        return version.wire

    def _imposed_security_type(self) -> bytes | None:
        """RFB 3.3: the server decides."""
        message = self._take(U32.size)
        if message is None:
            return None
        (security_type,) = U32.unpack(message)
        if security_type == SecurityType.INVALID:
            return self._refuse(UpstreamUnreachable, "the server refuses the connection")
        return self._begin_security(self._choose([security_type]))

    def _security_types(self) -> bytes | None:
        """RFB 3.7 and later: the client chooses from a list, whose length comes first."""
        if not self._received:
            return None
        count = self._received[0]
        message = self._take(1 + count)
        if message is None:
            return None
        if count == 0:
            return self._refuse(UpstreamUnreachable, "the server refuses the connection")
        choice = self._choose(list(message[1:]))
        return bytes([choice]) + self._begin_security(choice)

    def _choose(self, offered: list[int]) -> SecurityType:
        if SecurityType.NONE in offered:
            return SecurityType.NONE
        if SecurityType.VNC_AUTHENTICATION not in offered:
            raise UpstreamAuth(f"only security types that the gateway does not speak: {offered}")
        if self._password is None:
            raise UpstreamAuth("the server asks for a VNC password and none is configured")
        return SecurityType.VNC_AUTHENTICATION

    def _begin_security(self, choice: SecurityType) -> bytes:
        if choice is SecurityType.VNC_AUTHENTICATION:
            self._step = self._challenge
            return b""
        if self._version is Version.V3_8:
            self._step = self._security_result
            return b""
        return self._client_init()  # below 3.8 there is no SecurityResult for None

    def _challenge(self) -> bytes | None:
        challenge = self._take(vnc_auth.CHALLENGE_LENGTH)
        if challenge is None:
            return None
        assert self._password is not None, "_choose lets no other pass"
        self._step = self._security_result
        return vnc_auth.response(self._password, challenge)

    def _security_result(self) -> bytes | None:
        message = self._take(U32.size)
        if message is None:
            return None
        (result,) = U32.unpack(message)
        if result == SecurityResult.OK:
            return self._client_init()
        if result not in (SecurityResult.FAILED, SecurityResult.TOO_MANY):
            raise NotUnderstood(f"SecurityResult {result}")
        if self._version is not Version.V3_8:
            raise UpstreamAuth("VNC authentication failed")
        return self._refuse(UpstreamAuth, "authentication failed")

    def _refuse(self, refusal: type[UpstreamError], what: str) -> bytes:
        self._refusal = refusal
        self._refused = what
        self._step = self._reason
        return b""

    def _reason(self) -> bytes | None:
        """The reason of a refusal: raised as soon as REASON_MAX bytes of it are there."""
        if len(self._received) < U32.size:
            return None
        length = min(U32.unpack_from(self._received)[0], REASON_MAX)
        message = self._take(U32.size + length)
        if message is None:
            return None
        reason = "".join(c if c.isprintable() else "?" for c in message[U32.size :].decode("utf-8", "replace"))
        raise self._refusal(f"{self._refused}: {reason}")

    def _client_init(self) -> bytes:
        self._step = self._server_init
        return bytes([self._shared])

    def _server_init(self) -> bytes | None:
        if len(self._received) < SERVER_INIT_LENGTH:
            return None
        message = self._take(ServerInit.length(self._received))
        if message is None:
            return None
        ServerInit.parse(message)
        self.server_init = message
        self.done = True
        return b""
