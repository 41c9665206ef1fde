/*
 * A program that writes its own memory by way of /proc/self/mem, by each call that writes: variables, a page
 * that it may only read, and code, as makers of code do that never have a page writable and executable; from
 * memory that overlaps what is written, too, there and by process_vm_writev.
 */
#include "victim.h"
#include <sys/mman.h>
#include <sys/uio.h>

static void write_at(int fd, void *to, const void *bytes, size_t len)
{
	T_CHECK(pwrite(fd, bytes, len, (off_t)(uintptr_t)to) == (ssize_t)len);
}

/* The offset is where the calls before left it, or where it was set. */
static void write_anyhow(int fd, uint8_t *page)
{
	static uint8_t bytes[12000];
	struct iovec iov[3] = {{bytes, 5}, {bytes + 100, 0}, {bytes + 7, 5000}};

	t_fill(bytes, sizeof(bytes), t_seed());
	T_CHECK(lseek(fd, (off_t)(uintptr_t)page + 10, SEEK_SET) == (off_t)(uintptr_t)page + 10);
	T_CHECK(write(fd, bytes, 6000) == 6000 && memcmp(page + 10, bytes, 6000) == 0);
	T_CHECK(write(fd, bytes + 50, 1) == 1 && page[6010] == bytes[50]);
	T_CHECK(writev(fd, iov, 3) == 5005 && memcmp(page + 6016, bytes + 7, 5000) == 0);
	T_CHECK(pwritev(fd, iov, 3, (off_t)(uintptr_t)page + 1) == 5005);
	T_CHECK(pwritev2(fd, iov, 2, (off_t)(uintptr_t)page, 0) == 5);
	T_CHECK(pwritev2(fd, iov, 3, -1, 0) == 5005 && page[11021] == bytes[7]);
	T_CHECK(syscall(SYS_write, fd, bytes + 77, 3) == 3);
}

static void write_overlapping(int fd, uint8_t *bytes)
{
	struct iovec from = {bytes, 1000}, to = {bytes + 10, 1000};

	t_fill(bytes, 4096, t_seed());
	write_at(fd, bytes + 20, bytes, 1000);
	printf("overlapping %016lx", t_hash(bytes, 4096));
	write_at(fd, bytes, bytes + 20, 1000);
	T_CHECK(process_vm_writev(getpid(), &from, 1, &to, 1, 0) == 1000);
	printf(", %016lx\n", t_hash(bytes, 4096));
}

int main(void)
{
	static volatile uint64_t variable;
	static const uint8_t returns[] = {0xb8, 0, 0, 0, 0, 0xc3}; /* mov $0, %eax; ret */
	uint64_t seed = t_seed();
	uint32_t number = (uint32_t)t_seed();
	uint8_t *page = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *wide = mmap(NULL, 16384, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static uint8_t bytes[4096];
	uint8_t *code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC), again;
	uint32_t (*function)(void) = (uint32_t(*)(void))(uintptr_t)code;
	char link[64];

	T_CHECK(page != MAP_FAILED && code != MAP_FAILED && fd >= 0);
	write_at(fd, (void *)&variable, &seed, sizeof(seed));
	T_CHECK(variable == seed);
	write_at(fd, page + 4090, &seed, sizeof(seed)); /* across both */
	T_CHECK(memcmp(page + 4090, &seed, sizeof(seed)) == 0);
	write_at(fd, code, returns, sizeof(returns));
	again = dup(fd);
	for (uint32_t i = 0; i < 3; i++, number *= 7) {
		write_at(again, code + 1, &number, sizeof(number));
		T_CHECK(function() == number);
		printf("the function returns %u\n", function());
	}
	T_FAILS(EIO, pwrite(fd, &seed, sizeof(seed), 64)); /* no memory there */
	snprintf(link, sizeof(link), "/proc/%d/mem", getpid());
	again = open(link, O_RDWR | O_CLOEXEC);
	T_CHECK(again >= 0);
	seed = ~seed;
	write_at(again, (void *)&variable, &seed, sizeof(seed));
	write_anyhow(fd, wide);
	printf("wide %016lx\n", t_hash(wide, 16384));
	write_overlapping(again, bytes);
	printf("variable %016lx, page %016lx\n", variable, t_hash(page, 8192));
	return 0;
}
