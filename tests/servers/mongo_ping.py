#!/usr/bin/env python3
"""Succeeds when the server of MongoDB's protocol at 127.0.0.1:PORT answers a ping with ok: 1.

    mongo_ping.py PORT
"""

import socket
import struct
import sys


def cstring(text: str) -> bytes:
    return text.encode() + b"\0"


def main() -> None:
    fields = b"\x10" + cstring("ping") + struct.pack("<i", 1)
    fields += b"\x02" + cstring("$db") + struct.pack("<i", 6) + cstring("admin") + b"\0"
    document = struct.pack("<i", len(fields) + 4) + fields
    # An OP_MSG (2013): flags, one section of kind 0.
    body = struct.pack("<i", 0) + b"\0" + document
    header = struct.pack("<iiii", 16 + len(body), 1, 0, 2013)
    with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=2) as connection:
        connection.sendall(header + body)
        answer = connection.recv(4096)
    ok = answer.find(b"\x01ok\0")
    if ok < 0 or struct.unpack("<d", answer[ok + 4 : ok + 12])[0] != 1.0:
        sys.exit("no ok in the answer")


main()
