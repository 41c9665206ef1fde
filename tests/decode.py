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
    """The subset of msgpack that recordings use: no ext types, no floats needed."""

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


M64 = (1 << 64) - 1
P1, P2, P3, P4, P5 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9,
                      0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)


def rotated(v, n):
    return (v << n | v >> (64 - n)) & M64


def round64(acc, v):
    return rotated((acc + v * P2) & M64, 31) * P1 & M64


def xxh64(data):
    """Seed 0, of 32 bytes or more."""
    acc = [(P1 + P2) & M64, P2, 0, -P1 & M64]
    whole = len(data) // 32 * 32
    for words in struct.iter_unpack("<4Q", data[:whole]):
        acc = [round64(a, w) for a, w in zip(acc, words)]
    h = sum(rotated(a, n) for a, n in zip(acc, (1, 7, 12, 18))) & M64
    for a in acc:
        h = ((h ^ round64(0, a)) * P1 + P4) & M64
    h = (h + len(data)) & M64
    rest = data[whole:]
    while len(rest) >= 8:
        h = (rotated(h ^ round64(0, struct.unpack("<Q", rest[:8])[0]), 27) * P1 + P4) & M64
        rest = rest[8:]
    if len(rest) >= 4:
        h = (rotated(h ^ struct.unpack("<I", rest[:4])[0] * P1 & M64, 23) * P2 + P3) & M64
        rest = rest[4:]
    for b in rest:
        h = rotated(h ^ b * P5 & M64, 11) * P1 & M64
    h = (h ^ h >> 33) * P2 & M64
    h = (h ^ h >> 29) * P3 & M64
    return h ^ h >> 32


ZSTD_MAGIC, SEEK_MAGIC, PIECES_MAGIC = 0xFD2FB528, 0x184D2A5E, 0x184D2A5D


def frame_end(data, at):
    """Of the zstd frame that begins there; and the length of its content."""
    flags = data[at + 4]
    single = flags >> 5 & 1
    size_len = (single, 2, 4, 8)[flags >> 6]
    check(flags & 4 and not flags & 3 and size_len, "a frame without checksum or size")
    at += 5 + (not single)
    content = int.from_bytes(data[at:at + size_len], "little") + (256 if size_len == 2 else 0)
    at += size_len
    while True:
        block = int.from_bytes(data[at:at + 3], "little")
        at += 3 + (1 if block >> 1 & 3 == 1 else block >> 3)
        if block & 1:
            return at + 4, content


class Stream:
    """The stored frames of a file, and before each its pieces frame or None."""

    def __init__(self, path):
        stored = subprocess.run(["zstd", "-dcq", path], check=True, stdout=subprocess.PIPE).stdout
        with open(path, "rb") as f:
            data = f.read()
        self.frames, self.directory = [], os.path.dirname(path)
        at = done = 0
        pieces = None
        while at < len(data):
            magic, n = struct.unpack("<II", data[at:at + 8])
            if magic == PIECES_MAGIC:
                check(pieces is None and n > 4, "a pieces frame in a wrong place")
                pieces = data[at + 8:at + 8 + n]
                at += 8 + n
                continue
            if magic == SEEK_MAGIC:
                break
            check(magic == ZSTD_MAGIC, "something that is no frame")
            at, n = frame_end(data, at)
            self.frames.append((pieces, stored[done:done + n]))
            done += n
            pieces = None
        check(pieces is None, "a pieces frame before no frame")
        check(done == len(stored), "frames that are not as long as they say")

    def content(self):
        return b"".join(stored if pieces is None else self.restored(pieces, stored)
                        for pieces, stored in self.frames)

    def restored(self, pieces, stored):
        out, at, place, shift = [], 0, 0, 0
        for b in pieces[4:]:
            place |= (b & 0x7F) << shift
            shift += 7
            if b & 0x80:
                continue
            out.append(stored[at:at + place])
            reader = Msgpack(stored)
            reader.at = at + place
            out.append(self.piece(*reader.get()))
            at, place, shift = reader.at, 0, 0
        out.append(stored[at:])
        whole = b"".join(out)
        check(shift == 0 and len(whole) == struct.unpack("<I", pieces[:4])[0],
              "a frame that is not as long with its pieces as it says")
        return whole

    def piece(self, stream, frame, offset, n, digest):
        path = os.path.join(self.directory, "p%d.zst" % stream)
        if path not in streams:
            streams[path] = Stream(path)
        frames = streams[path].frames
        check(frame < len(frames), "a reference to a frame that is not there")
        data = frames[frame][1][offset:offset + n]
        check(1024 <= n <= 4194304 and len(data) == n and xxh64(data) & 0xFFFFFFFF == digest,
              "a reference to bytes that are not there")
        references.append(n)
        return (b"\xc5" + struct.pack(">H", n) if n < 65536 else b"\xc6" + struct.pack(">I", n)) + data


streams, references = {}, []  # Stream by path; the lengths of what was referred to


def decode_stream(path):
    """Returns (events, time of the last one)."""
    if path not in streams:
        streams[path] = Stream(path)
    data = streams[path].content()
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
            check(len(event[3]) % 2 == 0 and all(a > 0 for a in event[3][::2])
                  and all(n < 20 or 256 <= n <= 512 for n in event[3][1::2]), "no list of oracles")
        elif kind == TSC:
            check(event[1] >= 0 and event[2] >= -1, "a counter that is none")
        elif kind == INSN:
            check(event[1] in (1, 2, 3, 6, 7) and 0 <= event[2] < 1 << 64, "no such instruction")
            check(event[3] in (0, 1, 2) and (event[3] == 1 or event[2] == 0), "no such flag")
        number += 1
    return number - 1, now


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: decode.py RECORDING")
    recording = sys.argv[1]
    with open(os.path.join(recording, "header"), "rb") as f:
        header = Msgpack(f.read()).get()
    check(header["format"] in (1, 2), "format %s" % header["format"])
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
    check(header["format"] == 2 or not references, "references in format 1")


if __name__ == "__main__":
    try:
        main()
    except (Bad, OSError, KeyError) as e:
        sys.exit("decode.py: %s" % e)
