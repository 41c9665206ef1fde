"""Plants secrets of many kinds, for tests/cli/redact.sh.

  secrets.py list                 the planted values, one a line: KIND VALUE
  secrets.py config FILE          writes the configuration file
  secrets.py serve PORT_FILE      a web service with login; ends after the client's last request
  secrets.py client PORT          the program that is recorded; its directory has app.ini and planted, the list
"""
import base64
import hashlib
import json
import os
import socket
import sys
import random


def made(kind, alphabet, count):
    """The same value for a kind in every process; no literal that a scanner of sources would find."""
    pick = random.Random("deja " + kind)
    return "".join(pick.choice(alphabet) for _ in range(count))


DIGITS = "0123456789"
LOWER = "abcdefghijklmnopqrstuvwxyz"
ALNUM = LOWER + LOWER.upper() + DIGITS
HEX = "0123456789abcdef"
URLSAFE = ALNUM + "-_"


def luhn(prefix):
    body = prefix + made("card", DIGITS, 15 - len(prefix))
    for last in DIGITS:
        total = 0
        for i, c in enumerate(reversed(body + last)):
            d = int(c) * (2 if i % 2 else 1)
            total += d - 9 if d > 9 else d
        if total % 10 == 0:
            return body + last
    raise AssertionError


SECRETS = {} if sys.argv[1] == "client" else {
    "json-password": made("a", ALNUM, 11) + "7",
    "json-token": made("b", ALNUM, 24),
    "json-nested-secret": made("c", ALNUM, 18),
    "http-bearer": made("d", URLSAFE, 30),
    "http-cookie": made("e", HEX, 32),
    "http-set-cookie": made("f", ALNUM, 26),
    "http-x-api-key": made("g", ALNUM, 28) + "3",
    "basic-password": made("h", ALNUM, 13),
    "query-token": made("i", ALNUM, 20) + "1",
    "form-password": made("j", ALNUM, 12) + "5",
    "url-password": made("k", ALNUM, 14),
    "env-db-password": made("l", ALNUM, 15),
    "env-api-token": made("m", ALNUM, 22) + "4",
    "argv-password": made("n", ALNUM, 12),
    "ini-password": made("o", ALNUM, 13) + "2",
    "ini-secret": made("p", ALNUM, 21) + "6",
    "yaml-api-key": made("q", ALNUM, 27) + "8",
    "private-key": made("r", ALNUM + "+/", 64),
    "jwt-signature": made("s", URLSAFE, 43),
    "aws-access-key": made("t", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16),
    "aws-secret": made("u", ALNUM + "/+", 40),
    "github": made("v", ALNUM, 36),
    "gitlab": made("w", ALNUM, 20),
    "slack": made("x", ALNUM, 24),
    "stripe": made("y", ALNUM, 24),
    "google": made("z", URLSAFE, 35),
    "npm": made("aa", ALNUM, 36),
    "sendgrid": made("ab", ALNUM, 22) + "." + made("ac", ALNUM, 43),
    "digitalocean": made("ad", HEX, 64),
    "vault": made("ae", ALNUM, 30),
    "card": luhn("4"),
    "redis-auth": made("af", ALNUM, 16),
    "sql": made("ag", ALNUM, 14),
    "split": made("ah", ALNUM, 40),
    "telegram": "AA" + made("ai", ALNUM, 33),
    "logged": made("aj", ALNUM, 14) + "9",
    "connection-string": made("ak", ALNUM, 15),
    "variable-in-json": made("al", ALNUM, 17) + "3",
    "query-key": made("am", ALNUM, 32) + "2",
    "form-part": made("an", ALNUM, 16),
    "hashed": "$2b$12$" + made("ao", ALNUM + "./", 53),
}


def config_text():
    s = SECRETS
    return "\n".join([
        "[database]", "host = localhost", f"password = {s['ini-password']}", f"client_secret={s['ini-secret']}",
        "", "# yaml", f"api_key: {s['yaml-api-key']}", f"aws_secret_access_key = {s['aws-secret']}",
        f"aws_access_key_id = AKIA{s['aws-access-key']}",
        "-----BEGIN RSA PRIVATE KEY-----", s["private-key"], "-----END RSA PRIVATE KEY-----",
        f"remote = https://bot:{s['url-password']}@git.example.org/x.git",
        f"github = ghp_{s['github']}", f"gitlab = glpat-{s['gitlab']}", f"slack = xoxb-{s['slack']}",
        f"stripe = sk_live_{s['stripe']}", f"google = AIza{s['google']}", f"npm = npm_{s['npm']}",
        f"sendgrid = SG.{s['sendgrid']}", f"ocean = dop_v1_{s['digitalocean']}", f"vault = hvs.{s['vault']}",
        f"card = {s['card']}", f"sql = CREATE USER x IDENTIFIED BY '{s['sql']}'",
        f"bot = 123456789:{s['telegram']}", "colour = blue",
        f"10:31 info: user=bob password={s['logged']} ok", f"Server=db;Uid=bob;Pwd={s['connection-string']};",
        '{"Env": ["PATH=/bin", "DB_PASSWORD=%s"]}' % s["variable-in-json"],
        f"GET /map?zoom=3&key={s['query-key']} HTTP/1.1", '{"password": "%s"}' % s["hashed"],
        'Content-Disposition: form-data; name="user_password"\r\n\r\n' + s["form-part"] + "\r\n--boundary", ""])


def jwt(signature):
    part = [base64.urlsafe_b64encode(json.dumps(x).encode()).rstrip(b"=").decode()
            for x in ({"alg": "HS256", "typ": "JWT"}, {"sub": "4711", "name": "bob"})]
    return ".".join(part + [signature])


def read_request(conn):
    data = b""
    while b"\r\n\r\n" not in data:
        piece = conn.recv(4096)
        if not piece:
            return None, b""
        data += piece
    head, body = data.split(b"\r\n\r\n", 1)
    length = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    while len(body) < length:
        body += conn.recv(4096)
    return head, body


def serve(port_file):
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen()
    with open(port_file + ".new", "w") as f:
        f.write(str(server.getsockname()[1]))
    os.rename(port_file + ".new", port_file)
    server.settimeout(60)
    conn, _ = server.accept()
    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while True:
        head, body = read_request(conn)
        if head is None:
            break
        reply = json.dumps({"user": "bob", "password": SECRETS["json-password"], "access_token": SECRETS["json-token"],
                            "more": {"client_secret": SECRETS["json-nested-secret"]}, "items": [1, 2, 3],
                            "long_token": SECRETS["split"]}).encode()
        answer = (b"HTTP/1.1 200 OK\r\nSet-Cookie: sid=" + SECRETS["http-set-cookie"].encode() +
                  b"; Path=/; HttpOnly\r\nContent-Length: %d\r\n\r\n" % len(reply)) + reply
        cut = answer.index(SECRETS["split"].encode()) + 17  # a secret in two reads
        conn.sendall(answer[:cut])
        conn.recv(1)  # the client's newline
        conn.sendall(answer[cut:])


def client(port):
    # what it knows came in: names that no rule knows, values that later stand in telling places
    s = dict(line.split() for line in open("planted"))
    conf = open("app.ini").read()
    conn = socket.create_connection(("127.0.0.1", int(port)))
    basic = base64.b64encode(b"admin:" + s["basic-password"].encode()).decode()
    form = f"user=bob&password={s['form-password']}"
    for path, headers in [("/login?access_token=" + s["query-token"] + "&page=2", [f"Authorization: Basic {basic}"]),
                          ("/items", [f"Authorization: Bearer {s['http-bearer']}", f"Cookie: lang=en; session={s['http-cookie']}",
                                      f"X-Api-Key: {s['http-x-api-key']}", f"X-Jwt: {jwt(s['jwt-signature'])}"])]:
        request = "\r\n".join([f"POST {path} HTTP/1.1", "Host: x", *headers, f"Content-Length: {len(form)}", "", form])
        conn.sendall(request.encode())
        data = b""
        while s["split"][:17].encode() not in data and b"long_token" not in data[-40:]:
            data += conn.recv(4096)
            if data.endswith(data[-17:]) and b'"long_token": "' in data and len(data.split(b'"long_token": "')[1]) >= 17:
                break
        conn.sendall(b"\n")
        head, body = data.split(b"\r\n\r\n", 1)
        length = int([x for x in head.split(b"\r\n") if x.startswith(b"Content-Length")][0].split(b":")[1])
        while len(body) < length:
            body += conn.recv(4096)
        answer = json.loads(body)
        # what a program does with a secret: shows a part, hashes it, encodes it, sends it on
        print("user", answer["user"], "items", sum(answer["items"]), "password of", len(answer["password"]))
        print("token begins", answer["access_token"][:6], "sha", hashlib.sha256(answer["long_token"].encode()).hexdigest()[:12])
        print("encoded", base64.b64encode(answer["more"]["client_secret"].encode()).decode())
    conn.close()
    print("settings", len(conf), "db", os.environ["DB_PASSWORD"][:3], sys.argv[-1][:12])
    redis = f"*2\r\n$4\r\nAUTH\r\n${len(s['redis-auth'])}\r\n{s['redis-auth']}\r\n"
    with open("redis.log", "w") as f:
        f.write(redis)
    with open("copy.ini", "w") as f:
        f.write(conf)


if sys.argv[1] == "list":
    for name, value in SECRETS.items():
        print(name, value)
elif sys.argv[1] == "config":
    open(sys.argv[2], "w").write(config_text())
elif sys.argv[1] == "serve":
    serve(sys.argv[2])
elif sys.argv[1] == "client":
    client(sys.argv[2])
