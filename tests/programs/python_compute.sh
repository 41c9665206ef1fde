# Four threads that compute, with a race: what they print depends on every switch.
NEED=(python3)
CMD=(python3 -c 'import threading
shared = 0
def work(i):
    global shared
    x, d = i, {}
    for k in range(30000):
        x = (x * 1103515245 + 12345 + shared) & 0x7fffffff
        shared = x
        d[x & 1023] = k
    print(i, x, len(d))
threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
for t in threads: t.start()
for t in threads: t.join()
print(shared, id(threads))
import time; print(time.time())')
