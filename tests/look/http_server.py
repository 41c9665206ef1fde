#!/usr/bin/env python3
"""A small HTTP/1.1 server, recorded by the tests: a thread for each connection.

usage: http_server.py PORT_FILE REQUESTS

Answers REQUESTS requests, then ends. Writes its port to PORT_FILE.
"""
import http.server
import os
import sys
import threading

left = int(sys.argv[2])
lock = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, body):
        global left
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        with lock:
            left -= 1
            if not left:
                threading.Thread(target=server.shutdown).start()

    def do_GET(self):
        self.answer(("page %s\n" % self.path * (1 + hash(self.path) % 7)).encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(body[::-1])

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(sys.argv[1] + ".new", "w") as f:
    print(server.server_port, file=f)
os.rename(sys.argv[1] + ".new", sys.argv[1])
server.serve_forever()
server.server_close()
