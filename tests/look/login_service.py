#!/usr/bin/env python3
"""A web service with login, recorded by tests/cli/record_redact.sh, and its client.

usage: login_service.py serve PORT_FILE CONF COUNT     answers COUNT requests, then ends
       login_service.py client PORT PASSWORD           logs in, uses the session, once with a wrong password

CONF is an ini file: `password=...` is compared, `password_sha256=...` is compared with the hash of `salt` and
what came.
"""
import hashlib
import http.client
import http.server
import json
import os
import secrets
import sys
import mmap

mode = sys.argv[1]
if mode == "client":
    conn = http.client.HTTPConnection("127.0.0.1", int(sys.argv[2]))

    def ask(method, path, body=None, headers=None):
        conn.request(method, path, body and json.dumps(body), headers or {})
        answer = conn.getresponse()
        return answer.status, answer.headers.get("Set-Cookie"), answer.read()

    status, cookie, _ = ask("POST", "/login", {"user": "bob", "password": sys.argv[3]})
    assert status == 200, status
    status, _, body = ask("GET", "/me", headers={"Cookie": cookie.split(";")[0]})
    assert status == 200 and b"bob" in body, (status, body)
    status, _, _ = ask("POST", "/login", {"user": "bob", "password": "not" + sys.argv[3][3:]})
    assert status == 403, status
    print(cookie.split(";")[0].split("=")[1])
    sys.exit(0)

with open(sys.argv[3], "rb") as f:
    # mapped, as some programs read their settings: a stored file of the recording
    text = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)[:].decode()
conf = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
left = int(sys.argv[4])
sessions = {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body, cookie=None):
        global left
        self.send_response(status)
        if cookie:
            self.send_header("Set-Cookie", "session=%s; HttpOnly" % cookie)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        left -= 1
        if not left:
            self.close_connection = True

    def do_POST(self):
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "password" in conf:
            good = said["password"] == conf["password"]
        else:
            good = hashlib.sha256(b"salt" + said["password"].encode()).hexdigest() == conf["password_sha256"]
        print("login of", said["user"], good, flush=True)
        if not good:
            return self.answer(403, b"no\n")
        session = secrets.token_hex(16)
        sessions[session] = said["user"]
        print("mac", hashlib.sha256((said["password"] + session).encode()).hexdigest(), flush=True)
        self.answer(200, b"welcome\n", session)

    def do_GET(self):
        user = sessions.get(self.headers.get("Cookie", "=").split("=")[1])
        self.answer(200 if user else 403, ("you are %s\n" % user).encode())

    def log_message(self, *args):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
with open(sys.argv[2] + ".new", "w") as f:
    print(server.server_port, file=f)
os.rename(sys.argv[2] + ".new", sys.argv[2])
while left:
    server.handle_request()
