# What the runtime tells gdb, and the signals that are the runtime's. Imported by gdb.py. What is
# fixed here is fixed in replayer/debug.h (the facts) and preload/patch.c (POOL_LEN, the stubs' code),
# too: gdb has no symbols of ours.
import signal

import gdb

FACTS_AT = 0x550000000000 + (1 << 20) - 4096
FACTS_MAGIC = 0x6A65646762756765
FACTS = ("magic", "text_start", "text_end", "stop", "event_no", "stop_event", "replay_tid",
         "pools", "pool_count", "pool_size", "sites", "site_count", "site_size", "stream",
         "reason", "resume", "thread_tid", "signal", "trap_tsc")
POOL_LEN = 64 * 1024
TAIL_ROOM = 40  # where a stub's jump back is looked for, itself included
REASON_EVENT, REASON_LAST, REASON_DIVERGED, REASON_DIES = 1, 2, 3, 4
SI_USER, SI_TKILL, SI_KERNEL = 0, -6, 0x80


def quiet(command):
    return gdb.execute(command, to_string=True)


def run_quietly(command):
    """A command that lets the process run: gdb tells some stops past to_string."""
    silence("on")
    try:
        return quiet(command)
    finally:
        silence("off")


def silence(state):
    try:
        quiet("set suppress-cli-notifications " + state)
    except gdb.error:  # older than gdb 12
        pass


def words(address, count):
    data = bytes(gdb.selected_inferior().read_memory(address, 8 * count))
    return [int.from_bytes(data[i:i + 8], "little") for i in range(0, len(data), 8)]


def put_word(address, value):
    gdb.selected_inferior().write_memory(address, value.to_bytes(8, "little"))


class Facts:
    """What the runtime tells, as of now. None where there is no replay."""

    def __init__(self):
        for name, value in zip(FACTS, words(FACTS_AT, len(FACTS))):
            setattr(self, name, value)

    @staticmethod
    def read():
        try:
            facts = Facts()
        except gdb.error:
            return None
        return facts if facts.magic == FACTS_MAGIC else None

    def ours(self, pc):
        """Is this an address of deja's code, or of the stubs it has made?"""
        return self.text_start <= pc < self.text_end or self.in_pool(pc)

    def in_pool(self, pc):
        size = self.pool_size // 8
        pools = words(self.pools, size * self.pool_count)
        for i in range(0, len(pools), size):
            end = pools[i + 1]
            if end and end - POOL_LEN <= pc < end:
                return True
        return False

    def stubs(self):
        """start of stub -> (its tail, where it goes on in the program, its site)"""
        size = self.site_size // 8
        sites = words(self.sites, size * self.site_count)
        found = {}
        memory = gdb.selected_inferior().read_memory
        for i in range(0, len(sites), size):
            site, tail, jump = sites[i:i + 3]
            if tail <= 1 or not jump:
                continue
            start = jump + 5 + relative(bytes(memory(jump, 5))[1:])
            code = bytes(memory(tail, TAIL_ROOM))
            for at in range(TAIL_ROOM - 4):
                if code[at] != 0xE9:
                    continue
                to = tail + at + 5 + relative(code[at + 1:at + 5])
                if abs(to - jump) < 64:
                    found[start] = (tail, to, site)
                    break
        return found


def relative(four):
    return int.from_bytes(four, "little", signed=True)


def served(facts):
    return words(facts.event_no, 1)[0]


class Stop(gdb.Breakpoint):
    """At the runtime's debug_stop()."""

    def __init__(self, address):
        super().__init__("*%#x" % address, internal=True)
        self.silent = True
        self.address = address


def at_trap():
    """Has the thread met a trap that is none of gdb's?"""
    try:
        code = int(gdb.parse_and_eval("$_siginfo.si_code"))
        if code != SI_KERNEL:
            return code in (SI_USER, SI_TKILL)
        pc = gdb.newest_frame().pc()
        return bytes(gdb.selected_inferior().read_memory(pc - 1, 1)) == b"\xcc"
    except gdb.error:
        return False


class Signals(gdb.Breakpoint):
    """At the runtime's debug_signal(). Signals of these kinds are mostly ours: crossings that are
    not patched, instructions that a trap stands for, places where a thread is to be stopped.
    gdb lets them pass unseen, until the runtime says that the next is the program's."""

    def __init__(self, facts):
        super().__init__("*%#x" % facts.signal, internal=True)
        self.silent = True
        self.address = facts.signal
        self.trap_passed = False
        self.hidden = {signal.SIGSYS, signal.SIGILL}
        if facts.trap_tsc:
            self.hidden.add(signal.SIGSEGV)
        for signo in self.hidden:
            self.show(signo, False)

    @staticmethod
    def show(signo, shown):
        quiet("handle %s %s pass" % (signal.Signals(signo).name,
                                     "stop print" if shown else "nostop noprint"))

    def stop(self):
        signo = int(gdb.parse_and_eval("(long) $rdi"))
        if signo in self.hidden:
            self.show(signo, True)
        return False

    def seen(self, event):
        """A stop was shown: was it for one of those?"""
        if not isinstance(event, gdb.SignalEvent):
            self.pass_trap(type(event) is gdb.StopEvent and at_trap())
            return
        for signo in self.hidden:
            if event.stop_signal == signal.Signals(signo).name:
                self.show(signo, False)

    def pass_trap(self, passed):
        """The program has a trap of its own: it gets that, but no breakpoint's."""
        if passed != self.trap_passed:
            self.trap_passed = passed
            quiet("handle SIGTRAP " + ("pass" if passed else "nopass"))
