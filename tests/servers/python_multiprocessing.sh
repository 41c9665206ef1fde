# Python's multiprocessing, round after round: a pool, queues, locks and semaphores in memory that
# processes share; SIGTERM ends it after the round.
NEED=(python3)
setup() {
	cp "$TESTS/programs/python_multiprocessing.py" rounds.py
	cat >all.py <<-'END'
		import os, runpy, signal, sys
		first, ending = os.getpid(), False

		def end(*_):
		    global ending
		    ending = True
		    if os.getpid() != first:
		        os._exit(15)

		signal.signal(signal.SIGTERM, end)
		# in a worker: one that has just been woken would see it only when it is woken again
		os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))
		rounds, sys.argv = int(sys.argv[1]), ["rounds.py", "fork"]
		for number in range(rounds):
		    runpy.run_path("rounds.py", run_name="__main__")
		    print("round", number, flush=True)
		    if ending:
		        sys.exit(15)
	END
	CMD=(python3 all.py "$(rounds)")
}
ready() { :; }
stop() { :; }
check() { [ "$(grep -c '^round' "$1")" = "$LOAD" ] && [ "$(grep -c '^raced [0-9]' "$1")" = "$LOAD" ]; }
