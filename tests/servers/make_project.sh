# make -j4 of a C project: the real one that this is a test of, its format library.
NEED=(make gcc)
setup() {
	local sources
	cp -r "$ROOT/tracefmt" . && sources=$(cd tracefmt && echo *.c)
	cat >Makefile <<-END
		OBJ = ${sources//.c/.o}
		lib.a: \$(OBJ) ; ar rcs \$@ \$(OBJ) && size -t \$(OBJ) | tail -1 && date +%N
		%.o: tracefmt/%.c ; gcc -O1 -I. -c -o \$@ \$<
	END
	CMD=(make -j4)
}
ready() { :; }
stop() { :; }
check() { grep -q TOTALS "$1"; }
