"""The opening handshake with the browser: an RFB 3.8 server that asks for no security (RFC 6143 §7.1, §7.3).

Owns the exchange up to ClientInit. ServerInit is the upstream's own and is sent by the relay. Who may connect was
decided before the WebSocket was opened, so the security type is always None.
"""

from gateway.errors import ProtocolViolation
from gateway.rfb.handshake import Handshake, SecurityResult, SecurityType
from gateway.rfb.messages import U32
from gateway.rfb.versions import VERSION_LENGTH, Version, plausible, spoken


class BrowserHandshake(Handshake):
    """The server's side. `receive` raises ProtocolViolation.

    `shared`: the flag of ClientInit, to be repeated to the upstream. Clients that answer 3.3 or 3.7 are served in
    their version.
    """

    def __init__(self) -> None:
        super().__init__(self._protocol_version)
        self.shared = True
        self._version = Version.V3_8

    def greeting(self) -> bytes:
        """What the server says first."""
        return Version.V3_8.wire

    def _protocol_version(self) -> bytes | None:
        if not plausible(self._received):
            raise ProtocolViolation("the client does not speak RFB")
        message = self._take(VERSION_LENGTH)
        if message is None:
            return None
        version = spoken(message)
        if version is None:
            raise ProtocolViolation(f"RFB version {message!r}")
        self._version = version
        if version is Version.V3_3:  # the server decides (RFC 6143 §7.1.2)
            self._step = self._client_init
            return U32.pack(SecurityType.NONE)
        self._step = self._security_type
        return bytes([1, SecurityType.NONE])

    def _security_type(self) -> bytes | None:
        choice = self._take(1)
        if choice is None:
            return None
        if choice[0] != SecurityType.NONE:
            raise ProtocolViolation(f"security type {choice[0]} was not offered")
        self._step = self._client_init
        # Below 3.8 there is no SecurityResult for None.
        return U32.pack(SecurityResult.OK) if self._version is Version.V3_8 else b""

    def _client_init(self) -> bytes | None:
        shared_flag = self._take(1)
        if shared_flag is None:
            return None
        self.shared = shared_flag != b"\0"
        self.done = True
        return b""
