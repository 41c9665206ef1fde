# Random numbers, times, pids, directory listing, hash order, objects keyed by address.
NEED=(python3)
setup() { mkdir d; for i in $(seq 30); do touch d/$RANDOM$i; done; }
CMD=(python3 -c 'import os, random, time, uuid, tempfile, subprocess, datetime
print(random.random(), time.time(), time.monotonic_ns(), os.getpid(), os.urandom(8).hex(), uuid.uuid4())
print(os.listdir("d"), [e.inode() for e in os.scandir("d")][:5])
class Thing: pass
print([hex(id(t)) for t in {Thing() for _ in range(20)}])
print({"a%d" % i for i in range(30)}, hash("text"))
print(tempfile.mkdtemp(dir="."), datetime.datetime.now(), os.times(), os.getloadavg())
print(subprocess.run(["sh", "-c", "echo $$; exit 3"], stdout=subprocess.PIPE))
pid = os.fork()
if pid == 0:
    print("child", os.getpid(), flush=True); os._exit(7)
print(os.waitpid(pid, 0), object())')
