"""The works that tests/bench/run times: what runs, what must be there first, and what issue or
design ask of the row. A work is a dict:

  what      the row's name
  cmd       argv; or for a server `server`: argv, `load`: argv of the load generator that stays
            outside, `rate`: a function from its output to (requests, seconds)
  prepare   called with the working directory before every run
  target    recorded over native at most; `target_ns`: native plus so many ns each; `total_ns`
  per       (name, count): what `extra` is counted in
  strace    argv or load for the run under strace, `part`: of the whole work
  rounds    fewer than asked for, of long works
PORT in an argument becomes the server's port, BIN the directory of the helpers built here.
"""
import importlib
import os
import random
import subprocess
import sys

STRACE_PART = 50  # of the loops, which take minutes under strace


def count(n):
    power = len(str(n)) - 1
    return "10^%d" % power if n == 10 ** power and power > 2 else format(n, ",")


def write(directory, name, text):
    path = os.path.join(directory, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb" if isinstance(text, bytes) else "w") as f:
        f.write(text)


# --- loops ---

def loop(what, mode, n, size=None, **more):
    argv = ["BIN/loop", mode, str(n)] + ([str(size)] if size else [])
    part = ["BIN/loop", mode, str(max(1, n // STRACE_PART))] + argv[3:]
    return dict({"what": what, "cmd": argv, "strace": part, "part": STRACE_PART}, **more)


def calls(n):
    return loop("%s small calls (getppid)" % count(n), "calls", n, per=("call", n), target_ns=60)


def clocks(n):
    return loop("%s clock reads" % count(n), "clocks", n, per=("read", n), total_ns=40)


def io(n):
    return loop("%s 1-KiB writes, read back" % count(n), "io", n, per=("pair", n))


def pingpong(n):
    return loop("%s turns of two threads (mutex, condition)" % count(n), "pingpong", n, per=("turn", n))


def parallel(n):
    return loop("two computing threads", "parallel", n)


def waiting(n):
    return loop("200 threads that mostly wait", "crowd", n, per=("wake-up", n), target=1.10)


# What one event of a class costs, by the loop's own clock: (name, mode, rounds, bytes).
CLASSES = (
    ("small call (getppid)", "calls", 1000000, None),
    ("clock read", "clocks", 1000000, None),
    ("read of 64 B from a file", "reads", 200000, 64),
    ("read of 4 KiB", "reads", 100000, 4096),
    ("read of 64 KiB", "reads", 5000, 65536),
    ("write of 64 B to a file", "writes", 200000, 64),
    ("write of 4 KiB", "writes", 50000, 4096),
    ("write of 64 KiB", "writes", 5000, 65536),
    ("open and close", "opens", 100000, None),
    ("stat", "stats", 200000, None),
    ("futex (wake, nobody waits)", "futexes", 500000, None),
    ("turn of two threads (mutex, condition)", "pingpong", 20000, None),
    ("step of two computing threads", "parallel", 200000000, None),
    ("fork, exec of /bin/true, wait", "spawns", 100, None),
)


def class_input(directory):
    generator = random.Random(1)
    write(directory, "input", bytes(generator.choice(b"abcdefghijklmnopqrstuvw") for _ in range(1 << 20)))


# --- commands ---

def sqlite(n):
    def prepare(directory, port):
        each = 100
        sql = ["create table t (a, b);"]
        for start in range(0, n, each):
            sql += ["begin;"] + ["insert into t values (random(), 'row %d');" % i
                                 for i in range(start, min(n, start + each))] + ["commit;"]
        write(directory, "sql", "\n".join(sql) + "\n")
    return {"what": "sqlite3, %s inserts, 100 a transaction" % count(n), "prepare": prepare,
            "cmd": ["sh", "-c", "sqlite3 t.db <sql"], "target": 1.05}


def python(n):
    names = []
    for name in sorted(sys.stdlib_module_names):
        if name[0] == "_" or name in ("antigravity", "this", "idlelib", "turtle", "turtledemo", "tkinter", "test"):
            continue
        try:
            importlib.import_module(name)
        except Exception:  # not installed here
            continue
        names.append(name)
    names = (names + sorted(m for m in sys.modules if "." in m and m.split(".")[0] in names))[:n]

    def prepare(directory, port):
        write(directory, "imports.py", "".join("import %s\n" % name for name in names))
    return {"what": "python3, %d imports" % len(names), "prepare": prepare,
            "cmd": ["/usr/bin/python3", "imports.py"], "target": 1.15}


def make(n):
    def prepare(directory, port):
        write(directory, "all.h", "#include <math.h>\n#include <regex.h>\n#include <stdio.h>\n"
              "#include <stdlib.h>\n#include <string.h>\n#include <sys/socket.h>\n#include <unistd.h>\n"
              + "".join("int f%d(int);\n" % i for i in range(n)))
        for i in range(n):
            write(directory, "f%d.c" % i, '#include "all.h"\nint f%d(int x)\n{\n\tchar b[64];\n\n'
                  '\tsnprintf(b, sizeof b, "%%d", x * %d);\n\treturn atoi(b) + %s;\n}\n' %
                  (i, i, "f%d(x - 1)" % (i - 1) if i else "(int)strlen(b)"))
        write(directory, "main.c", '#include "all.h"\nint main(int argc, char **argv)\n'
              '{\n\treturn f%d(argc) == (int)strlen(argv[0]);\n}\n' % (n - 1))
        write(directory, "Makefile", "OBJ = main.o $(patsubst %.c,%.o,$(sort $(wildcard f*.c)))\n"
              "p: $(OBJ)\n\t$(CC) -o $@ $^\n%.o: %.c all.h\n\t$(CC) -O2 -Wall -c -o $@ $<\n")
    return {"what": "make -j2 of %d files of C" % (n + 1), "prepare": prepare, "rounds": 3,
            "cmd": ["make", "-s", "-j2"], "target": 1.25}


def bulk(n):
    """Text that compresses by a half or so and never repeats."""
    symbols = bytes(b"0123456789abcdef\n "[i % 18] for i in range(256))

    def prepare(directory, port):
        path = os.path.join(os.path.dirname(directory), "bulk.%d" % n)
        if not os.path.exists(path):
            with open(path, "wb") as f:
                for _ in range(max(1, n >> 20)):
                    f.write(os.urandom(1 << 20).translate(symbols))
            os.sync()
        os.link(path, os.path.join(directory, "bulk"))
    return prepare


def cp(n):
    return {"what": "cp of %d MiB (copy_file_range)" % (n >> 20), "prepare": bulk(n), "rounds": 3,
            "cmd": ["cp", "bulk", "copy"], "target": 1.5, "bulk": n}


def dd(n):
    return {"what": "dd of %d MiB (read and write of 128 KiB)" % (n >> 20), "prepare": bulk(n), "rounds": 3,
            "cmd": ["dd", "if=bulk", "of=copy", "bs=128k", "status=none"], "target": 1.5, "bulk": n}


def digest(n):
    return {"what": "sha256sum of %d MiB" % (n >> 20), "prepare": bulk(n), "rounds": 3,
            "cmd": ["sha256sum", "bulk"], "target": 1.05, "bulk": n}


def compile_(n):
    def prepare(directory, port):
        body = "".join("int f%d(int x) { char b[64]; snprintf(b, sizeof b, \"%%d\", x * %d); "
                       "return atoi(b) + (x > %d ? f%d(x - 1) : 0); }\n" % (i, i, i, i + 1)
                       for i in reversed(range(n)))
        write(directory, "p.c", "#include <math.h>\n#include <regex.h>\n#include <stdio.h>\n"
              "#include <stdlib.h>\n#include <string.h>\n#include <sys/socket.h>\n"
              "#include <unistd.h>\nint f%d(int x) { return x; }\n%s"
              "int main(int argc, char **argv) { return f0(argc) + (int)strlen(argv[0]); }\n" % (n, body))
    return {"what": "a compile (gcc -O2, %d functions)" % n, "cmd": ["gcc", "-O2", "-o", "p", "p.c"],
            "prepare": prepare, "target": 1.05}


def spawn(n):
    return {"what": "%d x /bin/true by sh" % n, "per": ("process", n), "target": 1.5,
            "cmd": ["sh", "-c", "i=0; while [ $i -lt %d ]; do /bin/true; i=$((i + 1)); done" % n]}


def true(n):
    return {"what": "/bin/true once: what every recording costs", "cmd": ["/bin/true"]}


# --- servers: recorded; what asks them is not ---

def redis_rate(n):
    """redis-benchmark --csv: "SET","158000.00",... of n requests each."""
    def rate(text):
        rates = [float(line.split(",")[1].strip('"')) for line in text.splitlines()[1:]]
        return n * len(rates), sum(n / r for r in rates)
    return rate


def redis(what, n, target, *more):
    load = ["redis-benchmark", "-p", "PORT", "-t", "set,get", "-c", "20", "--csv"]
    return {"what": what, "load": load + ["-n", str(n), *more], "rate": redis_rate(n), "target": target,
            "server": ["redis-server", "--port", "PORT", "--save", "", "--appendonly", "no"],
            "strace": load + ["-n", str(max(100, n // 20)), *more],
            "strace_rate": redis_rate(max(100, n // 20))}


def redis_plain(n):
    return redis("redis GET and SET, 20 clients", n, 1.03)


def redis_pipeline(n):
    return redis("redis, the same, pipeline of 16", n, 1.10, "-P", "16")


def wrk_rate(text):
    for line in text.splitlines():
        words = line.split()
        if "requests in" in line:  # "123456 requests in 2.00s, ..."
            return int(words[0]), float(words[3].rstrip("s,"))
    raise RuntimeError("wrk: " + text.strip())


def nginx(n):
    user = subprocess.check_output(["id", "-un"], text=True).strip()

    def prepare(directory, port):
        os.makedirs(os.path.join(directory, "html"))
        write(directory, "html/index.html", "x" * 1024)
        write(directory, "nginx.conf", "user %s;\nworker_processes 2;\ndaemon off;\npid nginx.pid;\n"
              "error_log stderr crit;\nevents { worker_connections 256; }\nhttp {\n access_log off;\n"
              " keepalive_requests 1000000000;\n"
              " client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u;"
              " scgi_temp_path s;\n"
              " server { listen 127.0.0.1:%d; root html; }\n}\n" %
              (user, port))
    wrk = ["wrk", "-t", "1", "-c", "20", "http://127.0.0.1:PORT/index.html", "-d"]
    return {"what": "nginx, static 1 KiB, 2 workers, wrk", "prepare": prepare, "target": 1.05,
            "server": ["nginx", "-p", "WORK", "-c", "WORK/nginx.conf"], "rate": wrk_rate,
            "load": wrk + ["%ds" % n], "strace": wrk + ["1s"]}


def memcached(n):
    user = subprocess.check_output(["id", "-un"], text=True).strip()

    def rate_of(n):
        return lambda text: (n, n / float(text))
    return {"what": "memcached, 4 threads, 9 gets to a set", "target": 1.10,
            "server": ["memcached", "-t", "4", "-l", "127.0.0.1", "-p", "PORT", "-U", "0", "-u", user],
            "load": ["BIN/memload", "PORT", "20", str(n)], "rate": rate_of(n),
            "strace": ["BIN/memload", "PORT", "20", str(max(100, n // 20))],
            "strace_rate": rate_of(max(100, n // 20))}


WORKS = {
    "redis": (redis_plain, 150000), "pipeline": (redis_pipeline, 1000000), "nginx": (nginx, 2),
    "memcached": (memcached, 150000), "sqlite": (sqlite, 100000), "python": (python, 200),
    "make": (make, 100), "cp": (cp, 1 << 30), "dd": (dd, 1 << 28), "sha256": (digest, 1 << 28),
    "calls": (calls, 1000000), "clocks": (clocks, 1000000), "spawn": (spawn, 500),
    "io": (io, 100000), "compile": (compile_, 200), "true": (true, 1),
    "pingpong": (pingpong, 100000), "parallel": (parallel, 400000000), "waiting": (waiting, 20000),
}
