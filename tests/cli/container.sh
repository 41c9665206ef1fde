# In a container with Docker's default seccomp profile, which forbids to turn address randomisation
# off, to make namespaces and to mount: programs are recorded with the random addresses that they
# have without us, and replay there as well as outside, with the recorded ones. What is set-uid but
# gains nothing, since the caller is that user already, is recorded, too.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

cat >container.c <<'C'
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	/* of personality: not to randomise; 0xffffffff asks */
	static const int denied[] = {SCMP_SYS(unshare), SCMP_SYS(setns), SCMP_SYS(mount), SCMP_SYS(keyctl),
				     SCMP_SYS(perf_event_open), SCMP_SYS(bpf), SCMP_SYS(userfaultfd)};
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	int bad = !f;
	bad |= seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(personality), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, 0xff040000, 0x40000)) != 0;
	for (unsigned i = 0; i < sizeof(denied) / sizeof(denied[0]); i++)
		bad |= seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), denied[i], 0) != 0;
	bad |= seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, 0x10000000, 0x10000000)) != 0;
	bad |= seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) != 0;
	if (bad || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || seccomp_load(f))
		return 99;
	execvp(argv[1], argv + 1);
	return 98;
}
C
gcc -o container container.c -lseccomp || fail "gcc"
cat >places.c <<'C'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static int data = 3;
static void *thread(void *arg)
{
	int here;
	printf("thread's stack %p\n", (void *)&here);
	return arg;
}
int main(int argc, char **argv)
{
	pthread_t t;
	int *heap = malloc(4);
	printf("code %p data %p heap %p stack %p libc %p brk %p\n", (void *)main, (void *)&data, (void *)heap, (void *)&argc,
	       (void *)printf, sbrk(0));
	if (pthread_create(&t, NULL, thread, NULL) || pthread_join(t, NULL))
		return 1;
	fflush(stdout);
	if (argc > 1)
		execl(argv[1], argv[1], (char *)NULL);
	return 7;
}
C
gcc -o places places.c -lpthread && gcc -no-pie -o fixed places.c -lpthread || fail "gcc"
! ./container setarch -R true 2>/dev/null || fail "the container allows what Docker does not"

for inner in "./places ./fixed" "./fixed ./places" "sh -c './places & ./places; wait; seq 5 | sort -r'"; do
	rm -rf rec rec2
	# shellcheck disable=SC2086
	eval "set -- $inner"
	limit ./container "$DEJA" record -q -o rec -- "$@" >out 2>err
	status=$?
	[ $status = 7 ] || [ $status = 0 ] || fail "recording $inner: status $status: $(cat err)"
	[ ! -s err ] || fail "recording $inner: $(cat err)"
	limit ./container "$DEJA" record -q -o rec2 -- "$@" >out2 2>/dev/null
	[ "$(cat /proc/sys/kernel/randomize_va_space)" = 0 ] || ! cmp -s out out2 || fail "$inner: the addresses are not random: $(cat out)"
	got=0
	hermetic_replay "$PWD/rec" "$PWD/replayed" "$PWD/replayed.err" || got=$?
	[ $got = $status ] && cmp -s out replayed || fail "$inner: replay: status $got: $(diff out replayed | head -3) $(cat replayed.err)"
	expect $status ./container "$DEJA" replay rec
	cmp -s out stdout || fail "$inner: replay in the container: $(diff out stdout | head -3)"
done

# set-uid to who calls it
rm -rf rec
cp places own && chmod u+s own || fail "chmod"
limit "$DEJA" record -o rec -- ./own ./own >out 2>err
[ $? = 7 ] && ! grep -q warning err || fail "set-uid to the caller: $(cat err)"
status=0
hermetic_replay "$PWD/rec" "$PWD/replayed" "$PWD/replayed.err" || status=$?
[ $status = 7 ] && cmp -s out replayed && [ "$(wc -l <out)" = 4 ] || fail "set-uid to the caller: replay: status $status: $(cat replayed.err)"
exit 0
