# Pool, Queue, Lock, Value, Event, Barrier, Condition, shared_memory, ProcessPoolExecutor.
import multiprocessing
import os
import random
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import shared_memory


def square(n):
    return n * n, os.getpid(), random.random()


def produce(queue, lock, value, count):
    for i in range(count):
        with lock:
            value.value += 1
        queue.put((os.getpid(), i, time.time()))


def race(name, count):
    memory = shared_memory.SharedMemory(name)
    for i in range(count):
        seen = int.from_bytes(memory.buf[:8], "little")
        if i % 10 == 0:
            time.sleep(0)
        memory.buf[:8] = (seen + 1).to_bytes(8, "little")
    memory.close()


def meet(event, barrier, condition):
    event.wait()
    barrier.wait()
    with condition:
        condition.notify_all()


def all_of(context, target, arguments, count=3):
    children = [context.Process(target=target, args=arguments) for _ in range(count)]
    for child in children:
        child.start()
    return children


def join(children):
    for child in children:
        child.join()
        assert child.exitcode == 0


def main():
    context = multiprocessing.get_context(sys.argv[1])
    with context.Pool(3) as pool:
        answers = pool.map(square, range(20), chunksize=2)
        assert [a[0] for a in answers] == [n * n for n in range(20)]
        print([a[1] for a in answers], answers[-1][2])
        for answer in pool.imap_unordered(square, range(10)):
            print(answer)
    queue, lock, value = context.Queue(), context.Lock(), context.Value("i", 0)
    children = all_of(context, produce, (queue, lock, value, 10))
    print([queue.get() for _ in range(30)])
    join(children)
    assert value.value == 30
    memory = shared_memory.SharedMemory(create=True, size=4096)
    join(all_of(context, race, (memory.name, 100)))
    print("raced", int.from_bytes(memory.buf[:8], "little"))
    memory.close()
    memory.unlink()
    with ProcessPoolExecutor(max_workers=2, mp_context=context) as executor:
        print(list(executor.map(square, range(10))))
    event, barrier, condition = context.Event(), context.Barrier(2), context.Condition()
    children = all_of(context, meet, (event, barrier, condition), 1)
    with condition:
        event.set()
        barrier.wait()
        assert condition.wait(20)
    join(children)
    print("done at", time.time())


if __name__ == "__main__":
    main()
