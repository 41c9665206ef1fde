# The gdb side of `deja gdb`, which sets deja_settings before it has gdb source this file.
#
# A replay is started by `deja gdb --serve` in a session of its own; its process waits in our
# constructor until gdb has attached. The runtime publishes an array of 64-bit words at a fixed
# address (replayer/debug.h); the count of served events is compared there, not here, so that
# running to an event costs nothing for the events before it. deja_facts.py reads that;
# deja_frames.py keeps our frames out of sight.
import atexit
import json
import os
import signal
import subprocess
import sys
import threading

import gdb

sys.path.append(os.path.dirname(os.path.realpath(__file__)))
sys.dont_write_bytecode = True  # where we are installed is no place for it
from deja_facts import (REASON_DIES, REASON_DIVERGED, REASON_EVENT, Facts,  # noqa: E402
                        Signals, Stop, put_word, quiet, run_quietly, served, words)
from deja_frames import OwnFrames, StubUnwinder, show_program  # noqa: E402

NAMED_MAX = 200  # threads
SKIP_STEP = 64  # bytes; no file of ours is shorter
LEAVE_STEPS = 64  # instructions between the end of a crossing and the program


class Replay:
    def __init__(self, settings):
        self.settings = settings
        self.server = self.facts = self.stop = self.signals = self.messages = None
        self.attached = False
        self.pause = None
        self.out_due = False
        self.left = 0  # where the program goes on from a pause
        self.diverged = False
        self.signalled = False  # the last stop was for a signal of the program's
        self.own_run = False  # run_to() is at work: its stops are no pauses

    # --- starting and ending ---

    def start(self):
        s = self.settings
        self.end()
        read, write = os.pipe()
        tty = gdb.parameter("inferior-tty")
        out = open(tty, "wb") if tty else (subprocess.PIPE if s.get("mi") else None)
        self.server = subprocess.Popen(
            [s["deja"], "gdb", "--serve", str(write), str(s["stream"]),
             str(s["image_event"]), s["pace"], s["recording"]],
            stdin=subprocess.DEVNULL, stdout=out, pass_fds=[write], start_new_session=True)
        os.close(write)
        if tty:
            out.close()
        elif s.get("mi"):
            threading.Thread(target=self.forward, args=[self.server.stdout],
                             daemon=True).start()
        self.messages = os.fdopen(read)
        line = self.messages.readline().split()
        if not line or line[0] != "held":
            status = self.server.wait()
            self.server = None
            raise gdb.GdbError("deja: the replay ended before the process began (status %d)"
                               % status)
        self.diverged = False
        run_quietly("attach %s" % line[1])
        self.attached = True
        self.refresh()
        self.skip_own_lines()

    @staticmethod
    def forward(stream):
        """Under MI, stdout is the protocol's: the program's output becomes gdb's."""
        for line in iter(stream.readline, b""):
            text = line.decode("utf-8", "replace")
            gdb.post_event(lambda text=text: gdb.write(text))

    def end(self):
        if self.server:
            try:
                os.killpg(self.server.pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        if self.attached and gdb.selected_inferior().pid:
            try:
                quiet("kill")
            except gdb.error:
                pass
        self.attached = False
        self.facts = None
        if self.server:
            try:
                self.server.wait(10)
            except subprocess.TimeoutExpired:
                self.server.kill()
                self.server.wait()
            self.server = None
        if self.messages:
            self.messages.close()
            self.messages = None

    def refresh(self):
        """Reads the facts again, and stands at the stop of the image that runs now."""
        self.facts = Facts.read()
        if not self.facts:
            raise gdb.GdbError("deja: the process is not at a place where events are counted")
        if not self.stop or not self.stop.is_valid() or \
                self.stop.address != self.facts.stop:
            if self.stop and self.stop.is_valid():
                self.stop.delete()
            self.stop = Stop(self.facts.stop)
        if not self.signals or not self.signals.is_valid() or \
                self.signals.address != self.facts.signal:
            if self.signals and self.signals.is_valid():
                self.signals.delete()
            self.signals = Signals(self.facts)
        return self.facts

    def skip_own_lines(self):
        """Hooks are functions of ours with line numbers: stepping does not enter them."""
        if getattr(self, "skipped", False):
            return
        # objects may have been compiled in several places (a compiler cache)
        tops = set()
        for pc in range(self.facts.text_start, self.facts.text_end, SKIP_STEP):
            symtab = gdb.find_pc_line(pc).symtab
            if symtab:
                tops.add(os.path.dirname(os.path.dirname(symtab.fullname())))
        for top in tops:
            for room in ("preload", "replayer", "tracefmt"):
                quiet("skip -gfi %s/%s/*" % (top, room))
        self.skipped = True

    # --- running ---

    def alive(self):
        return self.attached and gdb.selected_inferior().pid != 0

    def process(self):
        """The recorded process that is looked at: the one asked for, or a child that gdb has
        followed."""
        for p in self.settings["processes"]:
            if self.facts and p["stream"] == self.facts.stream:
                return p
        return self.settings

    def followed(self):
        return self.facts and self.facts.stream != self.settings["stream"]

    def need(self):
        if not self.alive():
            raise gdb.GdbError("deja: the replay is not running; `deja restart` starts it")
        return self.refresh()

    def at_stop(self):
        """True when the selected thread is in debug_stop()."""
        return self.alive() and gdb.newest_frame().pc() == self.facts.stop

    def leave(self, resume):
        """To the program's next instruction, where the thread comes by `resume`."""
        if not resume:
            return
        here = gdb.Breakpoint("*%#x" % resume, internal=True)
        here.silent = True
        here.thread = gdb.selected_thread().global_num
        run_quietly("continue")
        here.delete()
        for _ in range(LEAVE_STEPS):
            if not self.alive() or not self.facts.ours(gdb.newest_frame().pc()):
                return
            run_quietly("stepi")

    def into_program(self):
        """Before stepping from a pause: it is within a crossing."""
        resume, self.left = self.left, 0
        if resume and self.alive() and self.at_stop():
            self.own_run = True
            try:
                self.leave(resume)
            finally:
                self.own_run = False

    def out(self):
        """Stepping has ended in our code: a crossing. Goes on to the program."""
        if not self.alive():
            return
        if gdb.selected_thread().is_running():
            self.out_due = True  # at a prompt the step goes on when its command has returned
            return
        facts = self.refresh()
        frame = gdb.newest_frame()
        if not facts.ours(frame.pc()):
            return
        while frame and facts.ours(frame.pc()):
            frame = frame.older()
        if not frame:
            return
        pc = frame.pc()
        for _, to, site in facts.stubs().values():
            if pc == site + 2:  # now in the middle of a jump
                pc = to
        self.leave(pc)
        show_program(self)
        gdb.execute("frame")

    def run_to(self, event):
        """Runs on until `event` was served. True when it stands there."""
        facts = self.need()
        put_word(facts.stop_event, event)
        self.own_run = True
        try:
            run_quietly("continue")
        finally:
            self.own_run = False
        if not self.alive():
            return False
        if not self.at_stop():
            if self.refresh().stop_event:
                put_word(self.facts.stop_event, 0)
            return False
        if self.refresh().reason == REASON_EVENT:
            self.leave(self.facts.resume)
        show_program(self)
        return True

    def arm(self):
        """Has the runtime stop before the next event that --until or --turns name."""
        if not self.alive():
            return
        event = served(self.refresh())
        self.pause = next((p for p in self.settings["pauses"] if p["event"] - 1 > event), None)
        put_word(self.facts.stop_event, self.pause["event"] - 1 if self.pause else 0)

    def run_to_main(self):
        try:
            gdb.lookup_global_symbol("main") or gdb.parse_and_eval("main")
            place = "-qualified main"
        except gdb.error:  # no symbols: libc is told where main is
            place = None
        if place:
            quiet("tbreak " + place)
            run_quietly("continue")
            return
        quiet("tbreak __libc_start_main")
        run_quietly("continue")
        if self.alive() and not self.at_stop():
            quiet("tbreak *%#x" % int(gdb.parse_and_eval("(unsigned long) $rdi")))
            run_quietly("continue")

    def run_to_crash(self):
        last = self.settings["last_event"]
        while not self.run_to(last):
            if not self.alive() or not self.signalled:
                return
            if self.refresh().reason == REASON_DIES or served(self.facts) >= last:
                return
            # the program caught that signal
        text = ""
        if self.alive() and self.refresh().reason != REASON_DIVERGED:
            text = run_quietly("continue")
        if self.alive():
            gdb.write("".join(l + "\n" for l in text.splitlines()
                              if "received signal" in l))

    def begin(self):
        self.stand()
        self.arm()
        here = served(self.facts) + 1 if self.alive() else 0
        for p in self.settings["pauses"]:
            if p["event"] == here:
                gdb.write(p["text"] + "\n")

    def stand(self):
        s = self.settings
        self.start()
        if s["stop"] == "crash":
            self.run_to_crash()
        elif s["stop"] == "event":
            self.run_to(max(s["event"], 1))
        elif s["is_child"]:
            self.run_to(1)
        elif s["stop"] == "start":
            return
        else:
            self.run_to_main()
        self.tell()

    # --- telling ---

    def ask(self, what, first, count):
        s = self.settings
        return subprocess.run(
            [s["deja"], "gdb", what, str(self.process()["stream"]), str(first), str(count),
             s["recording"]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            check=False).stdout.decode("utf-8", "replace")

    def tell(self):
        if not self.alive():
            gdb.write("deja: the process has ended\n")
            return
        facts = self.refresh()
        if facts.reason == REASON_DIVERGED and self.at_stop():
            gdb.write("deja: the replay diverged here\n")
        show_program(self)
        gdb.execute("frame")


def name_threads():
    """Threads are called by the ids that they had. A new one has its creator's %gs at first."""
    here = gdb.selected_thread()
    offset = replay.facts.thread_tid
    seen = set()
    for thread in sorted(gdb.selected_inferior().threads(), key=lambda t: t.num)[:NAMED_MAX]:
        try:
            if not thread.is_valid():
                continue
            thread.switch()
            own = int(gdb.parse_and_eval("(unsigned long) $gs_base"))
            if not own or own in seen:
                continue
            seen.add(own)
            data = bytes(gdb.selected_inferior().read_memory(own + offset, 4))
        except (gdb.error, RuntimeError):  # it has ended meanwhile
            continue
        tid = str(int.from_bytes(data, "little"))
        words_of = (thread.name or "").split(None, 1)
        if words_of[:1] != [tid]:
            thread.name = " ".join([tid] + [w for w in words_of if not w.isdigit()])
    if here and here.is_valid():
        here.switch()


def on_stop(event):
    if replay.signals:
        replay.signals.seen(event)
        replay.signalled = isinstance(event, gdb.SignalEvent) or replay.signals.trap_passed
    if replay.alive():
        try:
            facts = replay.refresh()
            name_threads()
            if replay.pause and not replay.own_run and facts.reason == REASON_EVENT \
                    and replay.at_stop():
                gdb.write(replay.pause["text"] + "\n")
                replay.left = facts.resume
                replay.arm()
            show_program(replay)
        except (gdb.error, gdb.GdbError, RuntimeError):
            pass
        if replay.out_due:
            replay.out_due = False
            gdb.post_event(replay.out)


def on_go(event):
    if replay.signals:
        replay.signals.pass_trap(False)


def on_inferior(event):
    """With detach-on-fork off gdb would hold the child, and the replay waits for its events."""
    if replay.alive() and not gdb.parameter("detach-on-fork") and \
            not gdb.parameter("schedule-multiple"):
        quiet("set schedule-multiple on")
        gdb.write("deja: parent and child wait for each other's events: both run "
                  "(schedule-multiple is on)\n")


def on_exited(event):
    """A process that gdb has left to follow its child counts as exited, too."""
    replay.attached = any(i.pid for i in gdb.inferiors() if i != event.inferior)


# --- commands ---

class Deja(gdb.Command):
    """Commands for a replay by deja: an event is one crossing between the program and the
world, numbered from 1 in its process."""

    def __init__(self):
        super().__init__("deja", gdb.COMMAND_RUNNING, prefix=True)


def number(text, what):
    try:
        return int(text, 0)
    except ValueError:
        raise gdb.GdbError("deja: %s needs an event's number" % what) from None


class When(gdb.Command):
    """Where the replay stands: the last event served, its time, the thread that runs."""

    def __init__(self):
        super().__init__("deja when", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        facts = replay.need()
        event = served(facts)
        line = replay.ask("--events", event, 1).split(None, 3)
        gdb.write("event %d of %d, at %s s, thread %d of process %d\n" % (
            event, replay.process()["last_event"], line[2] if len(line) > 3 else "?",
            words(facts.replay_tid, 1)[0], replay.process()["pid"]))


class NextEvent(gdb.Command):
    """Runs until the next event was served."""

    def __init__(self):
        super().__init__("deja next-event", gdb.COMMAND_RUNNING)

    def invoke(self, argument, from_tty):
        replay.run_to(served(replay.need()) + 1)
        replay.arm()
        replay.tell()


class RunTo(gdb.Command):
    """deja run-to EVENT: runs until this event was served, from the beginning if it lies
before the present one. Breakpoints on the way stop it."""

    def __init__(self):
        super().__init__("deja run-to", gdb.COMMAND_RUNNING)

    def invoke(self, argument, from_tty):
        event = number(argument, "run-to")
        last = replay.process()["last_event"]
        if event < 1 or event > last:
            raise gdb.GdbError("deja: events go from 1 to %d" % last)
        if not replay.alive() or event <= served(replay.need()):
            if replay.followed():
                raise gdb.GdbError("deja: it lies behind, and gdb has followed a fork; begin "
                                   "again with `deja gdb --pid %d`" % replay.process()["pid"])
            replay.start()
        replay.run_to(event)
        replay.arm()
        replay.tell()


class Events(gdb.Command):
    """deja events [N]: the N events (default 10) before and after the present one."""

    def __init__(self):
        super().__init__("deja events", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        around = number(argument, "events") if argument else 10
        event = served(replay.need())
        first = max(1, event - around)
        for line in replay.ask("--events", first, event - first + 1 + around).splitlines():
            here = line.split(None, 1)[0] == str(event)
            gdb.write("%s%s\n" % ("=>" if here else "  ", line))


class Payload(gdb.Command):
    """deja payload [EVENT]: the bytes that the present event, or this one, carried."""

    def __init__(self):
        super().__init__("deja payload", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        event = number(argument, "payload") if argument else served(replay.need())
        gdb.write(replay.ask("--payload", event, 1))


class Restart(gdb.Command):
    """Starts the replay anew and stands where `deja gdb` was asked to stand. Breakpoints
stay; `run` and `start` do the same."""

    def __init__(self, name="deja restart"):
        super().__init__(name, gdb.COMMAND_RUNNING)

    def invoke(self, argument, from_tty):
        replay.begin()


def configure(settings):
    for command in (
            "confirm off",
            "sysroot " + settings["root"],
            "solib-search-path " + settings["names"],
            "exec-file-mismatch off",
            "startup-with-shell off",
            "print thread-events off",
            "print inferior-events off",
            "auto-load safe-path /",
    ):
        try:
            quiet("set " + command)
        except gdb.error:
            pass
    if os.path.isdir(settings["debug"]):
        quiet("set debug-file-directory %s:%s" % (
            settings["debug"], gdb.parameter("debug-file-directory")))
    if os.path.isdir(settings["sources"]):  # a rule for / itself gdb does not take
        for top in sorted(os.listdir(settings["sources"])):
            quiet('set substitute-path "/%s" "%s/%s"' % (top, settings["sources"], top))
    quiet("handle SIGSYS nostop noprint pass")  # crossings that are not patched
    if settings["program"]:
        try:
            quiet("file " + settings["program"])
        except gdb.error:
            pass


with open(deja_settings) as f:  # noqa: F821 (deja gdb sets it)
    replay = Replay(json.load(f))
configure(replay.settings)
for command in (Deja, When, NextEvent, RunTo, Events, Payload, Restart):
    command()
Restart("run")
Restart("start")
for command in ("step", "next", "stepi", "nexti"):
    gdb.execute("define hook-%s\npython replay.into_program()\nend" % command)
    gdb.execute("define hookpost-%s\npython replay.out()\nend" % command)
OwnFrames(replay)
gdb.unwinder.register_unwinder(None, StubUnwinder(replay), replace=True)
gdb.events.stop.connect(on_stop)
gdb.events.cont.connect(on_go)
gdb.events.new_inferior.connect(on_inferior)
gdb.events.exited.connect(on_exited)
if hasattr(gdb.events, "gdb_exiting"):
    gdb.events.gdb_exiting.connect(lambda event: replay.end())
atexit.register(replay.end)
try:
    replay.begin()
except gdb.GdbError as e:
    gdb.write(str(e) + "\n", gdb.STDERR)
    gdb.execute("quit 122")
