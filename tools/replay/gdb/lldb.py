# The lldb side of `deja workspace`: the command deja-start SETTINGS starts a replay in a session
# of its own and attaches to its process, which waits for that at its beginning.
import json
import os
import subprocess

import lldb

server = None
messages = None


def load_commands(program, pid):
    """lldb takes what was executed, our loader, for the program: here is the recorded one."""
    path = os.path.realpath(program)
    with open(path, "rb") as f:
        fixed = f.read(18)[16] == 2  # ET_EXEC: no slide
    with open("/proc/%s/maps" % pid) as f:
        starts = [int(line.split("-")[0], 16) for line in f
                  if line.rstrip("\n").endswith(" " + path)]
    if not starts:
        return []
    return ["target modules add '%s'" % program,
            "target modules load --file '%s' --slide %#x" % (program, 0 if fixed else min(starts))]


def deja_start(debugger, command, result, internal_dict):
    """deja-start SETTINGS: starts the replay and attaches to it."""
    global server, messages
    with open(command.strip()) as f:
        s = json.load(f)
    read, write = os.pipe()
    os.set_inheritable(write, True)
    server = subprocess.Popen(
        [s["deja"], "gdb", "--serve", str(write), str(s["stream"]), str(s["image_event"]),
         s["pace"], s["recording"]],
        stdin=subprocess.DEVNULL, pass_fds=[write], start_new_session=True)
    os.close(write)
    messages = os.fdopen(read)  # the replay ends when this is closed
    line = messages.readline().split()
    if not line or line[0] != "held":
        result.SetError("deja: the replay ended before the process began")
        return
    tops = sorted(os.listdir(s["sources"])) if os.path.isdir(s["sources"]) else []
    for top in tops:
        one = "settings append target.source-map '/%s' '%s/%s'" % (top, s["sources"], top)
        debugger.GetCommandInterpreter().HandleCommand(one, result)
    for one in (
            "settings append target.debug-file-search-paths " + s["debug"],
            "settings append target.exec-search-paths " + s["names"],
            "process attach --pid " + line[1],
            "process handle SIGSYS SIGILL --pass true --stop false --notify false",
    ):
        debugger.GetCommandInterpreter().HandleCommand(one, result)
        if not result.Succeeded():
            return
    for one in load_commands(s["program"], line[1]) if s["program"] else []:
        debugger.GetCommandInterpreter().HandleCommand(one, result)


def __lldb_init_module(debugger, internal_dict):
    debugger.HandleCommand("command script add -f %s.deja_start deja-start" % __name__)
