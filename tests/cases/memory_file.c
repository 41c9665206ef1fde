/*
 * A program that writes its own memory by way of /proc/self/mem: variables, a page that it may only
 * read, and code, as makers of code do that never have a page writable and executable.
 */
#include "victim.h"
#include <sys/mman.h>

static void write_at(int fd, void *to, const void *bytes, size_t len)
{
	T_CHECK(pwrite(fd, bytes, len, (off_t)(uintptr_t)to) == (ssize_t)len);
}

int main(void)
{
	static volatile uint64_t variable;
	static const uint8_t returns[] = {0xb8, 0, 0, 0, 0, 0xc3}; /* mov $0, %eax; ret */
	uint64_t seed = t_seed();
	uint32_t number = (uint32_t)t_seed();
	uint8_t *page = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
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
	printf("variable %016lx, page %016lx\n", variable, t_hash(page, 8192));
	return 0;
}
