# tmux, driven by send-keys: shells in windows and panes, a full-screen program.
NEED=(tmux top)
setup() { CMD=(tmux -S "$DIR/work/socket" -f /dev/null -D); }
# -N: a client that comes too early does not start a server of its own
keys() { tmux -N -S socket "$@"; }
ready() { until_true keys new-session -d -x 80 -y 24 sh 2>/dev/null; }
shows() { keys capture-pane -p -t :0 >pane && grep -q 'shell [0-9]' pane; }
load() {
	local i
	for ((i = 0; i < LOAD; i++)); do
		keys send-keys "echo shell \$\$; date +%N" Enter && sleep 0.1 &&
			keys split-window -h sh && keys send-keys 'seq 5; exit' Enter && sleep 0.1 &&
			keys new-window top && sleep 0.3 && keys resize-window -x 100 -y 30 &&
			keys send-keys q || return
	done
	until_true shows # the shell may be slower than we
}
stop() { keys kill-server; }
