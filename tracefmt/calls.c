/*
 * The call table, as data. Built from calls.def and its sub-tables, and compiled twice:
 * into the tools, and into the recorded process, where it may call nothing and is asked
 * from any context.
 */
#include "calls.h"
#include "forms.h"
#include "xlat.h"

/* The flags by the names the .def files use. */
enum {
	QUICK = TF_QUICK,
	RX_ERROR = TF_RX_ERROR,
	ADDR_RESULT = TF_ADDR_RESULT,
	NORETURN = TF_NORETURN,
	WATCHED = TF_WATCHED,
	ASKS_LEN = TF_ASKS_LEN,
	TELLS_ALL = TF_TELLS_ALL,
	NO_RESTART = TF_NO_RESTART,
	NET = TF_NET,
	FILES = TF_FILE, /* FILE is stdio's */
	DESC = TF_DESC,
	TIME = TF_TIME,
	PROCESS = TF_PROCESS,
	SIGNAL = TF_SIGNAL,
	MEMORY = TF_MEMORY,
	IPC = TF_IPC,
};
/* The errnos that refused rows use. */
enum { T_EPERM = 1, T_EINVAL = 22, T_ENOTTY = 25, T_ENOSYS = 38, T_EOPNOTSUPP = 95 };

/* Names are for the tools. In the recorded process each would be a pointer that the dynamic
 * linker relocates at every exec, in pages that could otherwise be shared. */
#ifdef DEJA_RUNTIME
#define TEXT(s) NULL
#else
#define TEXT(s) s
#endif

#define SCALAR(n, k)  { .name = TEXT(#n), .kind = (k) }
#define INT(n)	      SCALAR(n, TF_INT)
#define LONG(n)	      SCALAR(n, TF_LONG)
#define UINT(n)	      SCALAR(n, TF_UINT)
#define ULONG(n)      SCALAR(n, TF_ULONG)
#define FD(n)	      SCALAR(n, TF_FD)
#define SIZE(n)	      SCALAR(n, TF_SIZE)
#define OFF(n)	      SCALAR(n, TF_OFF)
#define MODE(n)	      SCALAR(n, TF_MODE)
#define PID(n)	      SCALAR(n, TF_PID)
#define SIG(n)	      SCALAR(n, TF_SIG)
#define ADDR(n)	      SCALAR(n, TF_ADDR)
#define PTR(n)	      SCALAR(n, TF_PTR)
#define FLAGS(n, set) { .name = TEXT(#n), .kind = TF_FLAGS, .xlat = TF_X_##set }
#define NOARG	      { .name = TEXT("arg"), .kind = TF_NONE }
#define MEM(n, d, r, reference, size, layout)                                   \
	{ .name = TEXT(#n), .kind = TF_MEM, .dir = TF_##d, .rule = TF_##r,            \
	  .ref = (reference), .unit = (size), .xlat = TF_X_##layout }

#define COUNT(...) (sizeof((struct tf_arg[]){ __VA_ARGS__ }) / sizeof(struct tf_arg))
#define CALL(ID, NR, NAME, CLASS, FLAG_SET, ...)                                \
	[NR] = { .name = TEXT(#NAME), .id = (ID), .nr = (NR), .cls = TF_##CLASS,      \
		 .nargs = COUNT(__VA_ARGS__), .flags = (FLAG_SET),              \
		 .arg = { __VA_ARGS__ } },
#define REFUSE(ID, NR, NAME, ERRNO, FLAG_SET, REASON, ...)                      \
	[NR] = { .name = TEXT(#NAME), .reason = TEXT(REASON), .id = (ID), .nr = (NR),       \
		 .cls = TF_REFUSE, .nargs = COUNT(__VA_ARGS__),                 \
		 .flags = TF_QUICK | (FLAG_SET), .refuse_errno = T_##ERRNO,                  \
		 .arg = { __VA_ARGS__ } },

static const struct tf_call rows[TF_CALL_MAX] = {
#include "calls.def"
};

#define SUB(TABLE, NAME, REQUEST, CLASS, FLAG_SET, ...)                         \
	SUBN(TABLE, NAME, REQUEST, CLASS, FLAG_SET, 0, __VA_ARGS__)
#define SUBN(TABLE, NAME, REQUEST, CLASS, FLAG_SET, MORE_COUNT, ...)            \
	{ .table = TF_X_##TABLE,                                                \
	  .sub = { .name = TEXT(#NAME), .request = (REQUEST), .cls = TF_##CLASS,      \
		   .flags = (FLAG_SET), .more = (MORE_COUNT),                   \
		   .arg = __VA_ARGS__ } },

struct sub_row {
	uint16_t table; /* enum tf_xlat */
	struct tf_sub sub;
};

static const struct sub_row ioctl_rows[] = {
#include "ioctl.def"
};
static const struct sub_row fcntl_rows[] = {
#include "fcntl.def"
};
static const struct sub_row request_rows[] = {
#include "request.def"
};
static const struct sub_row prctl_rows[] = {
#include "prctl.def"
};

/* The file that holds the rows of a sub-table. */
static const struct sub_row *table_rows(unsigned xlat, unsigned *count)
{
#define ROWS(table) (*count = sizeof(table) / sizeof(*(table)), (table))
	switch (xlat) {
	case TF_X_IOCTL:
		return ROWS(ioctl_rows);
	case TF_X_FCNTL:
		return ROWS(fcntl_rows);
	case TF_X_PRCTL:
	case TF_X_ARCH_PRCTL:
		return ROWS(prctl_rows);
	case TF_X_FUTEX:
	case TF_X_PTRACE:
	case TF_X_SHMCTL:
	case TF_X_SEMCTL:
	case TF_X_MSGCTL:
	case TF_X_FSCONFIG:
		return ROWS(request_rows);
	}
#undef ROWS
	*count = 0;
	return NULL;
}

static const struct tf_sub *find_sub(unsigned xlat, uint32_t request)
{
	/* The row found last for a request of this hash: one call asks several times. A
	 * pointer is read and written whole, and what it leads to is checked. */
	static const struct sub_row *cache[64];
	const struct sub_row **recent = &cache[(request ^ request >> 8 ^ xlat) % 64];
	const struct sub_row *row = *recent;
	unsigned count;

	if (row && row->sub.request == request && row->table == xlat)
		return &row->sub;
	for (row = table_rows(xlat, &count); count--; row++)
		if (row->sub.request == request && row->table == xlat) {
			*recent = row;
			return &row->sub;
		}
	return NULL;
}

const struct tf_sub *tf_sub_at(unsigned xlat, unsigned index)
{
	unsigned count;
	const struct sub_row *row = table_rows(xlat, &count);

	for (; count--; row++)
		if (row->table == xlat && index-- == 0)
			return &row->sub;
	return NULL;
}

const struct tf_call *tf_call_by_nr(long nr)
{
	if (nr < 0 || nr >= TF_CALL_MAX || !rows[nr].id)
		return NULL;
	return &rows[nr];
}

const struct tf_call *tf_call_by_id(unsigned id)
{
	unsigned nr;

	if (id < TF_ID_FIRST)
		return NULL;
	nr = id - TF_ID_FIRST;
	if (nr < TF_CALL_MAX && rows[nr].id == id)
		return &rows[nr];
	for (nr = 0; nr < TF_CALL_MAX; nr++)
		if (rows[nr].id == id)
			return &rows[nr];
	return NULL;
}

const struct tf_call *tf_call_by_name(const char *name)
{
	for (unsigned nr = 0; nr < TF_CALL_MAX; nr++) {
		const char *a = rows[nr].name, *b = name;

		if (!a)
			continue;
		while (*a && *a == *b)
			a++, b++;
		if (*a == *b)
			return &rows[nr];
	}
	return NULL;
}

/* The first TF_SUB argument of a row, which its sub-table describes, or -1. */
static int first_sub(const struct tf_call *call)
{
	for (int i = 0; i < call->nargs; i++)
		if (call->arg[i].kind == TF_MEM && call->arg[i].rule == TF_SUB)
			return i;
	return -1;
}

static uint32_t request_of(const struct tf_arg *arg, const unsigned long args[6])
{
	uint32_t request = (uint32_t)args[arg->ref - 1];

	/* FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME */
	return arg->xlat == TF_X_FUTEX ? request & 0x7f : request;
}

const struct tf_sub *tf_sub_resolve(const struct tf_call *call,
				    const unsigned long args[6])
{
	int i = first_sub(call);

	if (i < 0)
		return NULL;
	return find_sub(call->arg[i].xlat, request_of(&call->arg[i], args));
}

/* A request that no row knows: for ioctl by asm-generic/ioctl.h's encoding (bits 30..31
 * direction as the program sees it, 1 write, 2 read; 16..29 size), else a scalar. */
static struct tf_arg unknown_request(const struct tf_arg *arg, uint32_t request)
{
	struct tf_arg out = { .name = arg->name, .kind = TF_ULONG };
	unsigned dir = request >> 30, size = request >> 16 & 0x3fff;

	if (arg->xlat == TF_X_IOCTL && dir && size) {
		out.kind = TF_MEM;
		out.dir = dir == 1 ? TF_TX : dir == 2 ? TF_RX : TF_RTX;
		out.rule = TF_FIXED;
		out.unit = (uint16_t)size;
	}
	return out;
}

struct tf_arg tf_arg_resolve(const struct tf_call *call, unsigned index,
			     const unsigned long args[6], int *known)
{
	enum { o_creat = 0100, o_tmpfile = 020000000, mremap_new = 2 | 4 };
	struct tf_arg arg = call->arg[index];
	const struct tf_sub *sub;
	struct tf_arg out = { .name = arg.name };
	uint32_t request;
	unsigned after;

	*known = 1;
	if (arg.kind != TF_MEM || arg.rule != TF_SUB)
		return arg;
	request = request_of(&arg, args);
	switch (arg.xlat) {
	case TF_X_OPEN:
		if (request & (o_creat | o_tmpfile))
			out.kind = TF_MODE;
		return out;
	case TF_X_MQ_OPEN:
		if (request & o_creat) {
			out.kind = TF_MEM;
			out.dir = TF_TX;
			out.rule = TF_FIXED;
			out.unit = 64;
			out.xlat = TF_X_INT64;
		}
		return out;
	case TF_X_MREMAP:
		if (request & mremap_new)
			out.kind = TF_ADDR;
		return out;
	}
	sub = find_sub(arg.xlat, request);
	after = index - (unsigned)first_sub(call);
	if (!sub) {
		*known = 0;
		return after ? out : unknown_request(&arg, request);
	}
	if (after == 0)
		return sub->arg;
	if (after <= sub->more)
		out.kind = (uint8_t)arg.unit;
	return out;
}

enum tf_class tf_class_resolve(const struct tf_call *call, const unsigned long args[6])
{
	int i = call->cls == TF_REFUSE ? -1 : first_sub(call);
	const struct tf_sub *sub;

	if (i < 0 || call->arg[i].xlat >= TF_X_SUB_END)
		return (enum tf_class)call->cls;
	sub = find_sub(call->arg[i].xlat, request_of(&call->arg[i], args));
	if (sub)
		return (enum tf_class)sub->cls;
	return call->arg[i].xlat == TF_X_FUTEX ? (enum tf_class)call->cls : TF_RECORD;
}

unsigned tf_flags_resolve(const struct tf_call *call, const unsigned long args[6])
{
	const struct tf_sub *sub = tf_sub_resolve(call, args);

	return call->flags | (sub ? sub->flags : 0u);
}

int tf_refuse_errno(const struct tf_call *call, const unsigned long args[6])
{
	int i;

	(void)args; /* no two requests of a call differ yet */
	if (call->cls == TF_REFUSE)
		return call->refuse_errno;
	i = first_sub(call);
	return i >= 0 && call->arg[i].xlat == TF_X_IOCTL ? T_ENOTTY : T_EINVAL;
}

const char *tf_class_name(enum tf_class cls)
{
	switch (cls) {
	case TF_RECORD:
		return "recorded";
	case TF_LOCAL:
		return "local";
	case TF_REFUSE:
		return "refused";
	case TF_BYHAND:
		return "by hand";
	case TF_UNKNOWN:
		break;
	}
	return "unknown";
}
