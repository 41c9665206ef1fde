"""Eight clients that set, get and count: memcached_client.py PORT ROUNDS."""
import random
import socket
import sys
import threading

failed = []


def client():
    try:
        with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as s:
            replies = s.makefile("rb")
            s.sendall(b"add n 0 0 1\r\n0\r\n")
            replies.readline()
            for _ in range(int(sys.argv[2])):
                size = random.randrange(2000)
                s.sendall(b"set k%d 0 0 %d\r\n%s\r\n" % (random.randrange(50), size, b"x" * size))
                assert replies.readline() == b"STORED\r\n"
                s.sendall(b"get k%d\r\n" % random.randrange(50))
                while replies.readline() != b"END\r\n":
                    pass
                s.sendall(b"incr n 1\r\n")
                assert replies.readline().strip().isdigit()
            s.sendall(b"stats\r\n")
            while replies.readline() != b"END\r\n":
                pass
    except Exception as e:
        failed.append(e)


clients = [threading.Thread(target=client) for _ in range(8)]
for c in clients:
    c.start()
for c in clients:
    c.join()
sys.exit(f"{len(failed)} clients failed: {failed[0]!r}" if failed else 0)
