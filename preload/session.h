/*
 * The session: memory that `deja record` / `deja replay` (the supervisor) shares with
 * every process of the tree. One file in a private directory under /dev/shm, mapped
 * whole by everybody at the same far address; sparse, so that only what is touched
 * exists. Compiled into the runtime and into the tools; plain data, no functions that
 * allocate.
 *
 * Ownership: a slot belongs to one process stream at a time. `head` is written by the
 * process alone, `tail` by the supervisor alone. Everything else says who writes it.
 */
#ifndef DEJA_PRELOAD_SESSION_H
#define DEJA_PRELOAD_SESSION_H

#include <stddef.h>
#include <stdint.h>
#include "mappings.h"
#include "tracefmt/wire.h"

enum {
	SESSION_MAGIC = 0x6a656464,
	SESSION_VERSION = 7,
	SLOT_COUNT = 1024,	/* processes alive at once */
	RING_LEN = 512 * 1024,	/* bytes, a power of two */
	SLOT_HEAD_LEN = 8192,	/* bytes before the ring */
	FD_ROLE_COUNT = 1024,	/* descriptors whose role is tracked */
	FILE_CACHE_COUNT = 2048, /* power of two */
	EXTERNAL_PID_COUNT = 256,
	SHADOW_COUNT = 65536,	/* ever */
	SHADOW_BUCKET_COUNT = 4096, /* a power of two */
	WRITTEN_BIT_COUNT = 65536, /* a power of two */
	ORACLE_FILE_COUNT = 512,
	ORACLE_OFFSET_COUNT = 8192,
	DOMAIN_COUNT = 8,	/* the last takes in all further ones */
	DOMAIN_BELL_COUNT = 128, /* a power of two */
	GUEST_COUNT = 512,	/* of one process */
};

/* Far addresses, outside every range that the kernel hands out by itself or that Go, JVMs or V8
 * reserve. They end where executables begin, which without randomisation is 0x555555554000:
 * that is program memory to the sanitizers (TSan knows its own, their shadows and traces, and
 * 0x550000000000 to 0x568000000000, nothing else). */
#define DJ_PRIVATE 0x550000000000ul /* the runtime's own state, private */
#define DJ_SESSION 0x551000000000ul /* struct session, shared */
#define DJ_VDSO	   0x551100000000ul /* the original vDSO and its data, moved */
#define DJ_LOADER_SESSION 0x551200000000ul /* replay: the session, for the loader */
/* 0x551300000000: the loader itself (Makefile) */
#define DJ_HANDOVER 0x551400000000ul /* replay: struct handover, loader to runtime */
#define DJ_STREAM  0x552000000000ul /* replay: the stream being served */
#define DJ_END	   0x555000000000ul

enum session_mode { SESSION_RECORD = 1, SESSION_REPLAY = 2 };

enum slot_state {
	SLOT_FREE = 0,
	SLOT_CLAIMED, /* reserved by a process about to fork or exec */
	SLOT_RUNNING,
	SLOT_ENDED, /* the process said that it ends; the supervisor frees the slot */
};

/* How the replay of a stream ended. */
enum slot_finished {
	FINISHED_NOT = 0,
	FINISHED_END,	  /* as recorded: exit_group, exec, a fatal signal to itself */
	FINISHED_LAST,	  /* as recorded: exit of the last of several threads. If they gave different
			   * codes, the kernel and the moment choose the process's status */
	FINISHED_CUT,	  /* made a call where the stream has no more: it was killed there */
	FINISHED_STOPPED, /* recording stopped there, the process went on */
};

/* A replayed process and the debugger that is to look at it. */
enum slot_hold {
	HOLD_NOT = 0,
	HOLD_WAITS, /* at its beginning, for a debugger to attach */
	HOLD_GONE_ON,
};
/* slot.waits_seq, when it is no output that a replayed process waits for. */
#define WAITS_DOMAIN (1ull << 62) /* slot.domain_awaited says for what */
#define WAITS_CHILD (1ull << 63) /* and the recorded pid of the child whose end it waits for */

/* Which calls' stacks are taken: by `deja record --stacks` into the stream, in a replay for
 * whoever asked. */
enum { STACK_BYTES_MAX = 8192, STACK_CALL_MAX = 512 };
struct stack_choice {
	uint32_t every; /* of the chosen calls every so many-th; 0: none */
	uint8_t call[STACK_CALL_MAX / 8]; /* bit per call number */
};
/* A call's stack. */
struct stack_taken {
	uint64_t reg[8]; /* rip, rsp, rbp, rbx, r12 ... r15 */
	uint64_t event_no; /* replay: the call's event */
	uint32_t len;	   /* of bytes */
	uint32_t full;	   /* replay, a futex: 1 until the supervisor has read it */
	uint8_t bytes[STACK_BYTES_MAX];
};

/* slot.guest: a process that is about to begin. */
enum { GUEST_COMES = -1 };

enum slot_request {
	REQUEST_NONE = 0,
	REQUEST_FILE,  /* store the file at request_fd or request_path */
	REQUEST_ACCESS, /* give user request_fd access to the session's directory */
	REQUEST_DRAIN, /* take in what external children have written */
	REQUEST_SHARED, /* memory is shared: with somebody outside of the tree? */
};

/* slot_divergence.kind: nothing diverged, the replay cannot be had here; text says why. */
enum { SLOT_CANNOT_RUN = 1000 };

/* What the loader leaves to the runtime. */
struct handover {
	struct mappings maps;
};

/* What a stored file is known by before its content is (all from fstat). */
struct file_identity {
	uint64_t dev, ino, size, mtime_ns, ctime_ns;
};

/* What to do where /dev/shm is full. */
#define SESSION_SHM_ADVICE "make it larger (in a container, --shm-size)"

/* Why a replay stopped. Filled by the process, read by the supervisor, whose struct divergence
 * (tools/replay/report.h) says what each member is. kind: enum divergence_kind
 * (replayer/divergence.h), or SLOT_CANNOT_RUN. */
enum { DIVERGENCE_BYTES = 64 };
struct slot_divergence {
	uint32_t set; /* futex: 1 when the rest is valid */
	uint32_t kind;
	int32_t live_pid;
	int32_t tid;
	uint64_t event_no;
	int64_t nr;
	uint64_t args[6];
	uint32_t arg;
	uint32_t got_len, expected_len;
	uint64_t expected, got, offset;
	uint8_t got_bytes[DIVERGENCE_BYTES], expected_bytes[DIVERGENCE_BYTES];
	char text[256];
	/* the program's registers where it crossed, for its stack; rip 0: not known */
	uint64_t rip, rsp, rbp, rbx, r12, r13, r14, r15;
};

/* RLIMIT_AS, which the process has set (preload/recorder/limits.c): as it gave it, and as the kernel
 * has it. */
struct space_limit {
	uint64_t set; /* 0: nothing of it */
	uint64_t cur, max, kernel_cur, kernel_max; /* bytes */
};

struct slot {
	/* written at claim by the claiming process */
	uint32_t state; /* enum slot_state */
	uint32_t stream;
	uint32_t parent_stream;
	int32_t pid; /* as the process sees itself; 0 until it runs */
	uint32_t passthrough; /* the process goes on unrecorded */
	uint32_t no_memory;   /* because /dev/shm was full */
	int32_t claimer_pid;  /* who claimed it, until pid is known */

	/* ring */
	uint64_t head __attribute__((aligned(64))); /* bytes ever written */
	uint32_t ready; /* bytes of the ring that have memory; shared memory may run out */
	uint64_t pos; /* bytes written, of which those before head are whole events */
	uint64_t piece; /* a head that lies within an event, longer than the room there was; 0: none yet */
	uint64_t kicked; /* pos when the supervisor was last woken */
	int64_t last_time_ns; /* completion of the last timed event */
	int64_t last_tid;
	int64_t clocks[TF_CLOCK_COUNT]; /* ns, as last read; by TF_EV_CLOCK's `which` */
	uint64_t tail __attribute__((aligned(64))); /* bytes ever drained */
	uint32_t tail_seq; /* futex: changes when tail moved and somebody waits */
	uint32_t writer_waits;
	uint32_t domain_bell; /* futex: changes when a domain's token may be had */

	/* requests: the process sets the fields, then the kind, and waits on it; the
	 * supervisor answers with request = 0 (and, for a file, file_id) */
	uint32_t request __attribute__((aligned(64))); /* enum slot_request, a futex */
	int32_t request_fd;
	uint32_t file_id;
	int32_t request_pid;
	struct file_identity request_identity;
	char request_path[1024]; /* when request_fd < 0 */

	/* replay: how far this stream got */
	int32_t live_pid;     /* of the process that replays it */
	uint64_t consumed;    /* bytes */
	uint64_t event_no;    /* events served */
	uint32_t finished;    /* enum slot_finished */
	uint32_t domain_awaited; /* + 1; 0: waits for no domain's turn */
	uint64_t turn_awaited;
	uint32_t hold;	      /* enum slot_hold, a futex */
	uint64_t time_pos;    /* paced: 1 + the position whose event last_time_ns counts */
	uint32_t gated;	      /* paced: waits at the gate */
	uint32_t pacing;      /* paced: sleeps, or waits at the gate */
	uint64_t stop_event;  /* stop for the debugger when so many were served; 0: never */
	uint64_t waits_seq;   /* the output whose turn it waits for, or WAITS_*; 0: it runs */
	struct slot_divergence divergence;

	struct space_limit space; /* recording; inherited */

	/* Processes that share this one's memory (vfork, clone with CLONE_VM alone) and write to its
	 * ring. They may outlive it: the slot is theirs until they are gone. Written by them and by who
	 * made them. 0: none, GUEST_COMES, a pid as the process sees itself, or - pid: it is about to be
	 * another program, which has a slot of its own */
	int32_t guest[GUEST_COUNT];
	uint32_t guests_used; /* no guest from here on was ever there */
	uint32_t orphaned;    /* recording, by the supervisor: the process is gone, its guests are not */
	uint32_t left; /* replay: the process has ended, but for what its guests do */

	uint8_t fd_role[FD_ROLE_COUNT]; /* of each descriptor: TF_ROLE_*, ROLE_STATUS (record.h) */
};

/*
 * An unpacked stream in the session's directory (replay): this head, then slots of one frame
 * each. Frame i lies in slot i % slot_count; a slot is used again when the process is some
 * frames past it, so that the memory stays small and warm. Events never straddle frames.
 */
enum { STREAM_HEAD_LEN = 4096, STREAM_SLOT_MAX = 64, STREAM_KEEP_COUNT = 4 };
struct stream_frame {
	uint64_t start; /* of its bytes in the stream */
	uint64_t len;	/* 0 while the slot is being filled; written last */
};
struct stream_head {
	uint64_t ready; /* bytes unpacked so far; written by the supervisor */
	uint64_t total;
	uint64_t consumed; /* start of the newest frame looked at; written by the process */
	uint64_t slot_len; /* bytes, whole pages */
	uint32_t slot_count;
	struct stream_frame frame[STREAM_SLOT_MAX];
};
_Static_assert(sizeof(struct stream_head) <= STREAM_HEAD_LEN, "stream head");

struct file_cache_entry {
	struct file_identity identity;
	uint32_t file_id; /* 0: free. Written last by the supervisor */
};

/* A stored file with instructions that the recorder has to replace (oracles.c): where they are in
 * it, as oracle_offsets[first ... first + count): offsets, and above them where a jump has room
 * (oracle.h). */
struct oracle_file {
	uint32_t file, first, count;
};
enum { ORACLE_OFFSET_BITS = 48 };

enum { SEGMENT_DEV = ~0u }; /* in place of a shadow's device: `ino` is a System V segment */

/* A file that is mapped; while it is not live, nobody of the tree may change it. In a replay only id and
 * file are set, and the bucket is that of (0, file). */
struct shadow_entry {
	uint64_t dev, ino, birth_ns;
	uint32_t id, file; /* the stored file that it began as */
	uint32_t live;	   /* it may be changed: its mappings are the shadow */
	uint32_t mapper;   /* the stream that mapped it last before */
	uint32_t domain;   /* + 1; 0: not mapped shared and writable */
	uint32_t next;	   /* 1 + the one that was found before in its bucket; 0: none */
};

/*
 * Processes that share writable memory run program code one at a time: a domain has one
 * token, too, which a process takes after its own (preload/recorder/domain.c). Its turns are
 * numbered, and a DOMAIN event stands where a process's turn begins.
 */
#define TURN_BITS 40
#define TURN_NUMBER(turn) ((turn) & ((1ull << TURN_BITS) - 1))
#define TURN_STREAM(turn) ((uint32_t)((turn) >> TURN_BITS)) /* its low 24 bits */
#define TURN_OF(stream, number) ((uint64_t)(stream) << TURN_BITS | (number))
static inline int turn_is_of(uint64_t turn, uint32_t stream)
{
	return TURN_STREAM(turn) == (stream & ((1u << (64 - TURN_BITS)) - 1));
}

struct domain {
	/* recording. Processes are named by their streams, which never come again. */
	uint32_t holder __attribute__((aligned(64))); /* 0: free */
	uint64_t turn; /* TURN_OF(who had the last one, its number); written by the holder */
	int64_t since_ns; /* the holder has had it since */
	int32_t pid, tid; /* of the holder's running thread; 0: must not be asked to stop */
	uint32_t asker;	  /* who is asking it to stop right now */
	uint32_t woken;	  /* a waiter that is on its way */
	uint32_t wanted; /* one may wait: whoever finds that none does clears it */
	uint32_t starving; /* one has waited long: handed over, not competed for */
	uint32_t waiting[SLOT_COUNT]; /* by slot: its stream while it waits, or 0 */
	/* replay: TURN_OF(who has it, its number); nobody: the number of the last finished */
	uint64_t due __attribute__((aligned(64)));
	uint32_t cpu; /* 1 + where it began its turn */
	uint32_t bell[DOMAIN_BELL_COUNT]; /* futexes of those that wait for turns */
	uint32_t sleeps[DOMAIN_BELL_COUNT]; /* one may sleep there */
};

struct session {
	uint32_t magic, version;
	uint32_t mode; /* enum session_mode */
	int32_t supervisor_pid;
	uint64_t pid_namespace; /* in which that is its pid: the inode of /proc/self/ns/pid */
	uint32_t closed; /* the supervisor is gone or has ended the recording: nothing more is
			    taken. Set before the tails of all slots, see slot_close() */
	uint32_t outbound_digest;
	/* recording: what descriptors 1 and 2 were, unless null: who opens one of these by a name
	 * (/dev/stdout) writes output, too; a file has an offset for each that opens it, unless
	 * it appends, and only a remark is made. ino 0: none */
	struct {
		uint64_t dev, ino;
		uint64_t appends; /* the descriptor itself has O_APPEND */
	} output[2];
	uint64_t arena_dev, arena_ino; /* the file that all of this is in */
	uint32_t trap_tsc; /* record: programs' reading of the time stamp counter traps */
	uint32_t use_tsc;
	uint32_t no_dispatch; /* asked for: patch at start instead of dispatch */
	uint64_t tsc_base;    /* TSC at start */
	uint64_t tsc_mult;    /* ns per tick * 2^32 */
	int64_t monotonic_base_ns;
	int64_t realtime_ns; /* at start, since 1970 */
	uint32_t next_stream; /* the next unused stream number, atomic */
	uint32_t slots_used;  /* no slot from here on was ever claimed */
	uint32_t doorbell __attribute__((aligned(64))); /* futex of the supervisor */
	uint32_t supervisor_sleeps;
	uint64_t output_seq __attribute__((aligned(64))); /* outputs so far, atomic;
							     replay: a futex as well */
	uint32_t output_lock; /* pid of the process that is writing output; it may live in another's memory */
	int32_t output_tid;   /* and its thread */
	uint32_t pid_namespaces; /* some process may not be known by its own pid outside */
	uint32_t beat;		 /* the supervisor changes it whenever it looks */
	uint32_t aborted;     /* replay: some process diverged */
	uint32_t quiet;	      /* replay: do not echo */
	int32_t echo_error;   /* replay: errno of an output that could not be written, or 0 */
	/* replay at a human pace (replayer/pace.c): 0: nobody looks at the time */
	uint32_t paced;
	uint32_t gate_seq;    /* futex: changes when the gate moves */
	uint64_t pace;	      /* ns a recorded us takes, 0: none */
	int64_t pace_start_ns; /* CLOCK_MONOTONIC of the recording's start */
	int64_t gate_ns;      /* events that completed later wait */
	uint64_t gate_event;  /* so does this one, of this stream; stream 0: none */
	uint32_t gate_stream;
	uint32_t rederive;    /* replay: outbound bytes that differ, at the same length, take the
				 place of the recorded ones in the unpacked stream (deja redact) */
	uint64_t rederived;   /* how many such items there were, atomic */
	/* replay: the image or child of this stream whose first event has at least this
	 * number waits for a debugger; stream 0: none does */
	uint32_t hold_stream;
	uint64_t hold_event;
	uint32_t external_count; /* children that could not be preloaded, ever */
	int32_t external_pids[EXTERNAL_PID_COUNT]; /* the last of them */
	uint64_t waited_ns; /* how long processes have waited for room in their rings, atomic */
	uint64_t missed_sites;	  /* without dispatch: sites that may escape */
	struct stack_choice stacks;
	uint32_t vdso_file; /* recording: stored file with the vDSO's code */
	struct domain domains[DOMAIN_COUNT];
	uint32_t domain_count; /* in use, atomic */
	uint32_t shadow_count;
	uint32_t shadows_live; /* of these */
	uint32_t shadow_bucket[SHADOW_BUCKET_COUNT]; /* 1 + the last of them; 0: none */
	uint32_t shadows_missed; /* there was no room for one */
	uint64_t written[WRITTEN_BIT_COUNT / 64]; /* recording: a bit for each file that was opened for writing */
	struct file_cache_entry files[FILE_CACHE_COUNT];
	/* recording, written by the supervisor before it names such a file; by file */
	uint32_t oracle_file_count;
	struct oracle_file oracle_files[ORACLE_FILE_COUNT];
	uint64_t oracle_offsets[ORACLE_OFFSET_COUNT];
};

enum { SESSION_HEAD_LEN = 264 * 1024 };
#define SLOT_STRIDE  ((size_t)SLOT_HEAD_LEN + RING_LEN)
#define SHADOWS_AT   (SESSION_HEAD_LEN + SLOT_COUNT * SLOT_STRIDE)
#define SESSION_LEN  (SHADOWS_AT + ((SHADOW_COUNT * sizeof(struct shadow_entry) + 4095) & ~4095ul))

_Static_assert(sizeof(struct session) <= SESSION_HEAD_LEN, "session head");
_Static_assert(sizeof(struct slot) <= SLOT_HEAD_LEN, "slot head");

/* Where in session.files an identity is looked for first. */
static inline uint64_t file_cache_index(const struct file_identity *id)
{
	return (id->ino * 0x9e3779b97f4a7c15ull ^ id->mtime_ns ^ id->size) &
	       (FILE_CACHE_COUNT - 1);
}

static inline int slot_has_guests(const struct slot *slot)
{
	for (uint32_t i = 0; i < slot->guests_used && i < GUEST_COUNT; i++)
		if (__atomic_load_n(&slot->guest[i], __ATOMIC_SEQ_CST))
			return 1;
	return 0;
}

/* Replay: whoever waits for the process's end need not any more. It has ended; or it was killed, as far as
 * can be told, and a guest waits for what others do next. */
static inline int slot_is_outlived(const struct slot *slot)
{
	return slot->left || (slot->waits_seq && slot_has_guests(slot));
}

static inline struct slot *session_slot(struct session *s, unsigned index)
{
	return (struct slot *)((char *)s + SESSION_HEAD_LEN + index * SLOT_STRIDE);
}

/* One below shadow_count has memory. */
static inline struct shadow_entry *session_shadow(struct session *s, uint32_t index)
{
	return (struct shadow_entry *)((char *)s + SHADOWS_AT) + index;
}

static inline uint32_t *session_shadow_bucket(struct session *s, uint64_t dev, uint64_t ino)
{
	return &s->shadow_bucket[(ino ^ dev) * 0x9e3779b97f4a7c15ull >> 40 & (SHADOW_BUCKET_COUNT - 1)];
}

static inline uint8_t *slot_ring(struct slot *slot)
{
	return (uint8_t *)slot + SLOT_HEAD_LEN;
}

/* Replay: in the ring's place. */
static inline struct stack_taken *slot_stack(struct slot *slot)
{
	return (struct stack_taken *)slot_ring(slot);
}

/* By the supervisor, once `closed` is set: the ring looks more than full, so that the process
 * takes its slow way at the next event, sees why, and goes on alone. Its fast way need not look
 * at anything. What lies before the head may still be drained. */
static inline void slot_close(struct slot *slot)
{
	__atomic_store_n(&slot->tail, slot->head - 3 * (uint64_t)RING_LEN, __ATOMIC_SEQ_CST);
}

/* The environment of a recorded image starts with these, in this order, always of the
 * same length (the directory is "/dev/shm/deja-" and eight hex digits; the slot has four
 * decimal digits): */
#define SESSION_DIR_FMT	  "/dev/shm/deja-%08x"
#define SESSION_DIR_LEN	  22
#define SESSION_ENV_RT	  "DEJA_RT=" /* DEJA_RT=<dir>:<slot> */
#define SESSION_ENV_PRELOAD "LD_PRELOAD="
#define SESSION_ENV_PAD "DEJA_PAD=" /* makes the number of our variables even */
#define SESSION_SO_NAME	  "/rt.so" /* <dir>/rt.so: a link to the runtime object, which is one of: */
#define SESSION_RECORD_OBJECT "libdeja-record.so"
#define SESSION_REPLAY_OBJECT "libdeja-replay.so"
#define SESSION_ARENA_NAME "/arena"
#define SESSION_LOADER_NAME "/loader" /* replay: a link to the loader */
#define SESSION_INDEX_NAME  "/index"  /* replay: struct file_identity of each stored file */

#endif
