#!/usr/bin/env python3
"""Holds what `deja` says of a recording against what others say: the client's log, a count of
the events by another program, tshark, h5py. Environment: DEJA.

usage: check.py streams REC LOG      every connection's bytes are the client's
       check.py requests REC LOG     HTTP requests, by tshark and by `cat --anchors`
       check.py client-streams REC LOG        the same, of a recorded client
       check.py capture REC SHOWN FIELD DECODE...   a field of the packets that tshark shows
       check.py stat REC | at REC | columns REC | perfetto REC | csv REC
"""
import csv
import io
import json
import os
import random
import re
import subprocess
import sys
import tempfile

DEJA = os.environ["DEJA"]


def deja(*args):
    done = subprocess.run([DEJA, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, (args, done.returncode, done.stderr)
    assert not done.stderr, (args, done.stderr)
    return done.stdout


def events(rec):
    return [json.loads(line) for line in deja("cat", "--jsonl", rec).splitlines()]


# --- the client's log ---

def logged(log):
    for name in sorted(os.listdir(log)):
        if name.endswith(".port"):
            base = os.path.join(log, name[:-5])
            yield (int(open(base + ".port").read()), open(base + ".sent", "rb").read(),
                   open(base + ".got", "rb").read())


def streams(rec, log, peer_is_server=False):
    """Extracted streams are what the client sent and got."""
    listed = json.loads(deja("streams", "--class", "net", "--json", rec))
    found = 0
    for port, sent, got in logged(log):
        if peer_is_server:  # the client was recorded: its own end, told by its port where it asked
            mine = [s for s in listed if s["kind"] == "socket" and s["out_bytes"] == len(sent)
                    and s["in_bytes"] == len(got)]
            named = [s for s in mine if s["local"] == "127.0.0.1:%d" % port]
            mine = named or mine
            ways = ("out", sent), ("in", got)
        else:
            mine = [s for s in listed if s["peer"] == "127.0.0.1:%d" % port and s["accepted"]]
            ways = ("in", sent), ("out", got)
        assert len(mine) == 1, (port, len(sent), len(got), mine)
        for way, want in ways:
            have = deja("extract", "--stream", "%d:%s" % (mine[0]["id"], way), "-o", "-", rec)
            assert have == want, (port, way, len(have), len(want))
        found += 1
    assert found, "the log is empty"
    print(found, "connections, every byte the client's")


# --- tshark ---

def tshark(rec, *args):
    capture = tempfile.NamedTemporaryFile(suffix=".pcap")
    capture.write(deja("export", "--format", "pcap", rec))
    capture.flush()
    home = tempfile.mkdtemp()
    done = subprocess.run(["tshark", "-r", capture.name, *args], capture_output=True, text=True,
                          env={"PATH": os.environ["PATH"], "HOME": home, "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def clean_capture(rec):
    """No packet has a wrong checksum or length, none is missing or out of order."""
    bad = tshark(rec, "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE",
                 "-o", "udp.check_checksum:TRUE", "-Y",
                 "tcp.checksum.status==Bad || ip.checksum.status==Bad || udp.checksum.status==Bad "
                 "|| tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment "
                 "|| tcp.analysis.retransmission || tcp.analysis.out_of_order || _ws.malformed")
    assert not bad, bad[:5]


def requests(rec, log):
    want = open(os.path.join(log, "requests")).read().splitlines()
    clean_capture(rec)
    have = [" ".join(line.split("\t")) for line in
            tshark(rec, "-d", "tcp.port==%s,http" % server_port(rec), "-Y", "http.request",
                   "-T", "fields", "-e", "http.request.method", "-e", "http.request.uri")]
    assert sorted(have) == sorted(want), (len(have), len(want), set(want) ^ set(have))
    turns = [json.loads(line)
             for line in deja("cat", "--anchors", "--jsonl", rec).splitlines()]
    heads = [" ".join(t["head"].split(" ")[:2]) for t in turns]
    # tshark tells a request when the last of its body is there, a turn is its first byte.
    assert sorted(heads) == sorted(have), "turns are not the requests"
    assert [t["time"] for t in turns] == sorted(t["time"] for t in turns)
    assert [t["turn"] for t in turns] == list(range(1, len(turns) + 1))
    print(len(have), "requests, by the client's log, by tshark and as turns")


def server_port(rec):
    listening = [s for s in json.loads(deja("streams", "--json", rec)) if s["listening"]]
    return listening[0]["local"].split(":")[1]


# --- counts ---

IN = {"read", "pread64", "readv", "preadv", "recvfrom", "recvmsg"}
OUT = {"write", "pwrite64", "writev", "pwritev", "sendto", "sendmsg"}


def moved(e):
    """The bytes of an event: (in, out)."""
    n = e.get("result", 0)
    if n < 0:
        return 0, 0
    if e["call"] in IN and "MSG_PEEK" not in str(e["args"].get("flags", "")):
        return n, 0
    return 0, n if e["call"] in OUT else 0


def stat(rec):
    """`deja stat` and a count of the JSON lines agree."""
    rows = {}
    for e in events(rec):
        if "call" not in e:
            continue
        row = rows.setdefault(e["call"], {"n": 0, "errors": 0, "in": 0, "out": 0, "durs": []})
        row["n"] += 1
        row["errors"] += "errno" in e
        bytes_in, bytes_out = moved(e)
        row["in"] += bytes_in
        row["out"] += bytes_out
        row["durs"].append(round(e["dur"] * 1e9))
    told = json.loads(deja("stat", "--json", "--slowest", "10", rec))
    assert {r["key"] for r in told["rows"]} == set(rows)
    for r in told["rows"]:
        own = rows[r["key"]]
        durs = sorted(own["durs"])
        assert (r["count"], r["errors"]) == (own["n"], own["errors"]), r
        assert (r["in_bytes"], r["out_bytes"]) == (own["in"], own["out"]), (r, own["in"], own["out"])
        assert abs(r["total_ns"] - sum(durs)) <= len(durs), (r, sum(durs))
        assert abs(r["max_ns"] - durs[-1]) <= 1, (r, durs[-1])
        for q in (50, 90, 99):
            want = durs[max(0, -(-len(durs) * q // 100) - 1)]
            assert abs(r["p%d_ns" % q] - want) <= want * 0.01 + 1, (r, q, want)
    # the streams' bytes, counted by the results of the calls on them
    sums = {}
    for e in events(rec):
        way = [m > 0 for m in moved(e)] if "call" in e else []
        if any(way):
            assert len(e["io"]) == 1 and e["io"][0]["dir"] == ("in" if way[0] else "out"), e
            key = e["io"][0]["id"], e["io"][0]["dir"]
            assert e["io"][0]["offset"] == sums.get(key, 0) and e["io"][0]["len"] == e["result"], (e, sums.get(key))
            sums[key] = sums.get(key, 0) + e["result"]
    listed = json.loads(deja("streams", "-a", "--json", rec))
    assert sums == {(s["id"], way): s[way + "_bytes"] for s in listed for way in ("in", "out") if s[way + "_bytes"]}
    slow = sorted((round(e["dur"] * 1e9) for e in events(rec) if "call" in e), reverse=True)[:10]
    assert [s["dur_ns"] for s in told["slowest"]] == slow[:len(told["slowest"])]
    print(sum(r["n"] for r in rows.values()), "calls counted twice")


# --- the state at a moment, by brute force ---

def take_number(p, fds, fd, e):
    """Its number was free: where it is taken, its close by another thread has not returned yet."""
    late = p.setdefault("late", {})
    late[fd] = (late.get(fd, (0, 0))[0] + (fd in fds), e["time"])


def run_to(all_events, moment_ns, ends):
    """Follows descriptors through the JSON lines, in the plainest way."""
    procs, vforks, waiting = {}, {}, {}
    for e in all_events:
        t = round(e["time"] * 1e9)
        for stream, end in list(ends.items()):
            if end and end < t and stream in procs and end <= moment_ns:
                del procs[stream]
        if t > moment_ns:
            break
        stream, tid, args = e["stream"], e["tid"], e["args"]
        kind, call, result = e.get("kind"), e.get("call"), e.get("result")
        fresh = stream not in procs
        p = procs.setdefault(stream, {"fds": {}, "tids": set()})
        if kind == "image":
            if stream in waiting:
                p["fds"] = waiting.pop(stream)
            elif fresh and stream == 1:
                p["fds"] = {0: False, 1: False, 2: False}
            p["fds"] = {fd: False for fd, cloexec in p["fds"].items() if not cloexec}
            p["tids"] = {tid}
        elif kind == "child":
            p["fds"] = waiting.pop(stream, None) or dict(procs[args["parent_stream"]]["fds"])
            p["tids"] = {tid}
        elif kind == "spawn":
            waiting[args["stream"]] = dict(p["fds"])
        elif kind == "thread" and tid not in p["tids"]:
            vforks.setdefault((stream, tid), dict(p["fds"]))
        fds = vforks.get((stream, tid), p["fds"])
        if kind == "exec" and args["stream"] and not args["external"]:
            waiting[args["stream"]] = dict(fds)
        if not call:
            continue
        if call in ("clone", "vfork", "fork") and result > 0:
            if not vforks.pop((stream, result), None) and "CLONE_THREAD" in str(args.get("flags")):
                p["tids"].add(result)
        elif call in ("exit", "exit_group"):
            if (stream, tid) in vforks:
                del vforks[stream, tid]
                continue
            p["tids"].discard(tid)
            if call == "exit_group" or not p["tids"]:
                del procs[stream]
            continue
        if result is None or result < 0:
            if result == -9 and "fd" in args:
                fds.pop(args["fd"], None)
            continue
        flags = json.dumps(args)
        if call in ("open", "openat", "creat", "socket", "accept4", "accept", "epoll_create1",
                    "eventfd2", "timerfd_create", "memfd_create", "inotify_init1"):
            take_number(p, fds, result, e)
            fds[result] = "CLOEXEC" in flags
        elif call in ("pipe", "pipe2", "socketpair"):
            item = e["items"][0]
            raw = item["text"].encode() if "text" in item else __import__("base64").b64decode(
                item["base64"])
            for i in (0, 4):
                fd = int.from_bytes(raw[i:i + 4], "little")
                take_number(p, fds, fd, e)
                fds[fd] = "CLOEXEC" in flags
        elif call == "dup":
            fds[result] = False
        elif call in ("dup2", "dup3"):
            if args["oldfd"] != args["newfd"]:
                fds[result] = "CLOEXEC" in flags
        elif call == "fcntl" and args["op"] in ("F_DUPFD", "F_DUPFD_CLOEXEC"):
            fds[result] = args["op"] == "F_DUPFD_CLOEXEC"
        elif call == "fcntl" and args["op"] == "F_SETFD":
            fds[args["fd"]] = "FD_CLOEXEC" in str(args["arg"])
        elif call == "ioctl" and args["request"] == "FIOCLEX":
            fds[args["fd"]] = True
        elif call == "close":
            count, opened = p.get("late", {}).get(args["fd"], (0, 0))
            if count and e["time"] - opened < 1:
                p["late"][args["fd"]] = (count - 1, opened)
            else:
                fds.pop(args["fd"], None)
        elif call == "close_range":
            for fd in list(fds):
                if args["first"] <= fd <= args["last"]:
                    if "CLOEXEC" in str(args["flags"]):
                        fds[fd] = True
                    else:
                        del fds[fd]
    return procs, vforks


def in_calls(all_events, moment_ns, procs, vforks):
    """The call each living thread is in."""
    skip = {"thread", "output", "spawn", "exec", "file", "shadow", "note", "memory", "address"}
    state = {(s, tid): None for s, p in procs.items() for tid in p["tids"]}
    state.update({key: None for key in vforks})
    known = set()
    for e in all_events:
        key = e["stream"], e["tid"]
        if round(e["time"] * 1e9) <= moment_ns or key not in state or key in known:
            continue
        if e.get("kind") in skip:
            continue
        known.add(key)
        dur = round(e.get("dur", 0) * 1e9)
        if "call" in e and dur and round(e["time"] * 1e9) - dur <= moment_ns:
            state[key] = e["call"]
    return state


def at(rec):
    """`deja at` and brute force agree at 20 random moments."""
    all_events = events(rec)
    ends = {p["stream"]: p["end_ns"] for p in json.loads(deja("ps", "--json", rec))["processes"]}
    last = round(all_events[-1]["time"] * 1e9)
    rng = random.Random(4711)
    fd_total = thread_total = 0
    for _ in range(20):
        moment = rng.randrange(last)
        procs, vforks = run_to(all_events, moment, ends)
        calls = in_calls(all_events, moment, procs, vforks)
        told = json.loads(deja("at", "--json", rec, "%dns" % moment))
        before = [e for e in all_events if round(e["time"] * 1e9) <= moment]
        assert told["events"] == len(before), (moment, told["events"], len(before))
        assert {p["stream"] for p in told["processes"]} == set(procs), (moment, set(procs))
        for p in told["processes"]:
            have = {f["fd"]: f["cloexec"] for f in p["fds"]}
            assert have == procs[p["stream"]]["fds"], (moment, p["stream"], have,
                                                       procs[p["stream"]]["fds"])
            fd_total += len(have)
            for th in p["threads"]:
                want = calls[p["stream"], th["tid"]]
                assert th.get("call") == want, (moment, th, want)
                thread_total += 1
        assert sum(len(p["threads"]) for p in told["processes"]) == len(calls), moment
        moved_all = [moved(e) for e in before if "call" in e]
        for k, name in enumerate(("in_bytes", "out_bytes")):
            assert told[name] == sum(m[k] for m in moved_all), (moment, name)
    assert fd_total >= 10 and thread_total >= 10, (fd_total, thread_total)
    print("20 moments,", fd_total, "descriptors,", thread_total, "threads as by brute force")


# --- other formats ---

def columns(rec):
    import h5py
    directory = tempfile.mkdtemp()
    path = os.path.join(directory, "e.h5")
    deja("export", "--format", "hdf5", "-o", path, rec)
    file = h5py.File(path)
    table = {name: column[:] for name, column in file["events"].items()}
    all_events = events(rec)
    assert {len(c) for c in table.values()} == {len(all_events)}
    for i, e in enumerate(all_events):
        assert (table["stream"][i], table["event"][i], table["pid"][i], table["tid"][i]) == (
            e["stream"], e["event"], e["pid"], e["tid"]), i
        assert abs(table["time"][i] - e["time"]) < 1e-9
        assert table["call"][i].decode() == e.get("call", e.get("kind")), i
        if "call" in e:
            assert table["result"][i] == e["result"]
            assert abs(table["duration"][i] - e["dur"]) < 1e-9
            assert table["errno"][i].decode() == e.get("errno", "")
    listed = json.loads(deja("streams", "-a", "--json", rec))
    rows = sorted(zip(file["streams/id"][:], file["streams/bytes_in"][:],
                      file["streams/bytes_out"][:]))
    assert rows == [(s["id"], s["in_bytes"], s["out_bytes"]) for s in listed]
    print(len(all_events), "rows of", len(table), "columns")


def perfetto(rec):
    """The trace event format: what each phase must have, and what is in it."""
    trace = json.loads(deja("export", "--format", "perfetto", rec))
    assert isinstance(trace["traceEvents"], list)
    need = {"X": {"ts", "dur", "pid", "tid", "name", "cat"}, "M": {"name", "pid", "args"},
            "C": {"name", "ts", "pid", "args"}, "i": {"ts", "pid", "tid", "name", "s"}}
    slices, named = {}, set()
    for e in trace["traceEvents"]:
        assert need[e["ph"]] <= set(e), e
        for key in ("ts", "dur"):
            assert isinstance(e.get(key, 0), (int, float)) and e.get(key, 0) >= 0, e
        if e["ph"] == "C":
            assert all(isinstance(v, (int, float)) for v in e["args"].values())
        if e["ph"] == "M":
            assert e["args"]["name"]
            named.add((e["pid"], e.get("tid")))
        if e["ph"] == "X":
            slices.setdefault((e["pid"], e["tid"]), []).append(e)
    for (pid, tid), of_thread in slices.items():
        assert (pid, None) in named and (pid, tid) in named
        end = 0
        for s in of_thread:  # a thread is in one call at a time
            assert s["ts"] >= end - 0.002, (end, s)
            end = s["ts"] + s["dur"]
    # Every call of the recording is that slice and no other; so are marks and the sums of bytes.
    recorded = events(rec)
    made = {(s["args"]["stream"], s["args"]["event"]): s for of_thread in slices.values() for s in of_thread}
    calls = [e for e in recorded if "call" in e]
    assert len(made) == sum(len(s) for s in slices.values()) == len(calls)
    for e in calls:
        s = made[e["stream"], e["event"]]
        assert (s["pid"], s["tid"], s["name"]) == (e["pid"], e["tid"], e["call"]), (s, e)
        assert s["args"]["result"] == e["result"] and s["args"].get("errno") == e.get("errno"), (s, e)
        assert abs(s["dur"] - e["dur"] * 1e6) < 0.002 and abs(s["ts"] + s["dur"] - e["time"] * 1e6) < 0.01, (s, e)
    assert all(e["s"] in "gpt" for e in trace["traceEvents"] if e["ph"] == "i")
    sums, last = {}, {}
    for e in recorded:
        for leg in e.get("io", []):
            if "dir" in leg:
                key = e["pid"], leg["dir"]
                sums[key] = sums.get(key, 0) + leg["len"]
    for e in trace["traceEvents"]:
        if e["ph"] == "C" and e["name"] == "bytes":
            before = last.get(e["pid"], {"in": 0, "out": 0, "ts": 0})
            now = dict(e["args"], ts=e["ts"])
            assert set(now) == {"in", "out", "ts"} and all(now[k] >= before[k] for k in now), (before, now)
            last[e["pid"]] = now
    assert sums and all(last[pid][way] == total for (pid, way), total in sums.items()), (sums, last)
    calls = len(calls)
    print(calls, "slices on", len(slices), "threads")


def table(rec):
    rows = list(csv.DictReader(io.StringIO(deja("export", "--format", "csv", rec).decode())))
    all_events = events(rec)
    assert len(rows) == len(all_events)
    for row, e in zip(rows, all_events):
        assert (int(row["stream"]), int(row["event"])) == (e["stream"], e["event"])
        assert row["call"] == e.get("call", e.get("kind")) and row["errno"] == e.get("errno", "")
    assert deja("export", "--format", "jsonl", rec) == deja("cat", "--jsonl", rec)
    print(len(rows), "lines")


def capture(rec, shown, field, *decode):
    clean_capture(rec)
    args = [a for d in decode for a in ("-d", d)]
    for line in tshark(rec, *args, "-Y", shown, "-T", "fields", "-e", field,
                       "-E", "occurrence=a", "-E", "aggregator=/s"):
        print(line)


what, arguments = sys.argv[1], sys.argv[2:]
if what == "client-streams":
    streams(*arguments, peer_is_server=True)
else:
    {"streams": streams, "requests": requests, "stat": stat, "at": at, "columns": columns,
     "perfetto": perfetto, "csv": table, "capture": capture}[what](*arguments)
