# Signals from outside the recording: handled ones with their sender, one that ends it.
NEED=(python3)
STATUS=143
setup() {
	cat >waits.py <<-'END'
		import os, signal, time
		wanted = {signal.SIGUSR1, signal.SIGRTMIN + 3}
		signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
		signal.signal(signal.SIGUSR2, lambda *_: print("caught at", time.time(), flush=True))
		with open("pid.new", "w") as f:
		    f.write(str(os.getpid()))
		os.rename("pid.new", "pid")
		for _ in range(10):
		    info = signal.sigwaitinfo(wanted)
		    print(info.si_signo, info.si_pid, info.si_code, flush=True)
		open("ready", "w").write("x")
		while True:
		    time.sleep(0.01)
	END
	CMD=(python3 waits.py)
}
beside() {
	local i
	wait_for pid || return
	for ((i = 0; i < 10; i++)); do
		kill -USR2 "$(cat pid)"
		sleep 0.005
		kill "-$((i % 2 ? 10 : 37))" "$(cat pid)"
		sleep 0.01
	done
	wait_for ready && kill -TERM "$(cat pid)"
}
check() { [ "$(grep -c '^10 ' "$1")" = 5 ] && grep -q caught "$1"; }
