# make -j: the job server's pipe, and the order in which children end.
NEED=(make)
setup() {
	printf 'all: %s\n%%.done:\n\t@sleep 0.0$$(od -An -N1 -tu1 /dev/urandom | tr -d " " | cut -c1); echo $@ $$$$\n' \
		"$(seq -f '%g.done' -s ' ' 12)" >Makefile
}
CMD=(make -j 4)
check() { [ "$(wc -l <"$1")" = 12 ]; }
