"""A name server: hostN.deja.test is 127.0.0.1, nothing else exists; every third question of a
name is not answered. name_server.py ADDRESS READY-FILE"""
import socket
import struct
import sys

s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 53))
with open(sys.argv[2], "w") as f:
    f.write("x")
asked = 0
while True:
    query, client = s.recvfrom(512)
    asked += 1
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
        at += 1 + query[at]
    question = query[12:at + 5]
    kind = struct.unpack(">H", query[at + 1:at + 3])[0]
    known = labels[1:] == ["deja", "test"] and labels[0].startswith("host")
    if known and asked % 3 == 0 and asked < 10:
        continue
    address = known and kind == 1
    head = struct.pack(">HHHHHH", struct.unpack(">H", query[:2])[0], 0x8180 if known else 0x8183, 1, address, 0, 0)
    record = struct.pack(">HHHIH4B", 0xc00c, 1, 1, 60, 4, 127, 0, 0, 1) if address else b""
    s.sendto(head + question + record, client)
