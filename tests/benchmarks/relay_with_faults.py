"""A relay that is wrong in one way: PORT UPSTREAM_PORT FAULT. It carries bytes and, of those of the servers,

drop, change, double: treats one byte so, the first behind byte PLACE;  slow: thinks about every piece;  none: nothing.
"""

import asyncio
import sys
import time

PLACE = 300_000  # far enough into a stream, and no frame's header
THOUGHT = 0.0004  # seconds for a piece of at most 64 KB, which takes less to carry

FAULTS = {
    "drop": lambda data, at: data[:at] + data[at + 1 :],
    "change": lambda data, at: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :],
    "double": lambda data, at: data[: at + 1] + data[at:],
}


def think() -> None:
    until = time.thread_time() + THOUGHT
    while time.thread_time() < until:
        pass


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fault: str) -> None:
    carried = 0
    while data := await reader.read(65536):
        if fault == "slow":
            think()
        if fault in FAULTS and carried <= PLACE < carried + len(data):
            data = FAULTS[fault](data, PLACE - carried)
            fault = "none"
        carried += len(data)
        writer.write(data)
        await writer.drain()
    writer.close()


async def main(port: int, upstream: int, fault: str) -> None:
    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", upstream)
        pumps = (pump(reader, to_server, "none"), pump(from_server, writer, fault))
        await asyncio.gather(*pumps, return_exceptions=True)

    async with await asyncio.start_server(relay, "127.0.0.1", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
