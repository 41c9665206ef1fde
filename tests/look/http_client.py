#!/usr/bin/env python3
"""Makes requests of http_server.py, and keeps what it sent and got, byte for byte.

usage: http_client.py PORT REQUESTS DIR

Several requests to a connection, some connections at once. Leaves in DIR for connection N
N.sent, N.got, N.port (its own port), and `requests`: a line METHOD PATH each, in order of the
answers.
"""
import os
import socket
import sys
import threading

port, total, directory = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
PER_CONNECTION, AT_ONCE = 4, 3
lock = threading.Lock()
log = open(os.path.join(directory, "requests"), "w")


def answer(s, got):
    data = b""
    while b"\r\n\r\n" not in data:
        piece = s.recv(4096)
        assert piece, "closed early"
        data += piece
    head, body = data.split(b"\r\n\r\n", 1)
    length = int([l for l in head.split(b"\r\n") if l.lower().startswith(b"content-length")][0]
                 .split(b":")[1])
    while len(body) < length:
        piece = s.recv(4096)
        assert piece, "closed early"
        data += piece
        body += piece
    got.append(data)


def connection(number):
    s = socket.create_connection(("127.0.0.1", port))
    sent, got = [], []
    for i in range(number * PER_CONNECTION, min(total, (number + 1) * PER_CONNECTION)):
        path = "/item/%d" % i
        if i % 5 == 4:
            body = bytes((i * 7 + k) % 256 for k in range(1000 * (i % 50)))
            line = "POST %s" % path
            request = ("%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
                       % (line, len(body))).encode() + body
        else:
            line = "GET %s" % path
            request = ("%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % line).encode()
        s.sendall(request)
        sent.append(request)
        answer(s, got)
        with lock:
            print(line, file=log)
    base = os.path.join(directory, str(number))
    open(base + ".sent", "wb").write(b"".join(sent))
    open(base + ".got", "wb").write(b"".join(got))
    open(base + ".port", "w").write("%d\n" % s.getsockname()[1])
    s.close()


pending = list(range((total + PER_CONNECTION - 1) // PER_CONNECTION))


def work():
    while True:
        with lock:
            if not pending:
                return
            number = pending.pop(0)
        connection(number)


threads = [threading.Thread(target=work) for _ in range(AT_ONCE)]
for t in threads:
    t.start()
for t in threads:
    t.join()
log.close()
