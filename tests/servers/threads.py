"""Threads, pools, children, asyncio and signals of one Python process: threads.py ROUNDS."""
import asyncio
import concurrent.futures
import queue
import random
import signal
import subprocess
import sys
import threading
import time

racy = 0


def queues():
    work, order, lock = queue.Queue(3), [], threading.Lock()

    def produce(k):
        for i in range(30):
            work.put((k, i, random.random()))

    def consume():
        while (item := work.get()) is not None:
            with lock:
                order.append(item)

    producers = [threading.Thread(target=produce, args=(k,)) for k in range(4)]
    consumers = [threading.Thread(target=consume) for _ in range(3)]
    for t in producers + consumers:
        t.start()
    for t in producers:
        t.join()
    for _ in consumers:
        work.put(None)
    for t in consumers:
        t.join()
    print("order", [item[:2] for item in order], sum(item[2] for item in order))


def races():
    def add():
        global racy
        for _ in range(5000):
            racy = racy + 1

    barrier, event, condition = threading.Barrier(4), threading.Event(), threading.Condition()
    late = []

    def waits(i):
        add()
        barrier.wait()
        event.wait(0.002)
        with condition:
            condition.wait(0.001)
        late.append((i, time.time()))

    threads = [threading.Thread(target=waits, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print("racy", racy, late)


def pools():
    def nap(i):
        time.sleep(random.random() / 200)
        return i, threading.get_native_id()

    def child(i):
        return subprocess.run(["sh", "-c", f"echo child {i} $$; exit {i}"], capture_output=True)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for f in concurrent.futures.as_completed([pool.submit(nap, i) for i in range(20)]):
            print("nap", f.result())
        for run in pool.map(child, range(8)):
            print(run.stdout, run.returncode)
    try:
        subprocess.run(["/nonexistent"])
    except FileNotFoundError as e:
        print(e)


async def tasks():
    async def nap(i):
        await asyncio.sleep(random.random() / 100)
        return i, time.time()

    async def answer(reader, writer):
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()

    async def ask(i):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"hello %d\n" % i)
        text = await reader.read()
        writer.close()
        return text

    print(await asyncio.gather(*[nap(i) for i in range(8)]))
    child = await asyncio.create_subprocess_exec(
        "sh", "-c", "sleep 0.02; echo hi $$; exit 3", stdout=asyncio.subprocess.PIPE)
    print((await child.communicate())[0], child.returncode)
    loop = asyncio.get_running_loop()
    print(await loop.run_in_executor(None, threading.get_native_id))
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(await asyncio.gather(*[ask(i) for i in range(10)]))
    server.close()


def signals():
    hits = []
    signal.signal(signal.SIGALRM, lambda *_: hits.append(time.time()))
    signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
    while len(hits) < 5:
        time.sleep(0.0001)
    signal.setitimer(signal.ITIMER_REAL, 0)
    print(hits)


for number in range(int(sys.argv[1])):
    queues()
    races()
    pools()
    asyncio.run(tasks())
    signals()
    print("round", number, flush=True)
