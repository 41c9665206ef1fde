# Everyday tools that look at the world.
CMD=(sh -c 'stat -c "%i %z" . ; df . ; uptime; id; uname -a; hostname; tty; nproc; free; ps -o pid,ppid,args | head -20
	mktemp; touch x; ls -lai --full-time; cp x y; mv y z; sort -R /etc/passwd | head -2; shuf -i 1-100 -n 5; env | sort; sleep 0.01; wc -c </proc/self/environ')
