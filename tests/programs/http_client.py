#!/usr/bin/env python3
"""Makes REQUESTS requests, each over a connection of its own, of a fixed and a dynamic page
in turn. usage: http_client.py PORT REQUESTS"""
import http.client
import sys

port, requests = int(sys.argv[1]), int(sys.argv[2])
for i in range(requests):
    conn = http.client.HTTPConnection("127.0.0.1", port)
    conn.request("GET", "/dynamic" if i % 2 else "/page")
    reply = conn.getresponse()
    body = reply.read()
    if reply.status != 200 or (b"random" if i % 2 else b"\n499\n") not in body:
        sys.exit("request %d: status %d, %r" % (i, reply.status, body[:100]))
    conn.close()
