#!/usr/bin/env python3
"""Compares a page of `deja report` with the events of `deja cat --jsonl`.

usage: report_check.py PAGE EVENTS [PAYLOAD_MAX]
"""
import base64
import html.parser
import json
import sys

page = open(sys.argv[1], encoding="utf-8").read()
events = [json.loads(line) for line in open(sys.argv[2])]
most = int(sys.argv[3]) if len(sys.argv) > 3 else 256


class Elements(html.parser.HTMLParser):
    """What a browser would make of it: elements with attributes, text of scripts by id."""

    def __init__(self):
        super().__init__()
        self.scripts, self.tags, self.inside = [], [], None

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.inside = [dict(attrs), ""]
            self.scripts.append(self.inside)

    def handle_endtag(self, tag):
        if tag == "script":
            self.inside = None

    def handle_data(self, data):
        if self.inside:
            self.inside[1] += data


e = Elements()
e.feed(page)
assert [s[0].get("id") for s in e.scripts] == ["data", "payload", None], [s[0] for s in e.scripts]
assert not any(tag in ("img", "iframe", "object", "embed", "link", "base") for tag, _ in e.tags), "a foreign element"
assert not any(k in ("src", "href", "action") or k.startswith("on") for _, a in e.tags for k in a), "a reference"
policy = [a["content"] for tag, a in e.tags if tag == "meta" and "http-equiv" in a]
assert len(policy) == 1 and "default-src 'none'" in policy[0] and "unsafe" not in policy[0], policy
own = e.scripts[2][1] + page[: page.index('<script type="application/json"')]
assert "http:" not in own and "https:" not in own and "@import" not in own and "fetch(" not in own

d = json.loads(e.scripts[0][1])
n = d["count"]
assert n == len(events) > 0, (n, len(events))
columns = "number thread end dur id error class io in out pieces line".split()
assert all(len(d[c]) == n for c in columns), {c: len(d[c]) for c in columns}
payload, at, now, carried = e.scripts[1][1], 0, 0, 0
for i, ev in enumerate(events):
    now += d["end"][i]
    assert d["number"][i] == ev["event"] and d["threads"][d["thread"][i]][2] == ev["tid"], (i, ev)
    assert abs(now / 1e9 - ev["time"]) < 2e-9, (i, now, ev["time"])
    assert d["names"][str(d["id"][i])] == ev.get("call", ev.get("kind")), (i, ev)
    assert (d["error"][i] != 0) == ("errno" in ev), (i, ev)
    bytes_in = [d["out"][i], d["in"][i]]
    for k in range(0, len(d["pieces"][i] or []), 3):
        what, stored, whole = d["pieces"][i][k : k + 3]
        size = (stored + 2) // 3 * 4
        piece = base64.b64decode(payload[at : at + size], validate=True)
        at += size
        assert len(piece) == stored == min(most, whole), (i, what, stored, whole)
        if ev.get("call") in ("recvfrom", "sendto", "read", "write") and what < 2:
            item = [x for x in ev["items"] if "text" in x or "base64" in x][0]
            data = item["text"].encode() if "text" in item else base64.b64decode(item["base64"])
            assert data[:most] == piece and len(data) == whole, (i, piece, data)
            carried += 1
assert at == len(payload) and carried > 0, (at, len(payload), carried)
print(n, "events,", carried, "payloads compared")
