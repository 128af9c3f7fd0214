"""The frame scanner and both RFB streams: nothing but our own errors, no matter how it is cut, and rights hold."""

import itertools
from collections.abc import Sequence

from gateway.errors import GatewayError, NotBinary, NotUnderstood, ProtocolViolation, TooBig, UpstreamChanged
from gateway.rfb.client_stream import ClientStream
from gateway.rfb.framing import Framing
from gateway.rfb.held import ALWAYS_HELD, HeldBudget, HeldTotal
from gateway.rfb.memory import Capability, Memory
from gateway.rfb.policy import Clipboard, Policy
from gateway.rfb.server_stream import ServerStream
from gateway.rfb.splice.finish import finish
from gateway.rfb.splice.join import join
from gateway.websocket.scanner import Scanner
from support.fuzz.choices import Choices, cut
from support.fuzz.client_wire import HARMLESS, messages
from support.rfb_streams import FORMATS, server_init
from support.websocket import Scanned, judge, scan

MAX_PAYLOAD = 70_000
HELD = 4096
CLIENT_HELD = 4 + 4 * 65535  # SetEncodings with all that its count can say; the clipboard's limit is below it

Parts = list[memoryview | bytes]
Outcome = tuple[bytes, type[GatewayError] | None]


def frames(data: bytes) -> None:
    """WebSocket frames of either side (RFC 6455 §5), with the `websockets` library as judge."""
    choices = Choices(data)
    from_browser, seed = choices.flag(), choices.byte()
    stream = choices.rest()
    allowed = (ProtocolViolation, NotBinary, TooBig) if from_browser else (NotUnderstood,)

    def scanned(pieces: list[bytes]) -> Scanned:
        return scan(Scanner(from_browser=from_browser, max_payload=MAX_PAYLOAD), iter(pieces))

    one, other = scanned([stream]), scanned(cut(stream, seed))
    assert one.error is None or isinstance(one.error, allowed)
    assert (one.payload, one.controls, one.fault) == (other.payload, other.controls, other.fault)
    assert len(one.payload) <= len(stream)
    if one.error is None and all(len(control.payload) < 125 for control in one.controls):
        judged = judge(stream, masked=from_browser)
        # The library wants whole frames; the scanner has given the beginning of the last one, too.
        assert one.payload.startswith(judged.payload) or judged.fault is not None


def server_stream(data: bytes) -> None:
    """What a hostile VNC server may send after ServerInit."""
    choices = Choices(data)
    form, policy, seed = choices.one_of(FORMATS), _policy(choices), choices.byte()
    stream = choices.rest()

    def read(pieces: list[bytes]) -> Outcome:
        total = HeldTotal()
        budget = HeldBudget(total, HELD)
        server = ServerStream(Memory(server_init(form)), budget, policy)
        outcome = _fed(server, pieces, ALWAYS_HELD + HELD)
        assert total.used <= HELD + ALWAYS_HELD
        server.discard()
        assert total.used == 0
        return outcome

    (out, fault), (pieced, pieced_fault) = read([stream]), read(cut(stream, seed))
    assert fault is None or issubclass(fault, NotUnderstood), fault
    assert pieced_fault == fault
    assert len(out) <= 4 * len(stream)  # an empty update, of 4 bytes, is filled with a rectangle of 12
    if fault is None:
        assert out == pieced
    else:  # in small pieces more may have left before the fault was seen
        assert pieced.startswith(out) or out.startswith(pieced)


def client_stream(data: bytes) -> None:
    """What a hostile browser may send after ClientInit: no message leaves that its rights don't cover."""
    choices = Choices(data)
    policy, offered, seed = _policy(choices), choices.byte(), choices.byte()
    stream = choices.rest()

    def read(pieces: list[bytes]) -> Outcome:
        memory = Memory(server_init())
        for bit, capability in enumerate(sorted(set(Capability) - {Capability.GII})):
            if offered & 1 << bit:
                memory.offer(capability)
        out, fault = _fed(ClientStream(memory, policy), pieces, CLIENT_HELD)
        check_rights(out, policy, long_pointers=Capability.EXTENDED_MOUSE in memory.offered)
        return out, fault

    one, other = read([stream]), read(cut(stream, seed))
    assert one[1] is None or issubclass(one[1], (ProtocolViolation, TooBig))
    assert one == other


def conversation(data: bytes) -> None:
    """Both at once over one memory: a server that announces anything, and a browser that answers anything."""
    choices = Choices(data)
    policy = _policy(choices)
    memory = Memory(server_init())
    server = ServerStream(memory, HeldBudget(HeldTotal(), HELD), policy)
    client = ClientStream(memory, policy)
    try:
        while not choices.empty:
            head = choices.byte()
            piece = choices.take(head >> 1)
            out = Parts()
            if head & 1:
                server.receive(piece, out)
            else:
                # The server's next words may change how long a pointer event is: read what left right now.
                client.receive(piece, out)
                check_rights(b"".join(out), policy, long_pointers=Capability.EXTENDED_MOUSE in memory.offered)
    except (NotUnderstood, ProtocolViolation, TooBig):
        pass


def check_rights(left: bytes, policy: Policy, *, long_pointers: bool) -> None:
    """What left the gateway for the machine is covered by the rights of product.md."""
    for message in messages(left, long_pointers=long_pointers):
        assert policy.control or message.name in HARMLESS, f"{message.name} without control"
        assert policy.power or message.name != "power", "xvp without power"
        assert message.name != "gii", "never negotiated"
        if message.name == "clipboard":
            assert policy.clipboard is not Clipboard.NONE
            assert policy.clipboard is not Clipboard.FROM_VM or not message.gives
            assert policy.clipboard is not Clipboard.TO_VM or not message.asks
            assert len(message.wire) <= 8 + 256 * 1024


def _policy(choices: Choices) -> Policy:
    bits = choices.byte()
    return Policy(control=bool(bits & 1), power=bool(bits & 2), clipboard=list(Clipboard)[bits >> 2 & 3])


def _fed(stream: Framing, pieces: list[bytes], held: int) -> Outcome:
    out: list[bytes] = []
    for piece in pieces:
        parts = Parts()
        buffer = bytearray(piece)  # written over afterwards, as the relay's is
        try:
            stream.receive(memoryview(buffer), parts)
        except GatewayError as error:
            return b"".join(itertools.chain(out, map(bytes, parts))), type(error)
        out += map(bytes, parts)
        buffer[:] = bytes(len(buffer))
        assert stream.held <= max(held, len(piece))
    return b"".join(out), None


def splices(data: bytes) -> None:
    """The same, and servers that are lost anywhere and others in their places: what is replayed needs rights, too."""
    choices = Choices(data)
    policy = _policy(choices)
    memory, budget = Memory(server_init()), HeldBudget(HeldTotal(), HELD)
    server: ServerStream = ServerStream(memory, budget, policy)
    client = ClientStream(memory, policy)

    def left(parts: Sequence[memoryview | bytes]) -> None:
        check_rights(b"".join(parts), policy, long_pointers=Capability.EXTENDED_MOUSE in memory.offered)

    try:
        while not choices.empty:
            act, out = choices.byte() & 3, Parts()
            if act == 0:
                client.receive(choices.take(choices.byte()), out)
                left(out)
                server.interject(Parts())
            elif memory.seam.away:
                server, replay = join(memory, server_init(choices.one_of(FORMATS), *_size(choices)), budget, policy)
                left(replay)
            elif act == 3:
                finish(server, abrupt=choices.flag())
                assert not memory.seam.to_upstream
            else:
                server.receive(choices.take(choices.byte()), out)
                ours, memory.seam.to_upstream = memory.seam.to_upstream, []
                left(ours)
    except (NotUnderstood, ProtocolViolation, TooBig, UpstreamChanged):
        pass


def _size(choices: Choices) -> tuple[int, int]:
    return choices.byte() * 8, choices.byte() * 8
