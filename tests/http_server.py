#!/usr/bin/env python3
"""A web server for the tests: serves a directory on a free loopback port, and pages made
anew for every request at /dynamic (time, random number, request count).

usage: http_server.py DIRECTORY PORT_FILE [REQUESTS]   (0 requests: until it is ended)
"""
import functools
import http.server
import os
import random
import sys
import time


class Handler(http.server.SimpleHTTPRequestHandler):
    count = 0

    def do_GET(self):
        Handler.count += 1
        if not self.path.startswith("/dynamic"):
            return super().do_GET()
        body = ("<html><body>\n<p>request %d at %.6f</p>\n<p>random %016x</p>\n"
                "<p>pid %d serves port %d</p>\n</body></html>\n"
                % (Handler.count, time.time(), random.getrandbits(64), os.getpid(),
                   self.client_address[1])).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, fmt, *args):
        print("port %d: %s" % (self.client_address[1], fmt % args))


def main():
    directory, port_file = sys.argv[1], sys.argv[2]
    requests = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    server = http.server.HTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=directory))
    with open(port_file + ".new", "w") as f:
        print(server.server_port, file=f)
    os.rename(port_file + ".new", port_file)
    while requests == 0 or Handler.count < requests:
        server.handle_request()


if __name__ == "__main__":
    main()
