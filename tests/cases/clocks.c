/*
 * Clocks: every clock id by libc, by system call and by the vDSO's own address; times,
 * usage, sleeping. Shows that no way of reading the time escapes.
 */
#include "victim.h"
#include <elf.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/timex.h>

/* The vDSO's symbol, found as a program without libc finds it. */
static void *vdso_symbol(const char *name)
{
	const char *base = (void *)getauxval(AT_SYSINFO_EHDR);
	const Elf64_Ehdr *eh = (const void *)base;
	const Elf64_Phdr *ph = (const void *)(base + eh->e_phoff);
	const Elf64_Sym *sym = NULL;
	const Elf64_Dyn *dyn = NULL;
	const char *str = NULL;
	const uint32_t *hash = NULL;

	for (int i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_DYNAMIC)
			dyn = (const void *)(base + ph[i].p_offset);
	for (; dyn && dyn->d_tag; dyn++) {
		if (dyn->d_tag == DT_SYMTAB)
			sym = (const void *)(base + dyn->d_un.d_ptr);
		if (dyn->d_tag == DT_STRTAB)
			str = base + dyn->d_un.d_ptr;
		if (dyn->d_tag == DT_HASH)
			hash = (const void *)(base + dyn->d_un.d_ptr);
	}
	if (!sym || !str)
		return NULL;
	for (uint32_t i = 1; i < (hash ? hash[1] : 16); i++)
		if (strcmp(str + sym[i].st_name, name) == 0)
			return (void *)(base + sym[i].st_value);
	return NULL;
}

static void ids(void)
{
	static const clockid_t all[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID,
		CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
		CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, CLOCK_TAI};
	struct timespec ts, res;
	clockid_t cpu;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		T_CHECK(clock_gettime(all[i], &ts) == 0 && clock_getres(all[i], &res) == 0);
		printf("clock %d: %ld.%09ld, resolution %ld\n", all[i], (long)ts.tv_sec,
		       ts.tv_nsec, res.tv_nsec);
		T_CHECK(syscall(SYS_clock_gettime, all[i], &ts) == 0);
		printf("by call: %ld.%09ld\n", (long)ts.tv_sec, ts.tv_nsec);
	}
	for (clockid_t id = 0; id < 20; id++) { /* the machine may not have some, and some are none */
		errno = 0;
		ts.tv_sec = ts.tv_nsec = 0;
		printf("clock %d: %d", id, clock_gettime(id, &ts));
		printf(" (%d), %ld.%09ld\n", errno, (long)ts.tv_sec, ts.tv_nsec);
	}
	T_CHECK(clock_getcpuclockid(0, &cpu) == 0 && clock_gettime(cpu, &ts) == 0);
	printf("cpu clock %d: %ld\n", cpu, ts.tv_nsec);
	T_FAILS(EINVAL, clock_gettime(99, &ts));
	T_FAILS(EINVAL, clock_settime(99, &ts));

	int (*vgettime)(clockid_t, struct timespec *) = vdso_symbol("__vdso_clock_gettime");
	time_t (*vtime)(time_t *) = vdso_symbol("__vdso_time");
	int (*vtod)(struct timeval *, void *) = vdso_symbol("__vdso_gettimeofday");
	int (*vcpu)(unsigned *, unsigned *, void *) = vdso_symbol("__vdso_getcpu");
	struct timeval tv;
	unsigned c, n;
	if (vgettime) {
		T_CHECK(vgettime(CLOCK_REALTIME, &ts) == 0);
		printf("vdso %ld.%09ld\n", (long)ts.tv_sec, ts.tv_nsec);
	}
	if (vtod) {
		T_CHECK(vtod(&tv, NULL) == 0);
		printf("vdso tod %ld.%06ld\n", (long)tv.tv_sec, (long)tv.tv_usec);
	}
	if (vtime)
		printf("vdso time %ld\n", (long)vtime(NULL));
	if (vcpu) {
		T_CHECK(vcpu(&c, &n, NULL) == 0);
		printf("vdso cpu %u node %u\n", c, n);
	}
}

static void sleeping(void)
{
	struct timespec ts = {0, 1500000}, rem = {7, 7};
	int64_t before = t_now_ns(CLOCK_MONOTONIC), after;

	T_CHECK(nanosleep(&ts, &rem) == 0 && rem.tv_sec == 7);
	T_CHECK(clock_nanosleep(CLOCK_REALTIME, 0, &ts, NULL) == 0);
	T_CHECK(clock_gettime(CLOCK_MONOTONIC, &ts) == 0);
	ts.tv_nsec += 900000;
	if (ts.tv_nsec >= 1000000000)
		ts.tv_nsec -= 1000000000, ts.tv_sec++;
	T_CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == 0);
	T_CHECK(usleep(100) == 0 && sleep(0) == 0);
	ts.tv_nsec = -1;
	T_FAILS(EINVAL, nanosleep(&ts, NULL));
	T_CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL) == EINVAL);
	after = t_now_ns(CLOCK_MONOTONIC);
	T_CHECK(after - before >= 3900000);
	printf("slept %ld\n", (long)(after - before));
}

int main(void)
{
	struct timeval tv;
	struct timezone tz;
	struct timespec ts;
	struct rusage ru;
	struct tms tms;
	struct timex tx = {0};
	unsigned cpu, node;
	uint64_t sum = 0;
	int64_t last = 0, now;

	ids();
	sleeping();
	T_CHECK(gettimeofday(&tv, &tz) == 0 && gettimeofday(&tv, NULL) == 0);
	printf("tod %ld.%06ld zone %d\n", (long)tv.tv_sec, (long)tv.tv_usec, tz.tz_minuteswest);
	T_CHECK(syscall(SYS_gettimeofday, &tv, NULL) == 0 && syscall(SYS_time, NULL) > 1600000000);
	time_t t, t2 = time(&t);
	T_CHECK(t == t2 && labs((long)(t - tv.tv_sec)) <= 1);
	T_CHECK(timespec_get(&ts, TIME_UTC) == TIME_UTC);
	printf("time %ld timespec_get %09ld clock %ld\n", (long)t, ts.tv_nsec, (long)clock());
	T_CHECK(getcpu(&cpu, &node) == 0 && sched_getcpu() >= 0);
	T_CHECK(syscall(SYS_getcpu, &cpu, NULL, NULL) == 0);
	printf("cpu %u\n", cpu);
	printf("times %ld utime %ld\n", (long)times(&tms), (long)tms.tms_utime);
	for (int who = RUSAGE_CHILDREN; who <= RUSAGE_SELF; who++) {
		T_CHECK(getrusage(who, &ru) == 0);
		printf("usage %d: %ld us, %ld kB, %ld faults\n", who, (long)ru.ru_utime.tv_usec,
		       ru.ru_maxrss, ru.ru_minflt);
	}
	T_CHECK(adjtimex(&tx) >= 0);
	printf("adjtimex %ld\n", tx.time.tv_usec);
	for (int i = 0; i < 10000; i++, last = now) {
		now = t_now_ns(CLOCK_MONOTONIC);
		T_CHECK(now >= last);
		sum = sum * 31 + (uint64_t)now;
	}
	printf("10000 reads %016lx\n", sum);
	return 0;
}
