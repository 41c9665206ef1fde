# Signals from outside the recording: handled ones with their sender, to one thread, stopping and
# continuing it, one that ends it.
NEED=(python3)
STATUS=143
setup() {
	cat >waits.py <<-'END'
		import os, signal, threading, time
		own, wanted = {signal.SIGRTMIN + 5}, {signal.SIGUSR1, signal.SIGRTMIN + 3}
		signal.pthread_sigmask(signal.SIG_BLOCK, own | wanted)

		def one_thread():
		    open("tid", "w").write(str(threading.get_native_id()))
		    for _ in range(5):
		        info = signal.sigwaitinfo(own)
		        print("thread", threading.get_native_id(), info.si_signo, info.si_pid, info.si_code, flush=True)

		one = threading.Thread(target=one_thread)
		one.start()
		signal.signal(signal.SIGUSR2, lambda *_: print("caught at", time.time(), flush=True))
		with open("pid.new", "w") as f:
		    f.write(str(os.getpid()))
		os.rename("pid.new", "pid")
		for _ in range(10):
		    info = signal.sigwaitinfo(wanted)
		    print(info.si_signo, info.si_pid, info.si_code, flush=True)
		one.join()
		open("ready", "w").write("x")
		while True:
		    time.sleep(0.01)
	END
	CMD=(python3 waits.py)
}
beside() {
	local i
	wait_for pid && wait_for tid || return
	for ((i = 0; i < 10; i++)); do
		kill -USR2 "$(cat pid)"
		sleep 0.005
		kill "-$((i % 2 ? 10 : 37))" "$(cat pid)"
		sleep 0.01
		[ $((i % 2)) = 0 ] || python3 -c 'import ctypes, sys; sys.exit(ctypes.CDLL(None).syscall(234,
			int(sys.argv[1]), int(sys.argv[2]), 39))' "$(cat pid)" "$(cat tid)" || return
	done
	kill -STOP "$(cat pid)" && sleep 0.05 && kill -CONT "$(cat pid)"
	wait_for ready && kill -TERM "$(cat pid)"
}
check() {
	[ "$(grep -c '^10 ' "$1")" = 5 ] && grep -q caught "$1" && [ "$(grep -c '^thread [0-9]* 39 ' "$1")" = 5 ]
}
