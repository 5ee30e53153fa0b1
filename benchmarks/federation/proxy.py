"""Two counting proxies, one before Postgres and one before ClickHouse: bytes of both directions, and statements.

    proxy.py LISTEN:HOST:PORT:KIND ... CONTROL_PORT

KIND is postgres or http. A connection to the control port gets one line of JSON with what was counted since the last one. A
statement of Postgres is a simple query or the execution of a prepared one, transaction commands and settings not counted;
one of HTTP is a request.
"""

import asyncio
import json
import re
import sys

SILENT = re.compile(rb"\s*(BEGIN|START|COMMIT|ROLLBACK|SET|SHOW|DISCARD|DEALLOCATE|CLOSE|RESET|SAVEPOINT|RELEASE)\b", re.IGNORECASE)
REQUEST = re.compile(rb"(?:GET|POST) [^\r\n]* HTTP/1\.[01]\r\n")
COUNTS = {"received": 0, "sent": 0, "statements": 0}


class Postgres:
    """Counts statements in what a client sends; it understands the framing of the protocol without TLS."""

    def __init__(self) -> None:
        self.buffer, self.started = bytearray(), False
        self.statements: dict[bytes, bytes] = {}
        self.portals: dict[bytes, bytes] = {}

    def feed(self, data: bytes) -> None:
        self.buffer += data
        while True:
            head = 1 if self.started else 0
            if len(self.buffer) < head + 4:
                return
            length = int.from_bytes(self.buffer[head : head + 4], "big")
            if len(self.buffer) < head + length:
                return
            message = bytes(self.buffer[: head + length])
            del self.buffer[: head + length]
            if self.started:
                self.message(message[:1], message[5:])
            else:
                # A request for TLS comes before the first message and is answered by one byte.
                self.started = message[4:8] not in (b"\x04\xd2\x16\x2f", b"\x04\xd2\x16\x30")

    def message(self, kind: bytes, body: bytes) -> None:
        if kind == b"Q":
            COUNTS["statements"] += not SILENT.match(body)
        elif kind == b"P":
            name, text = body.split(b"\0", 2)[:2]
            self.statements[name] = text
        elif kind == b"B":
            portal, name = body.split(b"\0", 2)[:2]
            self.portals[portal] = self.statements.get(name, b"")
        elif kind == b"E":
            COUNTS["statements"] += not SILENT.match(self.portals.get(body.split(b"\0", 1)[0], b""))


class Http:
    """Counts requests in what a client sends."""

    def __init__(self) -> None:
        self.tail = b""

    def feed(self, data: bytes) -> None:
        text = self.tail + data
        found = list(REQUEST.finditer(text))
        COUNTS["statements"] += len(found)
        # A request line may be cut; what was counted must not be seen again.
        self.tail = text[max(found[-1].end() if found else 0, len(text) - 4096) :]


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: str, counter: Postgres | Http | None) -> None:
    try:
        while data := await reader.read(1 << 18):
            COUNTS[direction] += len(data)
            if counter:
                counter.feed(data)
            writer.write(data)
            await writer.drain()
    except (ConnectionError, asyncio.CancelledError):
        pass
    finally:
        writer.close()


async def forward(listen: int, host: str, port: int, kind: str) -> asyncio.Server:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(host, port, limit=1 << 20)
        counter = Postgres() if kind == "postgres" else Http()
        await asyncio.gather(copy(reader, back, "sent", counter), copy(there, writer, "received", None))

    return await asyncio.start_server(accept, "127.0.0.1", listen, limit=1 << 20)


async def control(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(json.dumps(COUNTS).encode() + b"\n")
    COUNTS.update(received=0, sent=0, statements=0)
    await writer.drain()
    writer.close()


async def main() -> None:
    servers = [await asyncio.start_server(control, "127.0.0.1", int(sys.argv[-1]))]
    for argument in sys.argv[1:-1]:
        listen, host, port, kind = argument.split(":")
        servers.append(await forward(int(listen), host, int(port), kind))
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main())
