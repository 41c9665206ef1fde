# A process of an inner pid namespace, where its number is another's outside, ends unrecorded: the recording ends, too.
NEED=(gcc unshare)
setup() { echo 'int main(void) { return 3; }' >st.c && gcc -static -o st st.c; }
CMD=(sh -c 'unshare -p -m -f true 2>/dev/null || { echo "skip: no pid namespaces"; exit 77; }
	unshare -p -m -f sh -c "umount -l /dev/shm; ./st; echo \$? \$\$; exec ./st"; echo $? $$; date +%N')
check() { grep -q '^3 1$' "$1" && [ "$(wc -l <"$1")" = 3 ]; }
