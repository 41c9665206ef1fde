/*
 * The call table's vocabulary: how one row of calls.def describes a system call.
 *
 * One row per x86-64 system call drives the hooks, the recorder's capture, the
 * replayer's serving and checking, the printer and the coverage page. Directions
 * and size rules are data; code is only written for a new *shape* of memory.
 *
 * This header is compiled into the recorded process: nothing here may need more
 * than the compiler's own headers.
 */
#ifndef DEJA_TRACEFMT_CALLS_H
#define DEJA_TRACEFMT_CALLS_H

#include <stddef.h>
#include <stdint.h>

/* How a call crosses the boundary. */
enum tf_class {
	TF_UNKNOWN = 0, /* no such row: an error that names itself */
	TF_RECORD,	/* performed when recording, served when replaying */
	TF_LOCAL,	/* changes this process's memory or threads only: performed in
			   both modes, its result checked */
	TF_REFUSE,	/* answered with tf_refuse_errno() in both modes, with a reason */
	TF_BYHAND,	/* has code of its own in preload/ and replayer/ */
};

/* Row flags. */
enum {
	TF_QUICK = 1 << 0,    /* can never wait on another thread or process */
	TF_RX_ERROR = 1 << 1, /* inbound memory is written even when the call fails */
	TF_ADDR_RESULT = 1 << 2, /* the result is an address (printed in hex) */
	TF_NORETURN = 1 << 3,	 /* does not return when it succeeds */
	TF_WATCHED = 1 << 4, /* captured by its row, but the recorder keeps account of what it
				does to descriptors, outputs, memory, files or children:
				preload/recorder/watched.c has a case for it */
	/* The result may count more than there is room for, which a replay refuses elsewhere: */
	TF_ASKS_LEN = 1 << 5, /* with a size of 0 it tells how much there would be */
	TF_TELLS_ALL = 1 << 6, /* it tells how much there was; a call with flags of recv (xlat
				  MSG) does with MSG_TRUNC alone */
	TF_NO_RESTART = 1 << 7, /* a handler that interrupts it ends it with EINTR, whatever SA_RESTART
				 * says: signal(7) */
	/* What the call is about, for those who look (enum deja_class, in its order). That it
	 * takes a path or a descriptor need not be said: the arguments tell. */
	TF_NET = 1 << 8,
	TF_FILE = 1 << 9,
	TF_DESC = 1 << 10,
	TF_TIME = 1 << 11,
	TF_PROCESS = 1 << 12,
	TF_SIGNAL = 1 << 13,
	TF_MEMORY = 1 << 14,
	TF_IPC = 1 << 15,
	TF_TOPIC_SHIFT = 8,
};

/* What an argument is. All kinds but TF_PTR and TF_MEM are scalars: recorded as
 * integers and compared on replay. */
enum tf_kind {
	TF_NONE = 0, /* ignored by the kernel for this request (tf_arg_resolve): callers
			leave garbage there. Recorded as the scalar 0, never compared */
	TF_INT,	     /* signed 32-bit */
	TF_LONG,     /* signed 64-bit */
	TF_UINT,     /* unsigned 32-bit */
	TF_ULONG,    /* unsigned 64-bit */
	TF_FD,	     /* file descriptor, signed 32-bit; AT_FDCWD printed by name */
	TF_SIZE,     /* bytes or elements */
	TF_OFF,	     /* file offset, signed 64-bit */
	TF_MODE,     /* file mode, printed in octal */
	TF_FLAGS,    /* 32-bit set or choice, printed with the names of `xlat` */
	TF_PID,	     /* process, thread or group id, signed 32-bit */
	TF_SIG,	     /* signal number */
	TF_ADDR,     /* an address whose value matters (mmap's): compared */
	TF_PTR,	     /* a pointer whose memory is not captured: only NULL or not is
			compared (recorded as 0 or 1) */
	TF_MEM,	     /* a pointer to captured memory: see dir and rule; not a scalar,
			its bytes are recorded after all scalars */
};

/* Which way a TF_MEM argument's bytes go, as the program sees it. */
enum tf_dir {
	TF_TX = 1, /* outbound: the kernel reads it */
	TF_RX = 2, /* inbound: the kernel writes it */
	TF_RTX = 3 /* both; two items are recorded, the outbound one first */
};

/*
 * How long a TF_MEM argument's memory is, in bytes. `ref` is the number (1..6) of
 * another argument, `unit` a size in bytes, `result` the call's result.
 */
enum tf_rule {
	TF_FIXED = 1, /* unit */
	TF_CSTR,      /* to the NUL, which is included; never more than unit if
			 unit != 0. TX only */
	TF_ARG,	      /* arg[ref] * unit */
	TF_RESULT,    /* result * unit, never more than arg[ref] * unit if ref != 0 */
	TF_LENPTR,    /* *(uint32_t *)arg[ref]: its value before the call is the
			 capacity, after the call the length; captured is the smaller */
	TF_IOVEC,     /* struct iovec[arg[ref]]: RX: result bytes scattered in order;
			 TX: result bytes gathered (what was really taken) */
	TF_MSG,	      /* struct msghdr, see FORMAT.md; TX or RX */
	TF_MMSG,      /* struct mmsghdr[result]; TX or RX */
	TF_FDSET,     /* ((arg[ref] + 63) / 64) * 8 */
	TF_POLLFD,    /* struct pollfd[arg[ref]]: fd and events are outbound, revents
			 inbound; recorded as one inbound item taken after the call */
	TF_STRV,      /* NULL-terminated vector of strings. TX only */
	TF_SUB,	      /* decided by the request in arg[ref]: see the sub-table named
			 by `xlat`. unit: 0 for the argument that the sub-table's row
			 describes, else the enum tf_kind of one of those after it */
	TF_PAGES,     /* (arg[ref] + 4095) / 4096 * unit (mincore) */
	TF_MSGBUF,    /* a long, then TX: arg[ref] bytes; RX: result bytes */
	TF_SELFLEN,   /* unit + the uint32_t that the memory begins with, read before the
			 call if TX, after it if RX, the smaller of both if RTX; never
			 more than arg[ref] if ref != 0 */
};

/* One argument. */
struct tf_arg {
	const char *name; /* as in the man page */
	uint8_t kind;	  /* enum tf_kind */
	uint8_t dir;	  /* enum tf_dir, TF_MEM only */
	uint8_t rule;	  /* enum tf_rule, TF_MEM only */
	uint8_t ref;	  /* 1..6, 0 = none */
	uint16_t unit;	  /* bytes */
	uint16_t xlat;	  /* enum tf_xlat (xlat.h): names for values, or layout of the
			     memory */
};

/* One row. */
struct tf_call {
	const char *name;
	const char *reason;   /* TF_REFUSE: why, one sentence; else NULL or a remark */
	uint16_t id;	      /* event id in the trace: pinned, never reused, >= 32 */
	int16_t nr;	      /* x86-64 system call number */
	uint8_t cls;	      /* enum tf_class */
	uint8_t nargs;	      /* 0..6 */
	uint16_t flags;	      /* TF_QUICK ... */
	uint16_t refuse_errno; /* TF_REFUSE: positive errno */
	struct tf_arg arg[6];
};

/* One row of a sub-table: what the argument that depends on a request (ioctl's,
 * fcntl's, prctl's, futex's ...) is for that request. `arg.kind` TF_NONE: it is
 * ignored. */
struct tf_sub {
	const char *name;
	uint32_t request;
	uint8_t cls;   /* enum tf_class */
	uint8_t flags; /* TF_QUICK ...; topics are the row's */
	uint8_t more;  /* how many TF_SUB arguments after this one count; those beyond
			  are ignored */
	struct tf_arg arg;
};

enum {
	TF_CALL_MAX = 512, /* system call numbers are below this */
	TF_ID_FIRST = 32,  /* ids below are not calls, see wire.h */
};

/* The row of a system call number, or NULL. Never allocates; any context. */
const struct tf_call *tf_call_by_nr(long nr);
/* The row of an event id, or NULL. Never allocates; any context. */
const struct tf_call *tf_call_by_id(unsigned id);
/* The row of a name, or NULL. */
const struct tf_call *tf_call_by_name(const char *name);

/*
 * The description of argument `index` (0..5) of this call as actually made:
 * TF_SUB arguments are resolved by the request in `args`. For a request that no
 * sub-table knows, ioctl's size encoding decides, and *known is false.
 * Returned by value; never allocates; any context.
 */
struct tf_arg tf_arg_resolve(const struct tf_call *call, unsigned index,
			     const unsigned long args[6], int *known);
/* The class, flags and refusal (positive errno) of this call as actually made:
 * sub-tables refine their row's. A request that no sub-table knows is TF_RECORD.
 * Never allocate; any context. */
enum tf_class tf_class_resolve(const struct tf_call *call, const unsigned long args[6]);
unsigned tf_flags_resolve(const struct tf_call *call, const unsigned long args[6]);
int tf_refuse_errno(const struct tf_call *call, const unsigned long args[6]);
/* The sub-table's row for this call as actually made, or NULL. For printing. */
const struct tf_sub *tf_sub_resolve(const struct tf_call *call,
				    const unsigned long args[6]);
/* Row `index` of the sub-table `xlat` (enum tf_xlat), or NULL behind its last. */
const struct tf_sub *tf_sub_at(unsigned xlat, unsigned index);

/* What a class is called in output: "recorded", "local", "refused", "by hand". */
const char *tf_class_name(enum tf_class cls);

#endif
