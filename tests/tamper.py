#!/usr/bin/env python3
"""Damages a recording in one exact place, leaving everything else consistent (frames, seek
table, SYNC events, header totals), so that only the replay's own checks can find it.

usage: tamper.py flip REC CALL [K]       one bit of what the K-th CALL sent out (from 1)
       tamper.py flip-inbound REC CALL [K]   one bit of what the K-th CALL brought in
       tamper.py result REC CALL [K]     the K-th CALL's result, plus one
       tamper.py drop REC CALL [K]       the K-th CALL is gone
       tamper.py stop REC ADDRESS        the first forced stop is there (hexadecimal)
       tamper.py features REC            the first CPUID's ECX and EDX have all bits set
       tamper.py end REC                 the last event of stream 1 is gone
       tamper.py after REC CALL [K]      stream 1 ends with the K-th CALL
       tamper.py cut REC SHARE           stream 1 ends after this share of its bytes on disk
       tamper.py swap REC OTHER PATH PATH2   the stored file of PATH becomes OTHER's of PATH2
       tamper.py where REC PATH          no damage: the file in REC that holds PATH's contents
       tamper.py count REC [CALL]        no damage: the number of events, or of CALLs

CALL is a name of NUMBERS below, a system call number, or EXEC: that event. Works on stream 1. Prints the
number of the event in question. Python's standard library and zstd(1).
"""
import os
import shutil
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from decode import CHILD, CLOCK, EXEC, FIRST_CALL, IMAGE, INSN, PREEMPT, SYNC, THREAD, TIMED, Msgpack  # noqa: E402

NUMBERS = {"read": 0, "write": 1, "lseek": 8, "pread64": 17, "getpid": 39, "getppid": 110,
           "openat": 257, "getrandom": 318, "uname": 63, "newfstatat": 262, "clone": 56,
           "fork": 57, "vfork": 58, "exit": 60, "exit_group": 231, "EXEC": EXEC - FIRST_CALL}


def pack_head(small, small_max, wide, n):
    """A msgpack length: in the type byte, or behind one of `wide` (type, format)."""
    if n <= small_max:
        return bytes([small | n])
    for kind, fmt in wide:
        if n < 1 << 8 * struct.calcsize(fmt):
            return bytes([kind]) + struct.pack(fmt, n)
    raise ValueError(n)


def pack(value):
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        if 0 <= value < 0x80 or -32 <= value < 0:
            return struct.pack(">b", value)
        forms = [(0xCC, ">B"), (0xCD, ">H"), (0xCE, ">I"), (0xCF, ">Q")] if value > 0 else \
                [(0xD0, ">b"), (0xD1, ">h"), (0xD2, ">i"), (0xD3, ">q")]
        for kind, fmt in forms:
            try:
                return bytes([kind]) + struct.pack(fmt, value)
            except struct.error:
                pass
    if isinstance(value, str):
        data = value.encode()
        return pack_head(0xA0, 31, [(0xD9, ">B"), (0xDA, ">H")], len(data)) + data
    if isinstance(value, bytes):
        return pack_head(0, -1, [(0xC4, ">B"), (0xC5, ">H"), (0xC6, ">I")], len(value)) + value
    if isinstance(value, list):
        return pack_head(0x90, 15, [(0xDC, ">H"), (0xDD, ">I")], len(value)) + \
            b"".join(map(pack, value))
    if isinstance(value, dict):
        return pack_head(0x80, 15, [(0xDE, ">H")], len(value)) + \
            b"".join(pack(k) + pack(v) for k, v in value.items())
    raise TypeError(value)


def load(path):
    with open(path, "rb") as f:
        return Msgpack(f.read()).get()


def store(path, value):
    with open(path, "wb") as f:
        f.write(pack(value))


def load_stream(path):
    data = subprocess.run(["zstd", "-dcq", path], check=True, stdout=subprocess.PIPE).stdout
    unpacker, events = Msgpack(data), []
    while unpacker.at < len(data):
        events.append(unpacker.get())
    return events


def store_stream(path, events):
    """Frames where the SYNC events were, their contents made true again, and a seek table."""
    frames, number, now, tid, clocks = [], 1, 0, 0, None
    for event in events:
        kind = event[0]
        if kind == SYNC:
            if clocks is None:
                number, now, tid, clocks = event[1], event[2], event[3], list(event[4])
            frames.append([[SYNC, number, now, tid, list(clocks)]])
            continue
        frames[-1].append(event)
        if kind >= FIRST_CALL:
            now += event[1] + event[2]
        elif kind in TIMED:
            now += event[1]
        if kind == THREAD:
            tid = event[1]
        elif kind == CLOCK:
            clocks[event[1]] += event[2]
        elif kind == IMAGE:
            tid = event[2].get("tid", tid)
        elif kind == CHILD:
            tid = event[5]
        number += 1
    out, table = b"", b""
    for frame in frames:
        raw = b"".join(map(pack, frame))
        packed = subprocess.run(["zstd", "-cq", "--check", "--stream-size=%d" % len(raw)], input=raw, check=True,
                                stdout=subprocess.PIPE).stdout
        out += packed
        table += struct.pack("<II", len(packed), len(raw))
    table += struct.pack("<IBI", len(frames), 0, 0x8F92EAB1)
    with open(path, "wb") as f:
        f.write(out + struct.pack("<II", 0x184D2A5E, len(table)) + table)
    return number - 1, sum(len(b"".join(map(pack, f))) for f in frames)


def save(rec, events):
    count, length = store_stream(os.path.join(rec, "p1.zst"), events)
    header = load(os.path.join(rec, "header"))
    process = next(p for p in header["processes"] if p["stream"] == 1)
    header["events"] += count - process["events"]
    header["bytes"] += length - process["bytes"]
    process["events"], process["bytes"] = count, length
    store(os.path.join(rec, "header"), header)


def find(events, call, k):
    """The index and the event's number of the k-th call in the stream."""
    wanted = FIRST_CALL + (NUMBERS[call] if call in NUMBERS else int(call))
    number = 0
    for i, event in enumerate(events):
        number += event[0] != SYNC
        if event[0] == wanted:
            k -= 1
            if k == 0:
                return i, number
    sys.exit("tamper.py: the recording has too few calls of %s" % call)


def flip(event, inbound):
    """One bit of the event's first or last item that has bytes (or a digest)."""
    items = [i for i in range(4, len(event)) if isinstance(event[i], bytes) and event[i]]
    if not items and not inbound:
        event[-1] ^= 1  # a digest
        return
    i = items[-1] if inbound else items[0]
    event[i] = event[i][:-1] + bytes([event[i][-1] ^ 1])


def stored(files, path):
    """The entry of the file whose path ends so."""
    return next(f for f in files if f["path"].endswith(path.encode()))


def swap(rec, other, path, path2):
    mine, theirs = load(os.path.join(rec, "files")), load(os.path.join(other, "files"))
    entry, source = stored(mine, path), stored(theirs, path2)
    for key in ("hash", "size"):
        entry[key] = source[key]
    target = os.path.join(rec, "f", source["hash"])
    if not os.path.exists(target):
        shutil.copy(os.path.join(other, "f", source["hash"]), target)
    store(os.path.join(rec, "files"), mine)


def move_stop(event, address):
    """The place begins with 17 registers, rip the last."""
    place = event[2]
    event[2] = place[:128] + struct.pack("<Q", int(address, 16)) + place[136:]


def main():
    args = sys.argv[1:]
    if len(args) < 2:
        sys.exit(__doc__)
    what, rec = args[0], args[1]
    stream = os.path.join(rec, "p1.zst")
    if what == "cut":
        os.truncate(stream, int(os.path.getsize(stream) * float(args[2])))
        return
    if what == "swap":
        swap(rec, *args[2:5])
        return
    if what == "where":
        print(os.path.join(rec, "f", stored(load(os.path.join(rec, "files")), args[2])["hash"]))
        return
    events = load_stream(stream)
    if what == "count" and len(args) > 2:
        print(sum(e[0] == FIRST_CALL + NUMBERS.get(args[2], -1) for e in events))
        return
    if what in ("count", "end"):
        number = sum(e[0] != SYNC for e in events)
        index = len(events) - 1
    elif what == "stop":
        index = next(i for i, e in enumerate(events) if e[0] == PREEMPT)
        number = sum(e[0] != SYNC for e in events[:index + 1])
        move_stop(events[index], args[2])
    elif what == "features":
        index = next(i for i, e in enumerate(events) if e[0] == INSN and e[1] == 7)
        number = sum(e[0] != SYNC for e in events[:index + 1])
        events[index][2] = (1 << 64) - 1
    else:
        index, number = find(events, args[2], int(args[3]) if len(args) > 3 else 1)
    if what in ("flip", "flip-inbound"):
        flip(events[index], what == "flip-inbound")
    elif what == "result":
        events[index][3] += 1
    elif what in ("drop", "end"):
        del events[index]
    elif what == "after":
        del events[index + 1:]
    elif what not in ("count", "stop", "features"):
        sys.exit(__doc__)
    if what != "count":
        save(rec, events)
    print(number)


if __name__ == "__main__":
    main()
