/*
 * Exact lines and JSON objects of the printer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tracefmt/parts.h"
#include "tracefmt/wire.h"

static struct deja_event call(const char *name, int64_t result)
{
	return (struct deja_event){.stream = 2,
				   .number = 9,
				   .id = tf_call_by_name(name)->id,
				   .pid = 1234,
				   .tid = 1234,
				   .time_ns = 12345678,
				   .dur_ns = 5000,
				   .result = result};
}

static void item(struct deja_event *ev, unsigned arg, bool inbound, const void *bytes,
		 size_t len)
{
	ev->items[ev->item_count++] = (struct deja_item){
	    .arg = arg, .inbound = inbound, .present = true, .bytes = {bytes, len}};
}

#define TEXT(ev, arg, s) item(ev, arg, false, s, sizeof(s))
#define BYTES(ev, arg, in, ...)                                                        \
	item(ev, arg, in, (const uint8_t[]){__VA_ARGS__},                              \
	     sizeof((uint8_t[]){__VA_ARGS__}))

/* What is printed without time and pid. */
static void expect(const struct deja_event *ev, const char *line)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	tf_print_call(out, ev, NULL);
	fclose(out);
	assert_string_equal(text, line);
	free(text);
}

static void expect_json(const struct deja_event *ev, const char *line)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	tf_json_event(out, ev, NULL);
	fclose(out);
	assert_string_equal(text, line);
	free(text);
}

static struct deja_event openat_passwd(void)
{
	struct deja_event ev = call("openat", 3);

	ev.args[0] = -100;
	ev.args[2] = 02000000;
	TEXT(&ev, 1, "/etc/passwd");
	return ev;
}

static void whole_lines(void **state)
{
	struct deja_event ev = openat_passwd();
	struct tf_print_opts opts = {.show_stream = true};
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	tf_print_event(out, &ev, NULL);
	ev.tid = 1240;
	tf_print_event(out, &ev, &opts);
	fclose(out);
	assert_string_equal(
	    text, "    0.012345 1234 openat(AT_FDCWD, \"/etc/passwd\", "
		  "O_RDONLY|O_CLOEXEC) = 3\n"
		  "    0.012345 [2] 1234/1240 "
		  "openat(AT_FDCWD, \"/etc/passwd\", O_RDONLY|O_CLOEXEC) = 3\n");
	free(text);
}

static void files(void **state)
{
	struct deja_event ev = call("read", 5);
	uint8_t stat[144] = {0};

	ev.args[0] = 3;
	ev.args[2] = 4096;
	item(&ev, 1, true, "a\n\0\0331", 5);
	expect(&ev, "read(3, \"a\\n\\0\\0331\", 4096) = 5");

	ev = call("read", -11);
	ev.args[2] = 10;
	expect(&ev, "read(0, ?, 10) = -1 EAGAIN (Resource temporarily unavailable)");

	ev = call("read", 0);
	ev.args[2] = 10;
	expect(&ev, "read(0, \"\", 10) = 0");

	ev = call("write", 40);
	ev.args[0] = 1;
	ev.args[2] = 40;
	item(&ev, 1, false, "0123456789012345678901234567890123456789", 40);
	expect(&ev, "write(1, \"01234567890123456789012345678901\"..., 40) = 40");

	ev.items[0].is_digest = true;
	ev.items[0].digest = 0xabc;
	expect(&ev, "write(1, xxh64:0000000000000abc, 40) = 40");

	ev = call("open", 4);
	ev.args[1] = 01101;
	ev.args[2] = 0644;
	TEXT(&ev, 0, "out");
	expect(&ev, "open(\"out\", O_WRONLY|O_CREAT|O_TRUNC, 0644) = 4");

	stat[25] = 0x81; /* S_IFREG|0644 */
	stat[24] = 0xa4;
	stat[48] = 7;
	ev = call("newfstatat", 0);
	ev.args[0] = 5;
	ev.args[3] = 0x1000;
	TEXT(&ev, 1, "");
	item(&ev, 2, true, stat, sizeof(stat));
	expect(&ev, "newfstatat(5, \"\", {st_dev=0, st_ino=0, st_mode=S_IFREG|0644, "
		    "st_nlink=0, st_uid=0, st_gid=0, st_size=7, "
		    "st_mtime={tv_sec=0, tv_nsec=0}}, AT_EMPTY_PATH) = 0");

	ev = call("fcntl", 0x8002);
	ev.args[1] = 3;
	expect(&ev, "fcntl(0, F_GETFL) = 0x8002 (flags O_RDWR|O_LARGEFILE)");

	ev = call("ioctl", 0);
	ev.args[1] = 0x5413;
	BYTES(&ev, 2, true, 24, 0, 80, 0, 0, 0, 0, 0);
	expect(&ev, "ioctl(0, TIOCGWINSZ, {ws_row=24, ws_col=80, ws_xpixel=0, "
		    "ws_ypixel=0}) = 0");

	ev = call("ioctl", -25);
	ev.args[1] = 0x80187863;
	expect(&ev, "ioctl(0, _IOC(_IOC_READ, 0x78, 0x63, 0x18), ?) = "
		    "-1 ENOTTY (Inappropriate ioctl for device)");

	ev = call("pipe2", 0);
	BYTES(&ev, 0, true, 3, 0, 0, 0, 4, 0, 0, 0);
	expect(&ev, "pipe2([3, 4], 0) = 0");
}

static void memory(void **state)
{
	struct deja_event ev = call("mmap", 0x7f0000001000);

	ev.args[1] = 8192;
	ev.args[2] = 3;
	ev.args[3] = 0x22;
	ev.args[4] = -1;
	expect(&ev, "mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, "
		    "-1, 0) = 0x7f0000001000");

	ev = call("mprotect", 0);
	ev.args[0] = 0x400000;
	ev.args[1] = 4096;
	expect(&ev, "mprotect(0x400000, 4096, PROT_NONE) = 0");
}

static void processes(void **state)
{
	struct deja_event ev = call("wait4", 99);
	static const uint8_t argv[] = {0x92, 0xc4, 2, 'l', 's', 0xc4, 2, '-', 'l'};

	ev.args[0] = -1;
	BYTES(&ev, 1, true, 0, 3, 0, 0);
	expect(&ev, "wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 3}], 0, NULL) = 99");
	ev.items[0].bytes.data = (const uint8_t[]){139, 0, 0, 0};
	expect(
	    &ev,
	    "wait4(-1, [{WIFSIGNALED(s) && WTERMSIG(s) == SIGSEGV && WCOREDUMP(s)}], "
	    "0, NULL) = 99");

	ev = call("execve", -2);
	TEXT(&ev, 0, "/bin/ls");
	item(&ev, 1, false, argv, sizeof(argv));
	item(&ev, 2, false, "\x90", 1);
	expect(&ev, "execve(\"/bin/ls\", [\"ls\", \"-l\"], [/* 0 vars */]) = "
		    "-1 ENOENT (No such file or directory)");

	ev = call("clone", 100);
	ev.args[0] = 0x01200011;
	expect(&ev,
	       "clone(CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, NULL, NULL, "
	       "NULL, 0) = 100");

	ev = call("exit_group", 0);
	ev.args[0] = 3;
	expect(&ev, "exit_group(3) = ?");

	ev = call("futex", 1);
	ev.args[0] = 1;
	ev.args[1] = 129;
	ev.args[2] = 1;
	expect(&ev, "futex(<ptr>, FUTEX_WAKE_PRIVATE, 1) = 1");

	ev = call("kill", 0);
	ev.args[0] = 1;
	ev.args[1] = 15;
	expect(&ev, "kill(1, SIGTERM) = 0");

	ev = call("rt_sigprocmask", 0);
	ev.args[3] = 8;
	BYTES(&ev, 1, false, 2, 64, 0, 0, 0, 0, 0, 0);
	expect(&ev, "rt_sigprocmask(SIG_BLOCK, [INT TERM], NULL, 8) = 0");

	ev = call("nanosleep", TF_RESTART);
	BYTES(&ev, 0, false, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	expect(
	    &ev,
	    "nanosleep({tv_sec=1, tv_nsec=0}, ?) = ? (interrupted, to be made again)");
}

static void network(void **state)
{
	struct deja_event ev = call("connect", -115);
	static const uint8_t inet6[28] = {10, 0, 0, 53, [23] = 1};
	uint8_t msg[128], *p;

	ev.args[0] = 3;
	ev.args[2] = 16;
	BYTES(&ev, 1, false, 2, 0, 0, 80, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);
	expect(&ev, "connect(3, {sa_family=AF_INET, sin_port=htons(80), "
		    "sin_addr=inet_addr(\"127.0.0.1\")}, 16) = "
		    "-1 EINPROGRESS (Operation now in progress)");

	ev = call("bind", 0);
	ev.args[2] = 28;
	item(&ev, 1, false, inet6, sizeof(inet6));
	expect(&ev, "bind(0, {sa_family=AF_INET6, sin6_port=htons(53), "
		    "inet_pton(AF_INET6, \"::1\", &sin6_addr)}, 28) = 0");

	ev = call("accept4", 5);
	ev.args[3] = 02000000;
	BYTES(&ev, 1, true, 1, 0);
	BYTES(&ev, 2, false, 16, 0, 0, 0);
	BYTES(&ev, 2, true, 2, 0, 0, 0);
	expect(&ev, "accept4(0, {sa_family=AF_UNIX}, [16 => 2], SOCK_CLOEXEC) = 5");

	ev = call("setsockopt", 0);
	ev.args[0] = 3;
	ev.args[1] = 6;
	ev.args[2] = 1;
	ev.args[4] = 4;
	BYTES(&ev, 3, false, 1, 0, 0, 0);
	expect(&ev, "setsockopt(3, SOL_TCP, TCP_NODELAY, [1], 4) = 0");

	p = tf_put_array(msg, 6);
	p = tf_put_nil(p);
	p = tf_put_bin(p, 2);
	*p++ = 'h';
	*p++ = 'i';
	p = tf_put_bin(p, 20);
	memcpy(p, (const uint8_t[20]){20, [8] = 1, [12] = 1, [16] = 7}, 20);
	p += 20;
	p = tf_put_int(p, 0x40000000);
	p = tf_put_int(p, 0);
	p = tf_put_int(p, 24);
	ev = call("recvmsg", 2);
	item(&ev, 1, true, msg, (size_t)(p - msg));
	expect(&ev,
	       "recvmsg(0, {msg_name=NULL, msg_data=\"hi\", msg_control=[{cmsg_len=20, "
	       "cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=[7]}], "
	       "msg_flags=MSG_CMSG_CLOEXEC}, 0) = 2");

	ev = call("poll", 1);
	ev.args[1] = 1;
	ev.args[2] = -1;
	BYTES(&ev, 0, true, 3, 0, 0, 0, 1, 0, 17, 0);
	expect(&ev, "poll([{fd=3, events=POLLIN, revents=POLLIN|POLLHUP}], 1, -1) = 1");

	ev = call("epoll_wait", 1);
	ev.args[2] = 8;
	BYTES(&ev, 1, true, 1, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0);
	expect(&ev, "epoll_wait(0, {events=EPOLLIN, data=0x5}, 8, 0) = 1");
}

/* --- events that are not calls --- */

static uint8_t raw[512];

static uint8_t *begin(struct deja_event *ev, unsigned id, unsigned fields)
{
	*ev = (struct deja_event){
	    .stream = 1, .number = 1, .pid = 12, .tid = 12, .id = id};
	ev->raw.data = raw;
	return tf_put_uint(tf_put_array(raw, fields + 1), id);
}

static void end(struct deja_event *ev, const uint8_t *p)
{
	ev->raw.len = (size_t)(p - raw);
}

static uint8_t *put_bin(uint8_t *p, const char *text)
{
	p = tf_put_bin(p, (uint32_t)strlen(text));
	memcpy(p, text, strlen(text));
	return p + strlen(text);
}

static uint8_t *put_str(uint8_t *p, const char *text)
{
	p = tf_put_str(p, (uint32_t)strlen(text));
	memcpy(p, text, strlen(text));
	return p + strlen(text);
}

static void other_events(void **state)
{
	struct deja_event ev;
	uint8_t *p;

	p = begin(&ev, TF_EV_SIGNAL, 3);
	p = tf_put_bin(tf_put_int(tf_put_int(p, 5), 17), 128);
	memset(p, 0, 128);
	p[0] = 17;
	p[8] = 1;
	p[16] = 99;
	p[24] = 3;
	end(&ev, p + 128);
	expect(
	    &ev,
	    "--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=99, si_uid=0, "
	    "si_status=3} ---");

	p = begin(&ev, TF_EV_IMAGE, 2);
	p = tf_put_map(tf_put_int(p, 5), 2);
	p = put_bin(put_str(p, "exe"), "/bin/ls");
	p = put_bin(tf_put_array(put_str(p, "argv"), 1), "ls");
	end(&ev, p);
	expect(&ev, "+++ image /bin/ls [\"ls\"] +++");
	expect_json(
	    &ev, "{\"stream\":1,\"event\":1,\"time\":0.000000000,\"pid\":12,\"tid\":12,"
		 "\"kind\":\"image\",\"args\":{\"dt\":5,\"image\":{\"exe\":\"/bin/ls\","
		 "\"argv\":[\"ls\"]}}}\n");

	p = begin(&ev, TF_EV_CLOCK, 2);
	end(&ev, tf_put_int(tf_put_int(p, 1), 35));
	expect(&ev, "clock_gettime(CLOCK_MONOTONIC) = +35 ns");
	ev.result = 5000000001;
	expect(&ev, "clock_gettime(CLOCK_MONOTONIC) = 5.000000001");

	p = begin(&ev, TF_EV_OUTPUT, 2);
	end(&ev, tf_put_int(tf_put_int(p, 5), 2));
	expect(&ev, "+++ output 5 to stderr +++");

	p = begin(&ev, TF_EV_CHILD, 5);
	p = tf_put_int(tf_put_int(tf_put_int(p, 5), 1), 120);
	end(&ev, tf_put_int(tf_put_int(p, 119), 120));
	expect(&ev, "+++ child 120 of 119 (stream 1) +++");

	p = begin(&ev, TF_EV_EXEC, 4);
	p = put_bin(tf_put_int(p, 5), "/bin/a\nb");
	end(&ev, tf_put_int(tf_put_int(p, 0), 0));
	expect(&ev, "+++ exec \"/bin/a\\nb\" +++");

	p = begin(&ev, TF_EV_NOTE, 1);
	end(&ev, put_str(p, "ring was full"));
	expect(&ev, "+++ note: ring was full +++");

	p = begin(&ev, TF_EV_END, 2);
	end(&ev, put_str(tf_put_int(p, 5), "no space left"));
	expect(&ev, "+++ recording stopped here: no space left +++");

	begin(&ev, 31, 0);
	expect(&ev, "+++ event of unknown id 31 +++");
}

/* Events cut short at every byte print something and do not read past their end. */
static void damaged_events(void **state)
{
	struct deja_event ev;
	uint8_t *copy;

	for (unsigned id = TF_EV_SYNC; id <= TF_EV_END; id++) {
		for (size_t len = 0; len < 40; len++) {
			FILE *out = fopen("/dev/null", "w");

			begin(&ev, id, 5);
			copy = malloc(len + 1);
			memcpy(copy, raw, len);
			ev.raw = (struct deja_bytes){copy, len};
			tf_print_event(out, &ev, NULL);
			tf_json_event(out, &ev, NULL);
			fclose(out);
			free(copy);
		}
	}
}

/* Any bytes as any argument of any call: nothing beyond them is read. */
static void any_memory(void **state)
{
	FILE *out = fopen("/dev/null", "w");
	uint32_t seed = 1;

	for (unsigned round = 0; round < 20; round++) {
		for (long nr = 0; nr < TF_CALL_MAX; nr++) {
			const struct tf_call *row = tf_call_by_nr(nr);
			struct deja_event ev = {.id = row ? row->id : 0, .result = 3};
			size_t len = (seed >> 8) % 64;
			uint8_t *bytes = malloc(len);

			for (size_t i = 0; i < len; i++)
				bytes[i] =
				    (uint8_t)((seed = seed * 1103515245 + 12345) >> 16);
			if (len > 2 && round & 1)
				bytes[0] = round & 2 ? 0x96 : 0x91, bytes[1] = 0x92;
			for (unsigned i = 0; i < 6; i++) {
				ev.args[i] = (seed = seed * 1103515245 + 12345) >> 18;
				item(&ev, i, false, bytes, len);
				item(&ev, i, true, bytes, len);
			}
			tf_print_event(out, &ev, NULL);
			tf_json_event(out, &ev, NULL);
			free(bytes);
		}
	}
	fclose(out);
}

static void json_objects(void **state)
{
	struct deja_event ev = openat_passwd();

	expect_json(&ev,
		    "{\"stream\":2,\"event\":9,\"time\":0.012345678,\"pid\":1234,"
		    "\"tid\":1234,\"call\":\"openat\",\"args\":{\"dirfd\":-100,"
		    "\"pathname\":\"/etc/passwd\",\"flags\":\"O_RDONLY|O_CLOEXEC\"},"
		    "\"result\":3,\"dur\":0.000005000,\"items\":[{\"arg\":\"pathname\","
		    "\"dir\":\"out\",\"len\":11,\"text\":\"/etc/passwd\"}]}\n");
	ev = call("read", -4);
	expect_json(
	    &ev, "{\"stream\":2,\"event\":9,\"time\":0.012345678,\"pid\":1234,"
		 "\"tid\":1234,\"call\":\"read\",\"args\":{\"fd\":0,\"buf\":null,"
		 "\"count\":0},\"result\":-4,\"errno\":\"EINTR\",\"dur\":0.000005000,"
		 "\"items\":[]}\n");
}

static void json_strings(void **state)
{
	static const struct {
		const char *bytes, *json;
	} cases[] = {
	    {"plain", "\"plain\""},
	    {"q\"b\\n\n", "\"q\\\"b\\\\n\\n\""},
	    {"\x01\x7f", "\"\\u0001\\u007f\""},
	    {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
	     "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
	    {"\xc3", "\"\\u00c3\""},			   /* cut short */
	    {"\xc0\xaf", "\"\\u00c0\\u00af\""},		   /* overlong */
	    {"\xed\xa0\x80", "\"\\u00ed\\u00a0\\u0080\""}, /* a surrogate */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = NULL;
		size_t len;
		FILE *out = open_memstream(&text, &len);

		tf_json_string(out, cases[i].bytes, strlen(cases[i].bytes));
		fclose(out);
		assert_string_equal(text, cases[i].json);
		free(text);
	}
}

/* What does not fit a step of the fast way, at every place and length: byte by byte is the same. */
static void json_strings_of_any_length(void **state)
{
	static const char *const odd[] = {"\"", "\\", "\n", "\x01", "\x7f", "\x1f", "\xc3\xa4", "\xc3", ""};
	static const char *const shown[] = {"\\\"",    "\\\\",     "\\n", "\\u0001", "\\u007f",
					    "\\u001f", "\xc3\xa4", "\\u00c3", ""};

	for (size_t k = 0; k < sizeof(odd) / sizeof(odd[0]); k++)
		for (size_t before = 0; before < 40; before++)
			for (size_t after = 0; after < 36; after++) {
				char bytes[128], want[128], *text = NULL;
				size_t len, n;
				FILE *out = open_memstream(&text, &len);

				n = (size_t)sprintf(bytes, "%.*s%s%.*s", (int)before,
						    "~ abcdefghijklmnopqrstuvwxyz 0123456789!", odd[k],
						    (int)after, "zyxwvutsrqponmlkjihgfedcba 9876543210 !");
				sprintf(want, "\"%.*s%s%.*s\"", (int)before,
					"~ abcdefghijklmnopqrstuvwxyz 0123456789!", shown[k], (int)after,
					"zyxwvutsrqponmlkjihgfedcba 9876543210 !");
				tf_json_string(out, bytes, n);
				fclose(out);
				assert_string_equal(text, want);
				free(text);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(whole_lines),    cmocka_unit_test(files),
	    cmocka_unit_test(memory),	      cmocka_unit_test(processes),
	    cmocka_unit_test(network),	      cmocka_unit_test(other_events),
	    cmocka_unit_test(damaged_events), cmocka_unit_test(any_memory),
	    cmocka_unit_test(json_objects),   cmocka_unit_test(json_strings),
	    cmocka_unit_test(json_strings_of_any_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
