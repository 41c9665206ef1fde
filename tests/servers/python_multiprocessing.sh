# Python's multiprocessing, round after round: a pool, queues, locks and semaphores in memory that
# processes share, and its own way to end when SIGTERM comes.
NEED=(python3)
setup() {
	cp "$TESTS/programs/python_multiprocessing.py" rounds.py
	cat >all.py <<-'END'
		import os, runpy, signal, sys
		first = os.getpid()

		def end(*_):
		    if os.getpid() == first: # its children end by its hand
		        sys.exit(15)
		    os._exit(15)

		signal.signal(signal.SIGTERM, end)
		rounds, sys.argv = int(sys.argv[1]), ["rounds.py", "fork"]
		for number in range(rounds):
		    runpy.run_path("rounds.py", run_name="__main__")
		    print("round", number, flush=True)
	END
	CMD=(python3 all.py "$(rounds)")
}
ready() { :; }
stop() { :; }
check() { [ "$(grep -c '^round' "$1")" = "$LOAD" ] && [ "$(grep -c '^raced [0-9]' "$1")" = "$LOAD" ]; }
