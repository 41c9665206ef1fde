# make with rules, shell functions, a compile and a failing target.
NEED=(make gcc)
setup() {
	cat >Makefile <<'M'
NOW := $(shell date +%N)
all: a.o b.o
	@echo built at $(NOW) by $$$$
	@ar rcs lib.a a.o b.o && nm lib.a
%.o: %.c
	gcc -c -o $@ $<
%.c:
	echo 'int $*(void) { return $(NOW) % 100; }' >$@
fail:
	exit 3
M
}
CMD=(sh -c 'make && make && make fail')
STATUS=2
