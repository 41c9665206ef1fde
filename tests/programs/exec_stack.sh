# A library that wants an executable stack (GHC's runtime): the dynamic linker makes it so from the
# page of the stack pointer down, which parts the mapping under long arguments.
NEED=(gcc)
setup() {
	echo 'int one(void) { return 1; }' >lib.c
	gcc -shared -fPIC -Wl,-z,execstack -o lib.so lib.c || return
	printf '%s\n' '#include <stdio.h>' '#include <time.h>' 'int one(void);' \
		'int main(int argc, char **argv) { printf("%d %d %ld\n", one(), argc, clock()); return 0; }' >main.c
	gcc -o main main.c "$PWD/lib.so" || return
	readelf -lW main | grep -q 'GNU_STACK.*RW ' || return
	CMD=(sh -c 'grep -A1 stack /proc/self/maps; ./main x; ./main $(seq 3000); exec ./main $(seq 3000)')
}
