#!/usr/bin/env python3
"""A second decoder of deja's streams, written from tracefmt/FORMAT.md alone: Python's
standard library and `zstd -dc`. Prints one line per stream, `NAME events=N last_ns=T`,
and fails with one line on stderr when a stream breaks a rule of that page.

usage: decode.py RECORDING
"""
import os
import re
import struct
import subprocess
import sys

SYNC, IMAGE, THREAD, SIGNAL, CLOCK, CHILD, EXEC, END = 1, 2, 3, 4, 5, 8, 9, 12
START, PREEMPT, DOMAIN, TSC, INSN = 13, 14, 18, 19, 20
FILE = 11
TIMED = (IMAGE, SIGNAL, CHILD, EXEC, END, START, PREEMPT)  # their second field is dt
FIRST_CALL = 32
CLOCK_COUNT = 18


class Bad(Exception):
    pass


class Msgpack:
    """The subset of msgpack that format 1 uses: no ext types, no floats needed."""

    INTS = {0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q",
            0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q",
            0xCA: ">f", 0xCB: ">d"}

    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, n):
        if self.at + n > len(self.data):
            raise Bad("it ends inside an event")
        self.at += n
        return self.data[self.at - n:self.at]

    def number(self, fmt):
        return struct.unpack(fmt, self.take(struct.calcsize(fmt)))[0]

    def get(self):
        t = self.number(">B")
        if t < 0x80:
            return t
        if t >= 0xE0:
            return t - 0x100
        if t < 0x90:
            return self.pairs(t & 0x0F)
        if t < 0xA0:
            return self.items(t & 0x0F)
        if t < 0xC0:
            return self.take(t & 0x1F).decode("utf-8", "replace")
        if t == 0xC0:
            return None
        if t in (0xC2, 0xC3):
            return t == 0xC3
        if t in self.INTS:
            return self.number(self.INTS[t])
        if t in (0xC4, 0xC5, 0xC6):
            return bytes(self.take(self.number((">B", ">H", ">I")[t - 0xC4])))
        if t in (0xD9, 0xDA, 0xDB):
            n = self.number((">B", ">H", ">I")[t - 0xD9])
            return self.take(n).decode("utf-8", "replace")
        if t in (0xDC, 0xDD):
            return self.items(self.number(">H" if t == 0xDC else ">I"))
        if t in (0xDE, 0xDF):
            return self.pairs(self.number(">H" if t == 0xDE else ">I"))
        raise Bad("type byte 0x%02x" % t)

    def items(self, n):
        return [self.get() for _ in range(n)]

    def pairs(self, n):
        pairs = {}
        for _ in range(n):
            key = self.get()
            pairs[key] = self.get()
        return pairs


def check(condition, what):
    if not condition:
        raise Bad(what)


def decode_stream(path):
    """Returns (events, time of the last one)."""
    data = subprocess.run(["zstd", "-dcq", path], check=True, stdout=subprocess.PIPE).stdout
    unpacker = Msgpack(data)
    number, now, tid, turns = 1, 0, 0, {}
    clocks = [0] * CLOCK_COUNT
    started = False
    while unpacker.at < len(data):
        event = unpacker.get()
        check(isinstance(event, list) and event, "not an event")
        kind = event[0]
        check(isinstance(kind, int) and kind > 0, "an event without an id")
        if kind == SYNC:
            state = [number, now, tid, clocks]
            check(not started or event[1:5] == state,
                  "SYNC before event %d does not agree" % number)
            number, now, tid, clocks = event[1], event[2], event[3], list(event[4])
            started = True
            continue
        check(started, "it does not begin with SYNC")
        if kind >= FIRST_CALL:
            check(len(event) >= 4, "a short call")
            check(event[2] >= 0 and event[1] + event[2] >= 0, "time runs backwards")
            now += event[1] + event[2]
        elif kind in TIMED:
            check(event[1] >= 0, "time runs backwards")
            now += event[1]
        if kind == THREAD:
            tid = event[1]
        elif kind == CLOCK:
            clocks[event[1]] += event[2]
        elif kind == IMAGE:
            tid = event[2].get("tid", tid)
        elif kind == CHILD:
            tid = event[5]
        elif kind == DOMAIN:
            check(0 <= event[1] < 8, "no such domain")
            check(event[2] > turns.get(event[1], 0), "turns run backwards")
            turns[event[1]] = event[2]
        elif kind == FILE and len(event) > 3:
            check(all(a > 0 for a in event[3]), "a oracle at no address")
        elif kind == TSC:
            check(event[1] >= 0 and event[2] >= -1, "a counter that is none")
        elif kind == INSN:
            check(event[1] in (1, 2, 3) and 0 <= event[2] < 1 << 64, "no such instruction")
            check(event[3] in (0, 1, 2) and (event[3] == 1 or event[2] == 0), "no such flag")
        number += 1
    return number - 1, now


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: decode.py RECORDING")
    recording = sys.argv[1]
    with open(os.path.join(recording, "header"), "rb") as f:
        header = Msgpack(f.read()).get()
    check(header["format"] == 1, "format %s" % header["format"])
    names = [n for n in os.listdir(recording) if re.fullmatch(r"(p[1-9][0-9]*|x1)\.zst", n)]
    names.sort(key=lambda n: (n[0], int(n[1:-4])))
    known = {p["stream"]: p for p in header["processes"]}
    for name in names:
        try:
            events, last = decode_stream(os.path.join(recording, name))
            process = known.get(int(name[1:-4])) if name[0] == "p" else None
            if process and process["complete"]:
                check(process["events"] == events, "%d events, the header says %d"
                      % (events, process["events"]))
                check(last <= process["end_ns"], "an event after the process's end")
        except Bad as e:
            sys.exit("decode.py: %s: %s" % (name, e))
        except subprocess.CalledProcessError:
            sys.exit("decode.py: %s: zstd cannot read it" % name)
        print("%s events=%d last_ns=%d" % (name[:-4], events, last))


if __name__ == "__main__":
    try:
        main()
    except (Bad, OSError, KeyError) as e:
        sys.exit("decode.py: %s" % e)
