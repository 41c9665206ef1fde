#!/usr/bin/env python3
"""Every command with bad input of many kinds: a status that is not 0, one line on stderr that is deja's, nothing
on stdout. Then what prints: to a full device one line, to a reader that has gone nothing, no colour where
there is no terminal. Makes its recordings in the current directory. Environment: DEJA."""
import json
import os
import re
import shutil
import subprocess
import sys

DEJA = os.environ["DEJA"]
ENV = dict(os.environ, DEJA_DIR=os.path.join(os.getcwd(), "none"), HOME=os.path.join(os.getcwd(), "home"))
# what a command needs before the recording, and after it
BEFORE = {"extract": ["--stream", "1", "-o", "-"], "grep": ["x"], "export": ["--format", "csv"], "report": ["-o", "-"],
          "redact": ["-o", "out.r"], "trim": ["--range", "0s..1s", "-o", "out.t"], "pack": ["-o", "out.deja"],
          "unpack": ["-o", "out.u"], "workspace": ["-o", "out.w"], "annotate": ["--list"]}
AFTER = {"at": ["1s"], "mv": ["elsewhere"]}
NO_RECORDING = {"help", "version", "completion", "ls", "record", "prune"}
NOT_ONES = ["nowhere", "./nowhere", "", "emptydir", "garbage", "emptyfile", "badheader", "/dev/null", "cut.deja"]
WRONG = """
export good | export --format xml good | export --format hdf5 good | export --format csv -o /nodir/x good
extract good | extract --stream 99 -o - good | extract --stream x -o - good | extract --stream 1:both -o - good
extract --stream 1 good | extract --stream 1 -o /nodir/x good | grep | grep ( good | at good | at good never
at good #99999 | step --from x good | step --by -1s good | step --by x good | stat --by colour good
stat --slowest -1 good | stat --compare nowhere good | cat --pid x good | cat --call nosuchcall good
cat --class x good | cat --errno EFOO good | cat --range 2s..1s good | cat --range x good | cat --result a good
cat --fd -1 good | cat --io z good | cat --tid x good | cat -f --stacks good | replay --pace -1 good
replay --pace x good | replay --until x good | report good | report -o emptydir good | report --payload x -o r.html good
annotate --score x=abc good | annotate --delete 99 good | annotate --edit 99 --comment x good
annotate --import garbage good | annotate --at zz --comment x good | annotate --at 1s --range 1s..2s --comment x good
scan --rules nowhere good | redact good | redact --keep x -o o good | redact -o good good | trim good
trim --range x -o o good | trim --sample 0 -o o good | prune --older x | prune --max-total x | prune
pack --policy other good | pack --split x good | completion tcsh | completion | help nocmd | nocmd | record
record --max-size x true | record --max-time x true | record --stacks=zzz true | record -o good true
record --outbound half true | record --redact nowhere true | record -o /nodir/x true | mv good | mv good emptydir/x/y
rm | gdb -g x good | gdb --pid x good | gdb --pace x good | gdb --until x good | workspace --pid x good
info --json=1 good | recover | unpack | unpack -o good good.deja | ps --x | verify --report good
"""
PRINTING = """
cat good | cat --jsonl good | cat --anchors good | info good | info --json good | info --coverage | ps good
streams good | streams --json good | stat good | stat --json good | at good 1ms | step good | grep e good
export --format csv good | export --format pcap good | export --format perfetto good | export --format jsonl good
report -o - good | extract --stream ID:in -o - good | scan --json good | annotate --export good | help | version
completion bash | completion zsh | completion fish
"""
failures = []


def run(args, **how):
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, "env": ENV, **how}
    return subprocess.run([DEJA, *args], timeout=60, **how)


def wrong(args, most=1):
    done = run(args)
    lines = done.stderr.decode(errors="replace").splitlines()
    if not (done.returncode > 0 and 1 <= len(lines) <= most and lines[0].startswith("deja: ") and not done.stdout.strip()):
        failures.append("%s: status %d, %d bytes on stdout, %r" % (" ".join(args), done.returncode, len(done.stdout),
                                                                  done.stderr[:300]))
    return 1


def lines_of(text):
    return [[w for w in part.split(" ") if w] for line in text.strip().splitlines() for part in line.split(" | ")]


def make():
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": True}
    subprocess.run([DEJA, "record", "-q", "-o", "good", "--", "sh", "-c", "cat /etc/hostname; echo hi"], **quiet)
    subprocess.run([DEJA, "pack", "-o", "good.deja", "good"], **quiet)
    os.mkdir("emptydir")
    with open("garbage", "wb") as f:
        f.write(bytes(range(256)) * 20)
    open("emptyfile", "w").close()
    packed = open("good.deja", "rb").read()
    open("cut.deja", "wb").write(packed[:-3000])
    for name in ("badheader", "nostream", "badstream"):
        shutil.copytree("good", name)
    open("badheader/header", "wb").write(b"\x81\xa6format\xcf" + bytes(50))
    os.remove("nostream/p1.zst")
    stream = bytearray(open("badstream/p1.zst", "rb").read())
    stream[len(stream) // 2] ^= 255
    open("badstream/p1.zst", "wb").write(stream)


make()
commands = [m[1] for m in re.finditer(r"^  ([a-z]+) ", run(["help"]).stdout.decode(), re.M)]
assert len(commands) >= 30, commands
count = 0
for command in commands:
    before, after = BEFORE.get(command, []), AFTER.get(command, [])
    count += wrong([command, "--no-such-option", *before, *after]) + wrong([command, "-Z"])
    if command in NO_RECORDING:
        continue
    for name in NOT_ONES:
        if not (command in ("rm", "mv") and name in ("badheader", "cut.deja")):  # it goes, whatever is in it
            count += wrong([command, *before, name, *after])
    if command not in ("gdb", "rm"):
        count += wrong([command, *before, "good", *after, "one", "two", "three"])
    # damage: said, on as many lines as it takes, by whoever reads events
    if command in ("replay", "verify", "cat", "grep", "streams", "extract", "stat", "at", "step", "export", "report", "scan", "redact"):
        for name in ("nostream", "badstream"):
            done = run([command, *before, name, *after])
            if done.returncode <= 0 or not done.stderr.startswith(b"deja: "):
                failures.append("%s %s: status %d, %r" % (command, name, done.returncode, done.stderr[:300]))
for args in lines_of(WRONG):
    count += wrong(args)
listed = json.loads(run(["streams", "--json", "good"]).stdout)
PRINTING = PRINTING.replace("ID:", "%d:" % next(x["id"] for x in listed if x["in_bytes"]))
for args in lines_of(PRINTING):
    with open("/dev/full", "w") as full:
        done = run(args, stdout=full)
    lines = done.stderr.decode().splitlines()
    empty = not run(args).stdout
    if not empty and (done.returncode != 125 or len(lines) != 1 or not lines[0].startswith("deja: ")):
        failures.append("%s >/dev/full: status %d, %r" % (" ".join(args), done.returncode, done.stderr))
    ours, theirs = os.pipe()
    os.close(ours)
    done = run(args, stdout=theirs)
    os.close(theirs)
    if done.stderr or done.returncode < 0:
        failures.append("%s | nobody: status %d, %r" % (" ".join(args), done.returncode, done.stderr))
    if b"\x1b" in run(args).stdout:
        failures.append("%s: colour without a terminal" % " ".join(args))
    count += 3
print(count, "inputs,", len(failures), "failures")
print("\n".join(failures))
sys.exit(bool(failures))
