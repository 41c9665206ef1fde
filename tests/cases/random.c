/*
 * Random numbers: getrandom, getentropy, arc4random, /dev/urandom, AT_RANDOM, the stack
 * guard, temporary names, a kernel uuid. Shows that chance is replayed too.
 */
#include "victim.h"
#include <sys/auxv.h>
#include <sys/random.h>

static void show(const char *what, const void *bytes, size_t len)
{
	printf("%s %016lx\n", what, t_hash(bytes, len));
}

static void from_device(const char *path)
{
	unsigned char buf[64];
	int fd = open(path, O_RDONLY);

	T_CHECK(fd >= 0 && t_read_all(fd, buf, sizeof(buf)) == sizeof(buf));
	show(path, buf, sizeof(buf));
	close(fd);
}

int main(void)
{
	static unsigned char big[100000];
	unsigned char buf[256], again[256];
	char uuid[64] = {0}, name[] = "rnd-XXXXXX", dir[] = "dir-XXXXXX";
	uint64_t canary;

	T_CHECK(getrandom(buf, sizeof(buf), 0) == sizeof(buf));
	T_CHECK(getrandom(again, sizeof(again), GRND_NONBLOCK) == sizeof(again));
	T_CHECK(memcmp(buf, again, sizeof(buf)) != 0);
	show("getrandom", buf, sizeof(buf));
	T_CHECK(getrandom(buf, 16, GRND_RANDOM) > 0);
	show("GRND_RANDOM", buf, 16);
	size_t got = 0;
	while (got < sizeof(big)) {
		ssize_t n = getrandom(big + got, sizeof(big) - got, 0);

		T_CHECK(n > 0);
		got += (size_t)n;
	}
	show("100000 bytes", big, sizeof(big));
	T_FAILS(EINVAL, getrandom(buf, 1, 0xffff));
	T_CHECK(getentropy(buf, 256) == 0);
	show("getentropy", buf, 256);
	T_FAILS(EIO, getentropy(buf, T_OPAQUE((size_t)257)));
	T_CHECK(syscall(SYS_getrandom, buf, 32, 0) == 32);
	show("by call", buf, 32);
	printf("arc4random %08x %u\n", arc4random(), arc4random_uniform(1000000));
	arc4random_buf(buf, 64);
	show("arc4random_buf", buf, 64);
	from_device("/dev/urandom");
	from_device("/dev/random");
	FILE *f = fopen("/dev/urandom", "r");
	T_CHECK(f && fread(buf, 1, 20, f) == 20);
	show("by stdio", buf, 20);
	fclose(f);

	const unsigned char *at = (void *)getauxval(AT_RANDOM);
	T_CHECK(at);
	show("AT_RANDOM", at, 16);
	__asm__("mov %%fs:0x28, %0" : "=r"(canary));
	T_CHECK((canary & 0xff) == 0);
	printf("stack guard %016lx\n", canary);
	__asm__("mov %%fs:0x30, %0" : "=r"(canary));
	printf("pointer guard %016lx\n", canary);

	int fd = open("/proc/sys/kernel/random/uuid", O_RDONLY);
	T_CHECK(fd >= 0 && read(fd, uuid, 36) == 36);
	printf("uuid %s\n", uuid);
	close(fd);
	fd = mkstemp(name);
	T_CHECK(fd >= 0 && mkdtemp(dir));
	printf("temporary %s %s\n", name, dir);
	close(fd);
	srand((unsigned)time(NULL) ^ (unsigned)getpid());
	printf("rand %d\n", rand());
	return 0;
}
