# ldconfig puts another cache of libraries in place between the dynamic linker's reading of the old
# one and the program's first instruction, where the recorder looks: the recording holds the new,
# longer one. (Here the dynamic linker waits in between for somebody to read what LD_DEBUG prints.)
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

unshare -rm true 2>/dev/null || skip "unshare is not permitted here"
cat >record.sh <<'END'
mount -t tmpfs none /mnt && cp -a /etc/ld.so.* /etc/passwd /mnt && mount --move /mnt /etc || exit 77
"$DEJA" record -q -o rec -- env LD_DEBUG=all ls -l --full-time /proc/self/ >out 2>fifo </dev/null &
exec 3<fifo
sleep 1
head -c 100000 /dev/zero | cat /etc/ld.so.cache - >cache && mv cache /etc/ld.so.cache
cat <&3 >debug
wait $!
END
mkfifo fifo
export DEJA
limit unshare -rm bash record.sh >log 2>&1 || skip "no mount namespace of its own: $(tail -1 log)"
grep -q 'cwd -> ' out || fail "it was not recorded: $(cat log)"
[ "$(stat -c %s debug)" -gt 100000 ] || fail "the dynamic linker did not wait"
hermetic_replay "$PWD/rec" "$PWD/replayed" "$PWD/errors" || fail "it does not replay: $(grep -a "^deja:" errors)"
cmp out replayed || fail "it replays otherwise"
