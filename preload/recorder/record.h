/*
 * The recorder inside the process: what its files share. From the ground up: bytes (ring.c), events
 * (shape.c, emit.c), whose turn it is while a call waits (wait.c, crowd.c, pause.c, bounce.c), one call as its row
 * says (generic.c), a file for each family of calls that needs more, which family a call is of
 * (by_hand.c, watched.c), and where calls arrive (fast.c, record.c). Nothing calls upwards; the
 * runtime below calls boundary_* alone.
 */
#ifndef DEJA_PRELOAD_RECORD_H
#define DEJA_PRELOAD_RECORD_H

#include "preload/runtime.h"

/* No other thread or process waits to run program code in memory that is ours as well. */
static inline bool record_alone(void)
{
	return !(RT->multi | RT->domains);
}

/* --- ring.c: bytes into the slot's ring --- */
/* Where `len` bytes can be written in one piece; NULL when the ring's end or its reader is
 * in the way. The caller moves slot->pos on. */
static inline uint8_t *ring_room(struct slot *slot, size_t len)
{
	size_t at = slot->pos & (RING_LEN - 1);

	if (RING_LEN - at < len || (slot->ready < RING_LEN && at + len > slot->ready) ||
	    slot->pos - __atomic_load_n(&slot->tail, __ATOMIC_ACQUIRE) + len > RING_LEN)
		return NULL;
	return slot_ring(slot) + at;
}
/* Appends; waits for the supervisor when the ring is full. Nothing is visible as a whole
 * event before ring_commit. */
void ring_put(struct slot *slot, const void *bytes, size_t len);
/* The supervisor is woken after so many bytes; otherwise it looks by itself. It may run on this
 * processor then, and who waits for our turn would wait for it: where there are such, it is woken
 * outside of turns (ring_kick_aside), unless none ends soon. */
enum { KICK_LEN = 128 * 1024, LATE_KICK_LEN = KICK_LEN + KICK_LEN / 2 };
void ring_kick(struct slot *slot);
static inline void ring_commit(struct slot *slot)
{
	/* the stream has ended, and who comes out of a call now has no turn: events of several would mix */
	if (RT->passthrough)
		return;
	__atomic_store_n(&slot->head, slot->pos, __ATOMIC_RELEASE);
	if (slot->pos - slot->kicked > (record_alone() ? KICK_LEN : LATE_KICK_LEN))
		ring_kick(slot);
}
/* By one that has no turn, so that others may be writing: a hint that comes late does no harm. */
static inline void ring_kick_aside(struct slot *slot)
{
	if (__atomic_load_n(&slot->head, __ATOMIC_RELAXED) - slot->kicked > KICK_LEN)
		ring_kick(slot);
}
/* A remark of the recorder's own, kept in the stream. */
void record_note(struct slot *slot, const char *text);
/* Has the supervisor store the file open at fd (or, fd < 0, at path). 0: it could not. */
uint32_t record_file(struct slot *slot, int fd, const char *path);
/* The same, with what fstat or stat say of it. */
struct stat;
uint32_t record_file_known(struct slot *slot, int fd, const char *path, const struct stat *st);
/* Nobody records any more. */
bool record_supervisor_gone(void);
/* Has the supervisor give this user access to the session. */
void record_let_in(struct slot *slot, int uid);
/* Has the supervisor look whether others than the tree share what we have just mapped. */
void record_shared(struct slot *slot);
/* Has the supervisor take in what external children have written so far. */
void record_drain_externals(struct slot *slot);

/* --- search.c --- */
/* The directories of the program's own library paths that there are. `names` gets each with its
 * length before it, two bytes; returns how many. first: the dynamic linker's objects. */
struct link_map;
unsigned record_search_paths(const struct link_map *first, const char *exe, char *names, size_t room);

/* --- shape.c --- */
/* True: something of this argument must be taken before the call. */
bool record_pre_wanted(const struct tf_arg *a);
/* What is known of a call's row without looking at its arguments one by one. */
enum {
	SHAPE_KNOWN = 1,
	SHAPE_PRE = 2,	 /* something must be taken before the call */
	SHAPE_SUB = 4,	 /* arguments depend on a request */
	SHAPE_ITEMS = 8, /* there is memory to capture */
	SHAPE_FAST = 16, /* may be made by entry.S: nothing else is to be done */
	SHAPE_ROLE = 32, /* ... unless its descriptor has a role or a file is shadowed */
	SHAPE_PLACE = 64, /* ... unless it concerns memory that is the runtime's */
};
uint8_t record_shape_make(const struct tf_call *call);
static inline uint8_t record_shape(const struct tf_call *call)
{
	uint8_t shape = RT->shape[call->nr];

	return shape ? shape : record_shape_make(call);
}

/* --- emit.c: events --- */
/* What had to be taken before the call was made. */
struct record_pre {
	uint32_t capacity[6]; /* value of LENPTR lengths */
	uint32_t len[6];      /* bytes of RTX memory saved; messages */
	uint8_t *bytes[6];    /* NULL: none. Of messages the room of each one's name */
	uint8_t room[4096];
};
void record_pre_take(const struct tf_call *call, const unsigned long args[6],
		     struct record_pre *pre);
/* The event of a call as the program made it: with the kernel's result, the times of its beginning and
 * end (dj_now), and what record_pre_take had to save before; NULL: nothing was. */
void record_emit_call(struct thread *t, const struct tf_call *call,
		      const unsigned long args[6], long result, int64_t t0, int64_t t1,
		      const struct record_pre *pre);
/* The thread runs program code from here on, and no crossing of its own says so. */
void record_runs(struct thread *t);
/* An event of up to three integers after the id, for those that are not calls. */
void record_emit_ints(struct slot *slot, unsigned id, unsigned count, int64_t a, int64_t b,
		      int64_t c);
/* An INSN event (tracefmt/FORMAT.md). */
void record_insn(struct thread *t, unsigned kind, uint64_t value, unsigned flag);
/* Time since the stream's last timed event; moves that on to now. */
static inline int64_t record_dt(struct slot *slot, int64_t now)
{
	int64_t dt = now - slot->last_time_ns;

	slot->last_time_ns = now;
	if (dt < 0) { /* another core's counter; time never runs backwards here */
		slot->last_time_ns -= dt;
		dt = 0;
	}
	return dt;
}
/* The events that follow in the slot are this thread's: says so, where the last ones were another's. */
void record_thread_tell(struct thread *t);
static inline void record_thread_switch(struct thread *t)
{
	if (t->slot->last_tid != t->tid)
		record_thread_tell(t);
}

/* --- wait.c --- */
enum { SLICE_NS = 1000 * 1000 }; /* how long a thread keeps the token while others wait */
/* Makes a call that may wait, without the token. */
long record_wait(struct thread *t, long nr, const unsigned long args[6]);
/* Gives others a turn when this thread has run for long. True: it did. now: dj_now(). */
bool record_share_at(struct thread *t, int64_t now);
static inline bool record_share(struct thread *t)
{
	return record_share_at(t, dj_now());
}

/* --- pause.c --- */
/* sched_yield where others want the turn: they get it, this thread queues up first. False: nobody
 * does, and the kernel is to be asked. */
bool record_yield(struct thread *t);
/* The turn of one who waits in a loop with PAUSE ends. */
void record_spun(struct thread *t);

/* --- generic.c --- */
/* Makes a call as its row says, and records it. */
long record_generic(struct thread *t, const struct tf_call *call, const unsigned long args[6]);
/* Answers without asking the kernel. */
long record_answer(struct thread *t, const struct tf_call *call, const unsigned long args[6], long ret);
/* Before a call that has had no effect: the signal first, then the call again (TF_RESTART). */
long record_interrupted(struct thread *t, const struct tf_call *call, const unsigned long args[6]);
/* Makes a call that the program's filter forbids: the kernel does to it what the filter says. */
long record_forbidden(struct thread *t, const struct tf_call *call, const unsigned long args[6]);

/* --- by_hand.c, watched.c: as record_generic, calls of such rows --- */
long record_by_hand(struct thread *t, struct pregs *p, const struct tf_call *call, const unsigned long args[6]);
long record_watched(struct thread *t, const struct tf_call *call, const unsigned long args[6]);

/* --- roles.c --- */
/* The role of a descriptor of this thread's process. */
static inline uint8_t role_of(const struct thread *t, unsigned long fd)
{
	return fd < FD_ROLE_COUNT ? t->roles[fd] : TF_ROLE_NONE;
}
void role_set(struct thread *t, long fd, uint8_t role);
/* After a call that succeeded: roles follow the descriptors through dup and close. */
void roles_follow(struct thread *t, long nr, const unsigned long a[6], long ret);
/* The role of a descriptor that was opened now: /dev/stdout and its like are the recording's
 * own output under a name. */
uint8_t role_opened(struct thread *t, const struct tf_call *call, const unsigned long args[6], long fd);

/* --- output.c --- */
/* A call that writes to a descriptor with this role. */
long record_output(struct thread *t, const struct tf_call *call, const unsigned long args[6],
		   uint8_t role);
/* Before this thread ends the process: what others are just writing is told first. */
void record_output_settle(struct thread *t);
/* It did not end: outputs go on. */
void record_output_resume(void);

/* --- moved.c --- */
/* sendfile, splice: the bytes that it moved, told before its own event. */
void record_moved(struct thread *t, const struct tf_call *call, const unsigned long args[6],
		  long moved);

/* --- address.c --- */
/* accept, accept4, connect: an address of the connection that the program was not told, before its event. */
void record_address(struct thread *t, const struct tf_call *call, const unsigned long args[6],
		    long ret);

/* --- crowd.c --- */
/* Somebody else had the token when this thread came back. */
void crowd_meet(void);
/* Makes a call that cannot wait, with the token in hand; or false. */
bool crowd_call(struct thread *t, long nr, const unsigned long args[6], long *ret);

/* --- fair.c --- */
/* Before a futex call. True: it wakes one who has been woken in vain, and is to be made by fair_wake. */
bool fair_enter(struct thread *t, const unsigned long args[6]);
long fair_wake(struct thread *t, const struct tf_call *call, const unsigned long args[6]);

/* --- lock.c --- */
long record_mlockall(struct thread *t, const struct tf_call *call, const unsigned long args[6]);

/* --- process.c --- */
/* Each makes the call and records it, in the order that the call needs. The program's result; of
 * clone, fork and vfork in a forked child as well (what shares our memory begins in
 * dj_child_start). */
long record_clone(struct thread *t, struct pregs *p, const unsigned long args[6]);
long record_exit(struct thread *t, struct pregs *p, const unsigned long args[6]);
long record_kill(struct thread *t, struct pregs *p, const unsigned long args[6]);

/* The call as the program made it, unrecorded: when recording has stopped. What the runtime itself
 * needs (signals, children) still passes through our hands. */
long record_passthrough(struct thread *t, struct pregs *p, const unsigned long args[6]);

/* The number of a process's stream that is about to begin. */
static inline uint32_t record_next_stream(void)
{
	return __atomic_fetch_add(&RT->session->next_stream, 1, __ATOMIC_SEQ_CST);
}

/* --- exec.c --- */
/* Makes execve or execveat and records it. Returns only when it failed. */
long record_exec(struct thread *t, struct pregs *p, const unsigned long args[6]);
/* The call itself, with signals and guests as the next image is to find them; after a failure as before. */
long record_exec_make(struct thread *t, long nr, const unsigned long args[6]);
/* After wait4 or waitid: what an external child wrote comes before what we write next. */
void record_waited(struct thread *t, long nr, const unsigned long args[6], long ret);

/* --- give_back.c --- */
enum { ARCH_SET_GS = 0x1001, ARCH_GET_GS = 0x1004 };
/* Recording of this process ends with this reason; it goes on as without us. */
void record_give_back(struct thread *t, const char *reason);
/* ARCH_SET_GS: given back, or refused where there are threads. The program's result. */
long record_set_gs(struct thread *t, const struct tf_call *call, const unsigned long args[6]);
/* ARCH_GET_GS of a program that has not set it. */
long record_get_gs(const unsigned long args[6]);

/* --- seccomp.c --- */
/* Whether the call installs a filter, or the strict mode. */
bool record_is_filter(long nr, const unsigned long args[6]);
/* seccomp, or prctl's PR_SET_SECCOMP. False: it is a call like others. True: it was made,
 * recorded or with recording stopped before it, and *result is the program's. */
bool record_seccomp(struct thread *t, long nr, const unsigned long args[6], long *result);
/* In a process that RT->sandboxed says has one: whether its filters let this call pass. */
bool record_sandbox_allows(long nr, const unsigned long args[6]);

/* --- shadow.c --- */
/* The shadow (0: none) and the stored file of what is mapped from fd. `shared`: with
 * whoever else maps it so; then this process is in one domain with them afterwards. */
uint32_t record_shadow_map(struct thread *t, int fd, bool shared, uint32_t *file);
/* The shadow that this call, about to be made, would change; 0: none. */
uint32_t record_shadow_of(struct thread *t, long nr, const unsigned long args[6]);
/* The flags of open, creat, openat, openat2. */
uint64_t record_open_flags(long nr, const unsigned long args[6]);
/* After an open with these flags, which succeeded. */
void record_shadow_opened(struct thread *t, int fd, uint64_t flags);
/* Makes such a call. */
long record_shadow_change(struct thread *t, const struct tf_call *call,
			  const unsigned long args[6], uint32_t shadow);
long record_shmat(struct thread *t, const struct tf_call *call, const unsigned long args[6]);

/* --- beside.c --- */
/* Memory that the call just recorded has written and its row cannot name. */
void record_memory(struct slot *slot, const void *mem, size_t len);
/* The same, where it need not be readable: its bytes are here. */
void record_memory_at(struct slot *slot, uint64_t addr, const void *bytes, size_t len);
/* What the call's arguments say of it (preload/beside.h). */
void record_beside(struct slot *slot, long nr, const unsigned long args[6]);
/* What semctl(GETALL) wrote. */
void record_semaphores(struct slot *slot, const unsigned long args[6]);

/* --- domain.c --- */
/* The domain for memory that this process is about to share. */
uint32_t record_domain_choose(void);
/* From now on this process runs in turns with the other members. */
void record_domain_join(struct thread *t, uint32_t domain);
/* Before a fork: parent and child share what is mapped so. */
void record_domain_fork(struct thread *t);
/* A signal from a member of a domain. One that is killed is gone when this returns. */
long record_domain_kill(long nr, const unsigned long args[6], int target, int signo);
/* Before exec: the tokens are given away, and nobody asks us to stop any more. */
void record_domains_depart(struct thread *t);

/* --- bounce.c --- */
/* This is mapped shared from now on. */
void record_shared_range(uint64_t addr, uint64_t len);
/* Some of it was, once. */
bool record_is_shared(uint64_t addr, uint64_t len);
/* What the kernel writes for this call lands in shared memory. (Not for calls with sub-rows.) */
bool record_aside_wanted(const struct tf_call *call, const unsigned long args[6]);
/* As record_wait; what the kernel writes into shared memory appears there in our turn. */
long record_wait_aside(struct thread *t, const struct tf_call *call,
		       const unsigned long args[6]);

/* --- reach.c --- */
/* There is text now. */
void reach_code(uint64_t addr, uint64_t len);
/* If this call, about to be made, makes it so. */
void reach_protect(long nr, const unsigned long args[6]);

/* --- view.c --- */
/* Beside TF_ROLE_*: of /proc/PID/status, and of /proc/PID/mem where it may be written. */
enum { ROLE_STATUS = 64, ROLE_MEMORY };
/* That of a descriptor opened by this name. */
uint8_t view_role(const char *path, long fd);
/* Of which process the kernel says that this descriptor is a file; 0: of none. */
int64_t view_process(long fd);
/* Puts a piece of such a file's text right. */
void view_status(uint8_t *text, size_t len);

/* --- mem_file.c --- */
/* Each makes the call and records it: one that writes to a descriptor with ROLE_MEMORY, and
 * process_vm_writev. The program's result. */
long record_memory_write(struct thread *t, const struct tf_call *call, const unsigned long args[6]);
long record_vm_write(struct thread *t, const struct tf_call *call, const unsigned long args[6]);

/* --- preempt.c --- */
/* The last signal has been delivered: the timer that was to stop the thread for it would interrupt
 * its next call. */
void record_signal_waits_no_more(struct thread *t);
/* Before rt_sigreturn. */
void record_probe_abandon(struct thread *t);

/* --- signals.c --- */
/* Before a call with signals caught: whether it is made first after all. Then all signals are blocked
 * until record_put_back_end, or rt_sigprocmask itself. */
bool record_put_back(struct thread *t, const struct tf_call *call, const struct pregs *p);
void record_put_back_end(struct thread *t);

/* --- stack.c --- */
/* A STACK event, before the event of the call that was made here. */
void record_stack(struct thread *t, const struct pregs *p);

/* --- oracles.c --- */
/* Stored file `file` has been mapped from `offset` on: replaces the instructions there that are
 * oracles. */
void record_oracles(uint32_t file, uint64_t at, uint64_t len, uint64_t offset, bool writable);
/* Between two events: has the recording say so if some could not be replaced. */
void record_oracles_tell(struct slot *slot);
/* How many of them are there; and each as two elements of an array in the event being written. */
unsigned record_oracles_count(uint32_t file, uint64_t at, uint64_t len, uint64_t offset);
void record_oracles_put(struct slot *slot, uint32_t file, uint64_t at, uint64_t len,
			uint64_t offset);

/* --- limits.c --- */
/* getrlimit, setrlimit, prlimit64. False: it is a call like others. */
bool record_limits(struct thread *t, const struct tf_call *call, const unsigned long args[6],
		   long *result);

/* --- memory.c --- */
/* Makes mmap and records it; what it maps from a file is stored, and its oracles are replaced. The
 * program's result. */
long record_mmap(struct thread *t, struct pregs *p, const unsigned long args[6]);

#endif
