#!/usr/bin/env python3
"""A relay in front of a server that keeps what passes: the client's log.

usage: relay.py DIR SERVER_PORT [UNIX_PATH]

Listens on a free port of the loopback, written to DIR/port when it does (or on the Unix socket
UNIX_PATH). Connection number N leaves DIR/N.sent, what the client sent, DIR/N.got, what it was
sent, and DIR/N.port, the client's own port.
"""
import os
import socket
import sys
import threading

directory, server_port = sys.argv[1], int(sys.argv[2])


def copy(source, sink, path):
    with open(path, "wb") as log:
        while True:
            try:
                data = source.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                break
            log.write(data)
            log.flush()
            try:
                sink.sendall(data)
            except OSError:
                break
    try:
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve(client, number):
    server = socket.create_connection(("127.0.0.1", server_port))
    base = os.path.join(directory, str(number))
    back = threading.Thread(target=copy, args=(server, client, base + ".got"))
    back.start()
    copy(client, server, base + ".sent")
    back.join()
    client.close()
    server.close()
    os.rename(base + ".port.new", base + ".port")


if len(sys.argv) > 3:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[3])
else:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
listener.listen(64)
with open(os.path.join(directory, "port.new"), "w") as f:
    print(listener.getsockname()[1] if len(sys.argv) <= 3 else 0, file=f)
os.rename(os.path.join(directory, "port.new"), os.path.join(directory, "port"))
count = 0
while True:
    connection, peer = listener.accept()
    count += 1
    with open(os.path.join(directory, "%d.port.new" % count), "w") as f:
        print(peer[1] if len(sys.argv) <= 3 else 0, file=f)
    threading.Thread(target=serve, args=(connection, count), daemon=True).start()
