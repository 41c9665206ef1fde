# The page of `deja report`: it holds every event that `cat --jsonl` counts, its payloads are the
# bytes that went through, nothing of the recording can run in it, it asks nothing of a network;
# where Chromium is there, a click on the slowest call shows its payload.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

cat >victim.py <<'P'
import os, select, socket, threading, time
evil = b"</script><script>document.title='ran'</script><img src=http://192.0.2.1/x onerror=\"document.title='ran'\"><!--"
a, b = socket.socketpair()
a.sendall(evil)
assert b.recv(1000) == evil
t = threading.Thread(target=time.time)
t.start()
t.join()
child = os.fork()
if not child:
    time.sleep(0.3)
    a.sendall(b"the slow answer \xc3\xa9 </script>")
    os._exit(0)
assert b.recv(1000).startswith(b"the slow")
os.waitpid(child, 0)
try:
    os.stat("/none/</script><script>document.title='ran'</script>")
except FileNotFoundError:
    pass
os.write(1, bytes(range(256)) * 4)
P
limit "$DEJA" record -q -o rec -- /usr/bin/python3 victim.py '</script><script>document.title="ran"</script>' >out ||
	fail "the victim"
expect 0 "$DEJA" annotate --label '</script><script>document.title="ran"</script>' --at '#9' rec
umask 022
expect 0 "$DEJA" report -o page.html rec
[ ! -s stderr ] || fail "report says: $(cat stderr)"
[ "$(stat -c %a page.html)" = 600 ] || fail "the page's mode is $(stat -c %a page.html)"
"$DEJA" cat --jsonl rec >events
/usr/bin/python3 "$TESTS/look/report_check.py" page.html events >checked 2>&1 || fail "$(tail -3 checked)"

# --- a selection, standard output, bounded payloads ---
expect 0 "$DEJA" report -o - --call recvfrom --payload 4 rec
"$DEJA" cat --jsonl --call recvfrom rec >events
mv stdout part.html
/usr/bin/python3 "$TESTS/look/report_check.py" part.html events 4 >checked 2>&1 || fail "a part: $(tail -3 checked)"

# --- one clear line for what is wrong; what is there is kept ---
cp page.html before.html
expect 125 "$DEJA" report -o page.html rec
one_line 'cannot create page.html: File exists'
cmp -s page.html before.html || fail "a file was overwritten"
expect 125 "$DEJA" report rec
one_line 'say where to: -o'
expect 125 "$DEJA" report -o x.html --payload lots rec
one_line "'lots' is no size"
expect 121 "$DEJA" report -o x.html nothing-here
one_line 'no such recording'
expect 125 "$DEJA" report -o none/x.html rec
one_line 'cannot create none/x.html'
[ ! -e x.html ] || fail "a failure leaves a page"
if [ -c /dev/full ]; then
	status=0
	"$DEJA" report -o - rec >/dev/full 2>stderr || status=$?
	[ $status = 125 ] || fail "a full disk: status $status"
	one_line 'cannot write'
fi

if ! command -v chromedriver >/dev/null || ! command -v chromium >/dev/null; then
	[ -z "${REPORT_BROWSER:-}" ] || fail "chromium and its driver are not installed"
	skip "the page's structure is right; not opened in a browser: chromium or chromedriver is not installed"
fi
limit /usr/bin/python3 "$TESTS/look/report_browser.py" "$PWD/page.html" 'the slow answer é </script>' >checked 2>&1 ||
	fail "in the browser: $(tail -3 checked)"
