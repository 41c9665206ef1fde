#!/usr/bin/env python3
"""Drives gdb's machine interface as VS Code's C/C++ extension does, from the cppdbg
configuration of a workspace file: breakpoint, run, read variables.

    mi_client.py FILE.code-workspace SOURCE:LINE EXPRESSION...

Prints the place of each stop and the value of each expression at the breakpoint."""
import json
import re
import subprocess
import sys


class Gdb:
    def __init__(self, config):
        self.process = subprocess.Popen(
            [config["miDebuggerPath"], "--interpreter=mi"], cwd=config["cwd"], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.token = 1000
        self.stops = []
        self.wait(lambda line: line.startswith("(gdb)"))

    def wait(self, wanted):
        for line in self.process.stdout:
            line = line.rstrip("\n")
            if line.startswith("*stopped"):
                self.stops.append(line)
            if wanted(line):
                return line
        sys.exit("gdb ended")

    def command(self, text, may_fail=False):
        self.token += 1
        head = str(self.token) + "^"
        self.process.stdin.write("%d%s\n" % (self.token, text))
        self.process.stdin.flush()
        line = self.wait(lambda line: line.startswith(head))
        if line.startswith(head + "error") and not may_fail:
            sys.exit("%s: %s" % (text, line))
        return line[len(head):]

    def run(self, text):
        seen = len(self.stops)
        self.command(text)
        if len(self.stops) == seen:
            self.wait(lambda line: line.startswith("*stopped"))
        return self.stops[-1]


def field(line, name):
    found = re.search(r'[{,]%s="((?:[^"\\]|\\.)*)"' % name, line)
    return found.group(1) if found else "?"


def main():
    with open(sys.argv[1]) as f:
        configs = json.load(f)["launch"]["configurations"]
    config = next(c for c in configs if c["type"] == "cppdbg")
    gdb = Gdb(config)
    for text in ("-gdb-set mi-async off", "-gdb-set pagination off"):
        gdb.command(text, may_fail=True)
    for setup in config["setupCommands"]:
        gdb.command(setup["text"], may_fail=setup.get("ignoreFailures", False))
    for setup in config["customLaunchSetupCommands"]:
        gdb.command(setup["text"])
    gdb.command("-break-insert -t main")  # stopAtEntry
    gdb.command("-break-insert -f " + sys.argv[2])
    run = {"exec-continue": "-exec-continue", "exec-run": "-exec-run"}
    stop = gdb.run(run[config["launchCompleteCommand"]])
    print("entry", field(stop, "func"))
    stop = gdb.run("-exec-continue")
    print(field(stop, "reason"), field(stop, "func"), field(stop, "line"))
    gdb.command("-thread-info")
    frames = gdb.command("-stack-list-frames 0 2")
    print("frames", " ".join(re.findall(r'func="([^"]*)"', frames)))
    for expression in sys.argv[3:]:
        made = gdb.command('-var-create - * "%s"' % expression)
        print(expression, "=", field(made, "value"))
    stop = gdb.run("-exec-next")
    print("next", field(stop, "reason"))
    gdb.command("-gdb-exit")
    gdb.process.wait(20)


main()
