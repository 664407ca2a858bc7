"""Checks the WebSockets of the plugin `socket` with the library `websockets`, over the kinds of cases of the Autobahn
suite: python3 websocket_client.py ws://HOST/api/plugin-endpoints/socket"""

import os
import sys

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Opcode
from websockets.sync.client import connect

BASE = sys.argv[1]
TOKEN = os.environ["HOST_TOKEN"]
MAX_MESSAGE_BYTES = 65536
PATIENCE = 60


def opened(path="/echo", **options):
    return connect(BASE + path, open_timeout=PATIENCE, close_timeout=PATIENCE, **options)


def equal(found, expected, what):
    assert found == expected, f"{what}: found {found!r}, expected {expected!r}"


def raw(socket, opcode, data, fin=True, reserved=False):
    """Sends a frame that the library would refuse to send. Its mask is 0."""
    first = fin << 7 | reserved << 6 | opcode
    length = len(data)
    head = bytes([first, 0x80 | length]) if length < 126 else bytes([first, 0xFF]) + length.to_bytes(8, "big")
    socket.socket.sendall(head + bytes(4) + data)


def closed(socket, what):
    """The code and reason of the close frame that the host sends."""
    try:
        while True:
            socket.recv(timeout=PATIENCE)
    except ConnectionClosed as end:
        assert end.rcvd is not None, f"{what}: the connection ended without a close frame"
        return end.rcvd.code, end.rcvd.reason


def messages():
    with opened() as socket:
        for message in ["", "a", "grüße \U0001f600", "x" * MAX_MESSAGE_BYTES, b"", bytes(range(256)), b"y" * MAX_MESSAGE_BYTES]:
            socket.send(message)
            equal(socket.recv(timeout=PATIENCE), message, "an echo")
        for number in range(500):
            socket.send(str(number))
        for number in range(500):
            equal(socket.recv(timeout=PATIENCE), str(number), "the order of messages")
    equal(socket.protocol.close_rcvd.code, 1000, "the answer to a close")


def fragments():
    def parts(socket):
        for part in ["gr", "", "ü", "ße"]:
            yield part
            # A control frame between the fragments.
            equal(socket.ping().wait(PATIENCE), True, "a ping between fragments")

    with opened() as socket:
        socket.send(parts(socket))
        equal(socket.recv(timeout=PATIENCE), "grüße", "fragments")
        socket.send([b"x" * 16384] * 4)
        equal(socket.recv(timeout=PATIENCE), b"x" * MAX_MESSAGE_BYTES, "large fragments")
        # A character over two fragments.
        raw(socket, Opcode.TEXT, "ü".encode()[:1], fin=False)
        raw(socket, Opcode.CONT, "ü".encode()[1:])
        equal(socket.recv(timeout=PATIENCE), "ü", "a divided character")
        raw(socket, Opcode.PONG, b"unsolicited")
        equal(socket.ping(b"x" * 125).wait(PATIENCE), True, "a large ping")


def violations():
    for what, frames, code in [
        ("invalid UTF-8", [(Opcode.TEXT, b"\xc3\x28")], 1007),
        ("a surrogate", [(Opcode.TEXT, b"\xed\xa0\x80")], 1007),
        ("cut UTF-8", [(Opcode.TEXT, b"\xc3")], 1007),
        ("invalid UTF-8 in a fragment", [(Opcode.TEXT, b"\xf8", False)], 1007),
        ("an invalid reason", [(Opcode.CLOSE, b"\x03\xe8\xc3\x28")], 1007),
        ("a large message", [(Opcode.BINARY, b"x" * (MAX_MESSAGE_BYTES + 1))], 1009),
        ("large fragments", [(Opcode.BINARY, b"x" * MAX_MESSAGE_BYTES, False), (Opcode.CONT, b"x")], 1009),
        ("a reserved bit", [(Opcode.TEXT, b"a", True, True)], 1002),
        ("a continuation of nothing", [(Opcode.CONT, b"a")], 1002),
        ("a message in a message", [(Opcode.TEXT, b"a", False), (Opcode.TEXT, b"b")], 1002),
        ("a fragmented ping", [(Opcode.PING, b"", False)], 1002),
        ("a large ping", [(Opcode.PING, b"x" * 126)], 1002),
        ("a close frame of one byte", [(Opcode.CLOSE, b"\x03")], 1002),
    ]:
        with opened() as socket:
            for frame in frames:
                raw(socket, *frame)
            equal(closed(socket, what)[0], code, what)


def close_codes():
    for code in [1000, 1001, 1003, 1007, 1011, 3000, 3999, 4000, 4999]:
        with opened() as socket:
            raw(socket, Opcode.CLOSE, code.to_bytes(2, "big") + b"bye")
            equal(closed(socket, code)[0], code, "the answer to a close")
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]:
        with opened() as socket:
            raw(socket, Opcode.CLOSE, code.to_bytes(2, "big"))
            equal(closed(socket, code)[0], 1002, f"the answer to the invalid code {code}")
    with opened("/bye") as socket:
        equal(closed(socket, "a close of the plugin"), (4001, "bye"), "a close of the plugin")


def handshakes():
    # The library offers permessage-deflate, which the host does not use.
    with opened(subprotocols=["v0", "v1"]) as socket:
        equal(socket.subprotocol, "v1", "the protocol")
        equal(socket.response.headers.get("sec-websocket-extensions"), None, "the extensions")
    with opened("/members", additional_headers={"Authorization": f"Bearer {TOKEN}"}):
        pass
    for path, status in [("/members", 401), ("/refused", 409), ("/nothing", 404)]:
        try:
            opened(path)
        except InvalidStatus as refused:
            equal(refused.response.status_code, status, path)
        else:
            raise AssertionError(f"{path} was not refused")


for case in [messages, fragments, violations, close_codes, handshakes]:
    case()
    print(case.__name__, "passed")
print("all cases passed")
