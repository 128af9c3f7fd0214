"""A second connection to a host resumes the TLS session of the first, and only with what that host gave to it."""

import asyncio
import ssl
from pathlib import Path

import pytest
from support.certificates import Certificate, loopback_certificate
from support.programs import LOOPBACK
from support.tls_peer import TlsConnection, tls_server
from yarl import URL

from gateway.errors import UpstreamUnreachable
from gateway.providers.target import Target
from gateway.relay.buffer import ReceiveBuffer
from gateway.relay.dial import dial
from gateway.relay.tickets import MAX_KEPT, Tickets


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return loopback_certificate(tmp_path_factory.mktemp("tls"))


class Host:
    """A server behind TLS, and whether each of its connections was a resumed one."""

    def __init__(self) -> None:
        self.resumed: list[bool] = []

    async def greet(self, connection: TlsConnection) -> None:
        self.resumed.append(bool(connection.peer.ssl.session_reused))
        await connection.send(b"RFB 003.008\n")
        while await connection.more():
            pass


async def reach(port: int, tls: ssl.SSLContext, tickets: Tickets) -> None:
    target = Target(LOOPBACK, port, "", 0.0, url=URL(f"wss://{LOOPBACK}:{port}/"), subprotocols=("binary",), tls=tls)
    async with asyncio.timeout(30):
        (await dial(target, ReceiveBuffer(), tickets)).leg.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_the_next_connection_resumes_the_last(certificate: Certificate, version: ssl.TLSVersion) -> None:
    host, context, tickets = Host(), certificate.client_context(), Tickets()
    context.maximum_version = version
    async with tls_server(certificate.server_context(), host.greet) as port:
        for _ in range(3):
            await reach(port, context, tickets)
    assert host.resumed == [False, True, True]


async def test_a_host_that_has_forgotten_is_met_as_at_the_first_time(certificate: Certificate) -> None:
    first, second, context, tickets = Host(), Host(), certificate.client_context(), Tickets()
    async with tls_server(certificate.server_context(), first.greet) as port:
        await reach(port, context, tickets)
        session = tickets.of(context, LOOPBACK, port)
    async with tls_server(certificate.server_context(), second.greet) as other:
        assert session is not None
        tickets._kept[context, LOOPBACK, other] = session
        await reach(other, context, tickets)
        await reach(other, context, tickets)
    assert second.resumed == [False, True]


async def test_a_host_with_another_certificate_in_its_place_is_refused(
    certificate: Certificate, tmp_path: Path
) -> None:
    """It can't resume what it does not know, and then it has to say who it is."""
    context, tickets = certificate.client_context(), Tickets()
    async with tls_server(certificate.server_context(), Host().greet) as port:
        await reach(port, context, tickets)
        session = tickets.of(context, LOOPBACK, port)
    stranger = Host()
    async with tls_server(loopback_certificate(tmp_path).server_context(), stranger.greet) as other:
        assert session is not None
        tickets._kept[context, LOOPBACK, other] = session
        with pytest.raises(UpstreamUnreachable, match="certificate refused"):
            await reach(other, context, tickets)
    assert stranger.resumed == []


async def test_another_context_has_nothing_of_it(certificate: Certificate) -> None:
    """Of another provider, with other roots."""
    host, tickets = Host(), Tickets()
    async with tls_server(certificate.server_context(), host.greet) as port:
        await reach(port, certificate.client_context(), tickets)
        with pytest.raises(UpstreamUnreachable, match="certificate refused"):
            await reach(port, ssl.create_default_context(), tickets)
    assert host.resumed == [False]


class Session:
    """As much of a session as is asked for."""

    def __init__(self, time: int) -> None:
        self.time, self.timeout, self.has_ticket = time, 100, True


class Connection:
    def __init__(self, context: object, time: int) -> None:
        self.context, self.session = context, Session(time)


def test_sessions_that_are_over_go_and_no_more_are_kept_than_may_be():
    context, tickets = object(), Tickets()
    tickets.keep(Connection(context, 0), "old", 1)  # type: ignore[arg-type]
    tickets.keep(Connection(context, 99), "young", 1)  # type: ignore[arg-type]
    tickets.keep(Connection(context, 101), "new", 1)  # type: ignore[arg-type]
    assert [name for _, name, _ in tickets._kept] == ["young", "new"]
    for number in range(MAX_KEPT):
        tickets.keep(Connection(context, 101), "many", number)  # type: ignore[arg-type]
    assert [name for _, name, _ in tickets._kept] == ["many"] * MAX_KEPT
