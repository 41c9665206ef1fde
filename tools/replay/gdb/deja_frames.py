# The stack as the program has it: deja's own frames are unwound through, and not shown. Imported by
# gdb.py.
import gdb
import gdb.unwinder

# preload/patch.c:
STUB_SKIP = 136  # between the stub's stack and the program's: the red zone and a word
TAIL_LEN = 32  # of what was moved behind a stub, before the jump back


class StubUnwinder(gdb.unwinder.Unwinder):
    """The stubs of patched system calls: their caller is the program itself, so that stepping
    over one is stepping over a call."""

    class FrameId:
        def __init__(self, sp, pc):
            self.sp, self.pc = sp, pc

    def __init__(self, replay):
        super().__init__("deja-stubs")
        self.replay = replay

    def __call__(self, pending):
        replay = self.replay
        if not replay.attached:
            return None
        pc = int(pending.read_register("rip"))
        facts = replay.facts
        if not facts or not facts.ours(pc):
            return None
        for start, (tail, to, _) in facts.stubs().items():
            if not start <= pc <= tail + TAIL_LEN:
                continue
            sp = int(pending.read_register("rsp"))
            if start < pc < tail:
                sp += STUB_SKIP
            kind = pending.read_register("rip").type
            info = pending.create_unwind_info(self.FrameId(gdb.Value(sp), gdb.Value(start)))
            info.add_saved_register("rip", gdb.Value(to).cast(kind))
            info.add_saved_register("rsp", gdb.Value(sp).cast(
                pending.read_register("rsp").type))
            for name in ("rbx", "rbp", "r12", "r13", "r14", "r15"):
                info.add_saved_register(name, pending.read_register(name))
            return info
        return None


class OwnFrames:
    """Leaves deja's own frames out of backtraces."""

    def __init__(self, replay):
        self.name, self.priority, self.enabled = "deja", 100, True
        self.replay = replay
        gdb.frame_filters[self.name] = self

    def filter(self, frames):
        facts = self.replay.facts if self.replay.attached else None
        return (f for f in frames if not facts or not facts.ours(f.inferior_frame().pc()))


def show_program(replay):
    """Selects the innermost frame that is the program's."""
    if not replay.alive() or not replay.facts:
        return
    frame = gdb.newest_frame()
    while frame and frame.is_valid() and replay.facts.ours(frame.pc()):
        older = frame.older()
        if not older:
            return
        frame = older
    frame.select()
