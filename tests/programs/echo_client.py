#!/usr/bin/env python3
"""Sends REQUESTS lines of random length over ten connections in turn, and reads an answer
to each. usage: echo_client.py PORT REQUESTS"""
import random
import socket
import sys

port, requests = int(sys.argv[1]), int(sys.argv[2])
clients = [socket.create_connection(("127.0.0.1", port)).makefile("rw") for _ in range(10)]
for i in range(requests):
    client = clients[i % 10]
    client.write("%x\n" % random.getrandbits(random.randint(1, 1500)))
    client.flush()
    if not client.readline().startswith("%d " % (i + 1)):
        sys.exit("answer %d is not right" % (i + 1))
