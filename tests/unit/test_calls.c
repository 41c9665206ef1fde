/*
 * The call table: complete, pinned, consistent, of the kernel's sizes; and every row
 * can be encoded, decoded, printed and written as JSON.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <time.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <mqueue.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <asm/termbits.h>
#include <asm/ioctls.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/loop.h>
#include <linux/rtc.h>
#include <linux/sched.h>
#include <linux/serial.h>
#include <linux/sockios.h>

#include "tracefmt/calls.h"
#include "tracefmt/parts.h"
#include "tracefmt/print.h"
#include "tracefmt/wire.h"
#include "tracefmt/xlat.h"

/* The sizes the rows use, where a header says them. */
_Static_assert(sizeof(struct stat) == 144, "stat");
_Static_assert(sizeof(struct statx) == 256, "statx");
_Static_assert(sizeof(struct statfs) == 120, "statfs");
_Static_assert(sizeof(struct rusage) == 144, "rusage");
_Static_assert(sizeof(struct sysinfo) == 112, "sysinfo");
_Static_assert(sizeof(struct utsname) == 390, "utsname");
_Static_assert(sizeof(struct timex) == 208, "timex");
_Static_assert(sizeof(struct timespec) == 16, "timespec");
_Static_assert(sizeof(struct timeval) == 16, "timeval");
_Static_assert(sizeof(struct timezone) == 8, "timezone");
_Static_assert(sizeof(struct itimerval) == 32, "itimerval");
_Static_assert(sizeof(struct itimerspec) == 32, "itimerspec");
_Static_assert(sizeof(struct tms) == 32, "tms");
_Static_assert(sizeof(struct rlimit) == 16, "rlimit");
_Static_assert(sizeof(siginfo_t) == 128, "siginfo");
_Static_assert(sizeof(stack_t) == 24, "stack_t");
_Static_assert(sizeof(struct sigevent) == 64, "sigevent");
_Static_assert(sizeof(struct mq_attr) == 64, "mq_attr");
_Static_assert(sizeof(struct epoll_event) == 12, "epoll_event");
_Static_assert(sizeof(struct pollfd) == 8, "pollfd");
_Static_assert(sizeof(struct iovec) == 16, "iovec");
_Static_assert(sizeof(struct mmsghdr) == 64, "mmsghdr");
_Static_assert(sizeof(struct flock) == 32, "flock");
_Static_assert(sizeof(struct f_owner_ex) == 8, "f_owner_ex");
_Static_assert(sizeof(struct sembuf) == 6, "sembuf");
_Static_assert(sizeof(struct shmid_ds) == 112, "shmid64_ds");
_Static_assert(sizeof(struct msqid_ds) == 120, "msqid64_ds");
_Static_assert(sizeof(struct semid_ds) == 104, "semid64_ds");
_Static_assert(sizeof(struct shminfo) == 72, "shminfo64");
_Static_assert(sizeof(struct shm_info) == 48, "shm_info");
_Static_assert(sizeof(struct seminfo) == 40, "seminfo");
_Static_assert(sizeof(struct msginfo) == 32, "msginfo");
_Static_assert(sizeof(struct user_regs_struct) == 216, "user_regs_struct");
_Static_assert(sizeof(struct user_fpregs_struct) == 512, "user_fpregs_struct");
_Static_assert(sizeof(struct __user_cap_header_struct) == 8, "cap header");
_Static_assert(sizeof(struct __user_cap_data_struct) * 2 == 24, "cap data");
_Static_assert(sizeof(struct termios) == 36, "the kernel's termios");
_Static_assert(sizeof(struct termios2) == 44, "the kernel's termios2");
_Static_assert(sizeof(struct ifreq) == 40, "ifreq");
_Static_assert(sizeof(struct ifconf) == 16, "ifconf");
_Static_assert(sizeof(struct arpreq) == 68, "arpreq");
_Static_assert(sizeof(struct rtentry) == 120, "rtentry");
_Static_assert(sizeof(struct serial_struct) == 72, "serial_struct");
_Static_assert(sizeof(struct serial_icounter_struct) == 80, "serial_icounter_struct");
_Static_assert(sizeof(struct serial_rs485) == 32, "serial_rs485");
_Static_assert(sizeof(struct file_clone_range) == 32, "file_clone_range");
_Static_assert(sizeof(struct fstrim_range) == 24, "fstrim_range");
_Static_assert(sizeof(struct fsxattr) == 28, "fsxattr");
_Static_assert(sizeof(struct loop_info) == 168, "loop_info");
_Static_assert(sizeof(struct loop_info64) == 232, "loop_info64");
_Static_assert(sizeof(struct loop_config) == 304, "loop_config");
_Static_assert(sizeof(struct rtc_time) == 36, "rtc_time");
_Static_assert(sizeof(struct rtc_wkalrm) == 40, "rtc_wkalrm");
_Static_assert(sizeof(struct futex_waitv) == 24, "futex_waitv");

enum { NR_LAST = 470, HOLE_FIRST = 337, HOLE_LAST = 423 };

static bool is_hole(int nr)
{
	return nr >= HOLE_FIRST && nr <= HOLE_LAST;
}

static void every_number_has_a_row(void **state)
{
	for (int nr = 0; nr < TF_CALL_MAX; nr++) {
		const struct tf_call *call = tf_call_by_nr(nr);

		if (nr > NR_LAST || is_hole(nr)) {
			assert_null(call);
			continue;
		}
		assert_non_null(call);
		assert_int_equal(call->nr, nr);
		assert_int_equal(call->id, TF_ID_FIRST + nr);
		assert_ptr_equal(tf_call_by_id(call->id), call);
		assert_ptr_equal(tf_call_by_name(call->name), call);
		assert_int_not_equal(call->cls, TF_UNKNOWN);
	}
	assert_null(tf_call_by_nr(-1));
	assert_null(tf_call_by_nr(100000));
	assert_null(tf_call_by_id(0));
	assert_null(tf_call_by_id(TF_ID_FIRST - 1));
	assert_null(tf_call_by_id(65535));
	assert_null(tf_call_by_name("rea"));
	assert_null(tf_call_by_name("readx"));
}

/* Names as the kernel's own header has them. */
static void names_are_the_headers(void **state)
{
	static const char *const paths[] = {
	    "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
	    "/usr/include/asm/unistd_64.h"};
	FILE *in = NULL;
	char line[256], name[64];
	int nr, count = 0;

	for (size_t i = 0; i < 2 && !in; i++)
		in = fopen(paths[i], "r");
	if (!in)
		skip();
	while (fgets(line, sizeof(line), in)) {
		const struct tf_call *call;

		if (sscanf(line, "#define __NR_%63s %d", name, &nr) != 2)
			continue;
		call = tf_call_by_nr(nr);
		if (!call)
			fail_msg("%s (%d) has no row", name, nr);
		assert_string_equal(call->name, name);
		count++;
	}
	fclose(in);
	assert_true(count > 300);
}

static void check_arg(const char *where, const struct tf_arg *arg,
		      const struct tf_call *call)
{
	bool by_ref =
	    arg->rule == TF_ARG || arg->rule == TF_LENPTR || arg->rule == TF_IOVEC ||
	    arg->rule == TF_FDSET || arg->rule == TF_POLLFD || arg->rule == TF_SUB ||
	    arg->rule == TF_PAGES || arg->rule == TF_MSGBUF || arg->rule == TF_MMSG;

	if (arg->kind != TF_MEM) {
		assert_int_equal(arg->dir, 0);
		assert_int_equal(arg->rule, 0);
		return;
	}
	if (arg->rule < TF_FIXED || arg->rule > TF_SELFLEN || arg->dir < TF_TX ||
	    arg->dir > TF_RTX || arg->xlat >= TF_X_COUNT)
		fail_msg("%s(%s): dir %d, rule %d, xlat %d", where, arg->name, arg->dir,
			 arg->rule, arg->xlat);
	if (by_ref && !arg->ref)
		fail_msg("%s(%s): no ref", where, arg->name);
	if (arg->rule == TF_FIXED && !arg->unit)
		fail_msg("%s(%s): no size", where, arg->name);
	if ((arg->rule == TF_CSTR || arg->rule == TF_STRV) && arg->dir != TF_TX)
		fail_msg("%s(%s): strings only go out", where, arg->name);
	if (arg->ref) {
		const struct tf_arg *ref;

		if (arg->ref > call->nargs)
			fail_msg("%s(%s): no argument %d", where, arg->name, arg->ref);
		ref = &call->arg[arg->ref - 1];
		if (arg->rule == TF_LENPTR) {
			assert_int_equal(ref->kind, TF_MEM);
			assert_int_equal(ref->rule, TF_FIXED);
			assert_int_equal(ref->unit, 4);
			assert_int_equal(ref->dir, TF_RTX);
		} else if (ref->kind == TF_MEM && ref->rule != TF_SUB) {
			fail_msg("%s(%s): argument %d is memory", where, arg->name,
				 arg->ref);
		}
	}
}

static void arguments_are_consistent(void **state)
{
	for (int nr = 0; nr <= NR_LAST; nr++) {
		const struct tf_call *call = tf_call_by_nr(nr);

		if (!call)
			continue;
		assert_true(call->nargs <= 6);
		for (unsigned i = 0; i < call->nargs; i++) {
			const char *name = call->arg[i].name;

			if (!name || call->arg[i].kind == TF_NONE ||
			    call->arg[i].kind > TF_MEM)
				fail_msg("%s: argument %u", call->name, i);
			for (unsigned k = 0; k < i; k++)
				if (!strcmp(call->arg[k].name, name))
					fail_msg("%s: two arguments %s", call->name,
						 name);
			check_arg(call->name, &call->arg[i], call);
		}
		for (unsigned i = call->nargs; i < 6; i++)
			assert_int_equal(call->arg[i].kind, TF_NONE);
	}
}

static void refusals_have_reasons(void **state)
{
	unsigned long args[6] = {0};

	for (int nr = 0; nr <= NR_LAST; nr++) {
		const struct tf_call *call = tf_call_by_nr(nr);

		if (!call || call->cls != TF_REFUSE)
			continue;
		assert_non_null(call->reason);
		assert_true(strlen(call->reason) > 10);
		assert_in_range(call->refuse_errno, 1, 4095);
		assert_int_equal(tf_refuse_errno(call, args), call->refuse_errno);
		assert_int_equal(tf_class_resolve(call, args), TF_REFUSE);
	}
	assert_string_equal(tf_class_name(TF_REFUSE), "refused");
}

static const char *const by_request[] = {"ioctl",  "fcntl",   "prctl",	"arch_prctl",
					 "futex",  "ptrace",  "shmctl", "semctl",
					 "msgctl", "fsconfig"};

static unsigned sub_arg(const struct tf_call *call)
{
	unsigned i = 0;

	while (call->arg[i].kind != TF_MEM || call->arg[i].rule != TF_SUB)
		assert_true(++i < call->nargs);
	return i;
}

static void sub_tables_are_consistent(void **state)
{
	for (size_t t = 0; t < sizeof(by_request) / sizeof(by_request[0]); t++) {
		const struct tf_call *call = tf_call_by_name(by_request[t]);
		unsigned index = sub_arg(call);
		unsigned xlat = call->arg[index].xlat;
		const struct tf_sub *sub, *other;

		for (unsigned i = 0; (sub = tf_sub_at(xlat, i)); i++) {
			for (unsigned k = 0; k < i; k++) {
				other = tf_sub_at(xlat, k);
				if (other->request == sub->request)
					fail_msg("%s and %s", other->name, sub->name);
			}
			check_arg(sub->name, &sub->arg, call);
			assert_true(index + sub->more < call->nargs);
		}
		if (!tf_sub_at(xlat, 5))
			fail_msg("%s has hardly any row", call->name);
	}
}

/* Requests' numbers against the headers, and that a row's size agrees with the number's
 * own encoding where it has one and the row does not know better. */
static void requests_are_the_headers(void **state)
{
#define REQ(name)                                                                      \
	{                                                                              \
#name, name                                                            \
	}
	static const struct {
		const char *name;
		unsigned long request;
	} known[] = {
	    REQ(TCGETS),       REQ(TCSETSF),	  REQ(TIOCGWINSZ),
	    REQ(TIOCSCTTY),    REQ(FIONREAD),	  REQ(FIONBIO),
	    REQ(FIOCLEX),      REQ(TCGETS2),	  REQ(TIOCGPTN),
	    REQ(TIOCSPTLCK),   REQ(TIOCGPTPEER),  REQ(SIOCGIFCONF),
	    REQ(SIOCGIFFLAGS), REQ(SIOCGIFINDEX), REQ(SIOCGSTAMP_OLD),
	    REQ(FICLONE),      REQ(FICLONERANGE), REQ(FS_IOC_GETFLAGS),
	    REQ(BLKGETSIZE64), REQ(BLKSSZGET),	  REQ(LOOP_CTL_GET_FREE),
	    REQ(RTC_RD_TIME),
	};
	const struct tf_call *ioctl_row = tf_call_by_name("ioctl");

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		unsigned long args[6] = {3, known[i].request};
		const struct tf_sub *sub = tf_sub_resolve(ioctl_row, args);

		assert_non_null(sub);
		assert_string_equal(sub->name, known[i].name);
	}
}

static struct tf_arg resolve(const char *name, unsigned index, unsigned long a,
			     unsigned long b, int *known)
{
	unsigned long args[6] = {a, b};

	return tf_arg_resolve(tf_call_by_name(name), index, args, known);
}

static void requests_decide(void **state)
{
	unsigned long args[6] = {0};
	struct tf_arg arg;
	int known;

	arg = resolve("ioctl", 2, 0, TIOCGWINSZ, &known);
	assert_true(known && arg.kind == TF_MEM && arg.dir == TF_RX && arg.unit == 8);
	/* unknown, with a size: _IOR('x', 99, 24 bytes) */
	arg = resolve("ioctl", 2, 0, 0x80187863, &known);
	assert_true(!known && arg.kind == TF_MEM && arg.dir == TF_RX && arg.unit == 24);
	/* unknown, without */
	arg = resolve("ioctl", 2, 0, 0x7899, &known);
	assert_true(!known && arg.kind == TF_ULONG);
	arg = resolve("fcntl", 2, 0, 1, &known); /* F_GETFD */
	assert_true(known && arg.kind == TF_NONE);
	arg = resolve("fcntl", 2, 0, 5, &known); /* F_GETLK */
	assert_true(known && arg.kind == TF_MEM && arg.dir == TF_RTX && arg.unit == 32);
	/* garbage in the mode of an open that creates nothing is not compared */
	arg = resolve("open", 2, 0, 0, &known);
	assert_int_equal(arg.kind, TF_NONE);
	arg = resolve("open", 2, 0, 0100, &known);
	assert_int_equal(arg.kind, TF_MODE);
	arg =
	    resolve("futex", 4, 0, 128 | 1, &known); /* FUTEX_WAKE_PRIVATE: no uaddr2 */
	assert_int_equal(arg.kind, TF_NONE);
	arg = resolve("futex", 4, 0, 4, &known); /* FUTEX_CMP_REQUEUE */
	assert_int_equal(arg.kind, TF_PTR);
	arg = resolve("futex", 5, 0, 4, &known);
	assert_int_equal(arg.kind, TF_UINT);
	arg = resolve("prctl", 2, 15, 0, &known); /* PR_SET_NAME has no arg3 */
	assert_int_equal(arg.kind, TF_NONE);

	args[0] = 59; /* PR_SET_SYSCALL_USER_DISPATCH */
	assert_int_equal(tf_class_resolve(tf_call_by_name("prctl"), args), TF_REFUSE);
	assert_int_equal(tf_refuse_errno(tf_call_by_name("prctl"), args), 22);
	args[0] = 0x1002; /* ARCH_SET_FS */
	assert_int_equal(tf_class_resolve(tf_call_by_name("arch_prctl"), args),
			 TF_LOCAL);
	args[1] = TIOCGWINSZ;
	assert_int_equal(tf_class_resolve(tf_call_by_name("ioctl"), args), TF_RECORD);
	assert_true(tf_flags_resolve(tf_call_by_name("ioctl"), args) & TF_QUICK);
	args[1] = 1;
	assert_int_equal(tf_class_resolve(tf_call_by_name("futex"), args), TF_BYHAND);
	assert_int_equal(tf_class_resolve(tf_call_by_name("read"), args), TF_RECORD);
}

/* --- every row through the wire and both printers --- */

/* Accepts one JSON value; NULL when it is none. */
static const char *json(const char *p, int depth)
{
	char end;

	if (!p || depth > 40)
		return NULL;
	if (*p == '{' || *p == '[') {
		end = *p == '{' ? '}' : ']';
		if (*++p == end)
			return p + 1;
		for (;;) {
			if (end == '}') {
				if (*p != '"' || !(p = json(p, depth + 1)) ||
				    *p++ != ':')
					return NULL;
			}
			p = json(p, depth + 1);
			if (!p)
				return NULL;
			if (*p == end)
				return p + 1;
			if (*p++ != ',')
				return NULL;
		}
	}
	if (*p == '"') {
		for (p++; *p != '"'; p++) {
			if ((unsigned char)*p < 0x20)
				return NULL;
			if (*p == '\\' && !strchr("\"\\/bfnrtu", *++p))
				return NULL;
		}
		return p + 1;
	}
	for (const char *const *w =
		 (const char *const[]){"null", "true", "false", NULL};
	     *w; w++)
		if (!strncmp(p, *w, strlen(*w)))
			return p + strlen(*w);
	if (*p == '-' || (*p >= '0' && *p <= '9'))
		return p + strspn(p, "-+.eE0123456789");
	return NULL;
}

struct wire {
	uint8_t bytes[8192];
	uint8_t *p;
};

static void put_bytes(struct wire *w, uint32_t len, uint8_t first)
{
	w->p = tf_put_bin(w->p, len);
	for (uint32_t i = 0; i < len; i++)
		*w->p++ = (uint8_t)(first + i);
}

static void put_message(struct wire *w)
{
	w->p = tf_put_array(w->p, 6);
	put_bytes(w, 16, 2);
	put_bytes(w, 40, 'a');
	w->p = tf_put_nil(w->p);
	w->p = tf_put_int(w->p, 0x40);
	w->p = tf_put_int(w->p, 16);
	w->p = tf_put_int(w->p, 0);
}

static void put_item(struct wire *w, const struct tf_arg *arg)
{
	if (arg->rule == TF_STRV) {
		w->p = tf_put_array(w->p, 2);
		put_bytes(w, 3, 'a');
		put_bytes(w, 0, 0);
	} else if (arg->rule == TF_MSG) {
		put_message(w);
	} else if (arg->rule == TF_MMSG) {
		w->p = tf_put_array(w->p, 1);
		w->p = tf_put_array(w->p, 2);
		put_message(w);
		w->p = tf_put_int(w->p, 40);
	} else if (arg->rule == TF_FIXED) {
		put_bytes(w, arg->unit, 1);
	} else {
		put_bytes(w, 48, 'A');
	}
}

/* Any event whose arguments resolve as `args` say. `nil`: no memory was captured. */
static void encode(struct wire *w, const struct tf_call *call,
		   const unsigned long args[6], int64_t result, bool nil)
{
	struct tf_arg arg[6];
	int known;
	uint8_t body[sizeof(w->bytes)];
	unsigned count = 4;

	w->p = body;
	w->p = tf_put_uint(w->p, call->id);
	w->p = tf_put_uint(w->p, 1000);
	w->p = tf_put_uint(w->p, 20);
	w->p = tf_put_int(w->p, result);
	for (unsigned i = 0; i < call->nargs; i++) {
		arg[i] = tf_arg_resolve(call, i, args, &known);
		if (arg[i].kind == TF_MEM)
			continue;
		w->p = tf_put_int(w->p, (int64_t)args[i]);
		count++;
	}
	for (unsigned i = 0; i < call->nargs; i++) {
		if (arg[i].kind != TF_MEM)
			continue;
		for (int n = arg[i].dir == TF_RTX ? 2 : 1; n--; count++) {
			if (nil)
				w->p = tf_put_nil(w->p);
			else
				put_item(w, &arg[i]);
		}
	}
	uint8_t *start = tf_put_array(w->bytes, count);
	size_t len = (size_t)(w->p - body);

	memcpy(start, body, len);
	w->p = start + len;
}

static void decode(const struct wire *w, struct deja_event *ev)
{
	struct tf_in in = {w->bytes, w->p, 0};
	const struct tf_call *call;
	unsigned long args[6] = {0};
	int known;

	memset(ev, 0, sizeof(*ev));
	ev->stream = 1;
	ev->number = 7;
	ev->pid = ev->tid = 1234;
	ev->raw = (struct deja_bytes){w->bytes, (size_t)(w->p - w->bytes)};
	tf_get_array(&in);
	ev->id = (unsigned)tf_get_int(&in);
	call = tf_call_by_id(ev->id);
	assert_non_null(call);
	ev->time_ns = tf_get_int(&in);
	ev->dur_ns = tf_get_int(&in);
	ev->result = tf_get_int(&in);
	for (unsigned i = 0; i < call->nargs; i++)
		if (tf_arg_resolve(call, i, args, &known).kind != TF_MEM)
			ev->args[i] = (long)(args[i] = (unsigned long)tf_get_int(&in));
	for (unsigned i = 0; i < call->nargs; i++) {
		struct tf_arg arg = tf_arg_resolve(call, i, args, &known);

		if (arg.kind != TF_MEM)
			continue;
		for (unsigned dir = TF_TX; dir <= TF_RX; dir++) {
			struct deja_item *item = &ev->items[ev->item_count];
			const uint8_t *from = in.p;
			uint32_t len;

			if (!(arg.dir & dir))
				continue;
			ev->item_count++;
			item->arg = i;
			item->inbound = dir == TF_RX;
			if (tf_get_nil(&in))
				continue;
			item->present = true;
			if (arg.rule == TF_STRV || arg.rule == TF_MSG ||
			    arg.rule == TF_MMSG) {
				tf_skip(&in);
				item->bytes.data = from;
				item->bytes.len = (size_t)(in.p - from);
			} else {
				item->bytes.data = tf_get_bytes(&in, &len);
				item->bytes.len = len;
			}
		}
	}
	assert_false(in.bad);
	assert_ptr_equal(in.p, in.end);
}

static void check_event(const struct tf_call *call, const unsigned long args[6],
			int64_t result, bool nil)
{
	struct wire w;
	struct deja_event ev;
	char *text = NULL, *object = NULL, expect[128];
	size_t text_len, object_len;
	FILE *out;
	const char *end;

	encode(&w, call, args, result, nil);
	decode(&w, &ev);
	assert_int_equal(ev.result, result);
	for (unsigned i = 0; i < call->nargs; i++)
		if (ev.args[i])
			assert_int_equal(ev.args[i], args[i]);

	out = open_memstream(&text, &text_len);
	tf_print_event(out, &ev, NULL);
	fclose(out);
	snprintf(expect, sizeof(expect), "    0.000001 1234 %s(", call->name);
	if (strncmp(text, expect, strlen(expect)) || text[text_len - 1] != '\n' ||
	    strchr(text, '\n') != text + text_len - 1)
		fail_msg("%s", text);
	if (result < 0 && !strstr(text, ") = -1 EINTR (Interrupted system call)\n"))
		fail_msg("%s", text);

	out = open_memstream(&object, &object_len);
	tf_json_event(out, &ev, NULL);
	fclose(out);
	end = json(object, 0);
	if (!end || strcmp(end, "\n"))
		fail_msg("%s", object);
	snprintf(expect, sizeof(expect), "\"call\":\"%s\"", call->name);
	if (!strstr(object, expect))
		fail_msg("%s", object);
	snprintf(expect, sizeof(expect), "\"result\":%ld,", (long)result);
	if (!strstr(object, expect))
		fail_msg("%s", object);
	for (unsigned i = 0; i < call->nargs; i++) {
		int known;
		struct tf_arg arg = tf_arg_resolve(call, i, args, &known);

		snprintf(expect, sizeof(expect), "\"%s\":", arg.name);
		if (arg.kind != TF_NONE && !strstr(object, expect))
			fail_msg("%s lacks %s", object, arg.name);
		snprintf(expect, sizeof(expect), "\"%s\":%ld", arg.name, (long)args[i]);
		if ((arg.kind == TF_SIZE || arg.kind == TF_UINT) &&
		    !strstr(object, expect))
			fail_msg("%s lacks %s", object, expect);
	}
	free(text);
	free(object);
}

static void check_all(const struct tf_call *call, const unsigned long args[6])
{
	check_event(call, args, 3, false);
	check_event(call, args, 0, true);
	check_event(call, args, -4, true);
}

static void every_row_round_trips(void **state)
{
	for (int nr = 0; nr <= NR_LAST; nr++) {
		const struct tf_call *call = tf_call_by_nr(nr);
		unsigned long args[6];

		if (!call)
			continue;
		for (unsigned i = 0; i < 6; i++)
			args[i] = 11 + i;
		check_all(call, args);
	}
	for (size_t t = 0; t < sizeof(by_request) / sizeof(by_request[0]); t++) {
		const struct tf_call *call = tf_call_by_name(by_request[t]);
		const struct tf_arg *arg = &call->arg[sub_arg(call)];
		unsigned long args[6] = {11, 12, 13, 14, 15, 16};
		const struct tf_sub *sub;

		for (unsigned i = 0; (sub = tf_sub_at(arg->xlat, i)); i++) {
			args[arg->ref - 1] = sub->request;
			check_all(call, args);
		}
		args[arg->ref - 1] = 0xc0184203; /* nobody's, with a size for ioctl */
		check_all(call, args);
	}
}

/* An id below those of calls is an event's or reserved, never both. */
static void small_ids_are_taken_or_reserved(void **state)
{
	for (unsigned id = 1; id < TF_ID_FIRST; id++) {
		bool taken = strcmp(tf_event_kind(id), "unknown") != 0;

		assert_int_equal(taken, !tf_event_is_reserved(id));
		assert_false(tf_event_is_reserved(id) && tf_event_is_timed(id));
	}
	assert_false(tf_event_is_reserved(0));
	assert_false(tf_event_is_reserved(TF_ID_FIRST));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_number_has_a_row),
	    cmocka_unit_test(names_are_the_headers),
	    cmocka_unit_test(arguments_are_consistent),
	    cmocka_unit_test(refusals_have_reasons),
	    cmocka_unit_test(sub_tables_are_consistent),
	    cmocka_unit_test(requests_are_the_headers),
	    cmocka_unit_test(requests_decide),
	    cmocka_unit_test(every_row_round_trips),
	    cmocka_unit_test(small_ids_are_taken_or_reserved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
