/*
 * See relay.h. A supervisor of services (systemd, a container, a shell script) knows the pid of
 * `deja record`, not the command's: what it sends there is for the command. What a terminal or a
 * process of the tree sends to the whole process group has reached the command already. What another
 * process sends to all (a control group, `kill -- -PGID`) has, too: the command's stream tells.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "tools/record/relay.h"

enum {
	QUEUE_LEN = 64, /* a power of two */
	TOGETHER_NS = 1000 * 1000 * 1000, /* between our stop and the command's, when both are one */
	HOLD_NS = 30 * 1000 * 1000, /* how long what may have been sent to both of us waits */
	SEEN_NS = 200 * 1000 * 1000,
};

/* Waits for the command's own stream to say that it has got it, too. */
static struct held {
	siginfo_t info;
	int64_t since_ns;
} held[QUEUE_LEN];
static size_t held_count;

/* What the command has got from others of late. */
static struct seen {
	int signo;
	pid_t sender;
	int64_t at_ns;
} seen[QUEUE_LEN];
static size_t seen_count;

/* Filled by the handler alone, which nothing interrupts; emptied with signals blocked. */
static struct arrived {
	siginfo_t info;
	bool ended; /* the command had ended before */
} queue[QUEUE_LEN];
static volatile sig_atomic_t command_ended;
static volatile sig_atomic_t queue_put, queue_taken;
static volatile int64_t stop_asked_ns; /* by a terminal, or by the command for its group */
static bool ignored[NSIG]; /* as it was given to us */

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static bool stops_job(int signo)
{
	return signo == SIGTSTP || signo == SIGTTIN || signo == SIGTTOU;
}

static void on_signal(int signo, siginfo_t *info, void *context)
{
	(void)context;
	if (stops_job(signo))
		stop_asked_ns = now_ns();
	if (queue_put - queue_taken < QUEUE_LEN)
		queue[queue_put++ % QUEUE_LEN] = (struct arrived){*info, command_ended};
}

/* Those that come to us by our own doing, or cannot be caught. */
static bool is_our_own(int signo)
{
	switch (signo) {
	case SIGKILL:
	case SIGSTOP:
	case SIGSEGV:
	case SIGBUS:
	case SIGFPE:
	case SIGILL:
	case SIGTRAP:
	case SIGSYS:
	case SIGPIPE:
	case SIGXFSZ:
	case SIGTTOU: /* caught, our writing to the terminal would be tried again and again */
		return true;
	}
	return false;
}

void relay_hold(sigset_t *mask)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, mask);
}

void relay_start(void)
{
	struct sigaction act = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
	sigset_t none;

	sigfillset(&act.sa_mask);
	for (int signo = 1; signo < NSIG; signo++) {
		struct sigaction old;

		if (is_our_own(signo) || sigaction(signo, NULL, &old) < 0)
			continue;
		ignored[signo] = old.sa_handler == SIG_IGN;
		sigaction(signo, &act, NULL);
	}
	signal(SIGPIPE, SIG_IGN);
	/* what our parent blocked is the command's affair */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool is_for_command(const siginfo_t *info, bool (*is_ours)(void *arg, pid_t pid), void *arg)
{
	if (info->si_signo == SIGCHLD || info->si_signo == SIGCONT || stops_job(info->si_signo))
		return false;
	if (info->si_code == SI_KERNEL) /* a terminal: to its foreground group, or to its leader */
		return info->si_signo == SIGHUP && getsid(0) == getpid();
	if (info->si_code != SI_USER && info->si_code != SI_QUEUE && info->si_code != SI_TKILL)
		return false;
	return info->si_pid != getpid() && !is_ours(arg, info->si_pid);
}

/* What has come so far asked for the stop that is about to be: it is none of its own later. */
static void forget_stops(void)
{
	sigset_t all, old;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	for (int i = queue_taken; i < queue_put; i++)
		if (stops_job(queue[i % QUEUE_LEN].info.si_signo))
			queue[i % QUEUE_LEN].info.si_signo = SIGCHLD;
	sigprocmask(SIG_SETMASK, &old, NULL);
}

/* Until SIGCONT. */
static void stop_here(int signo)
{
	struct sigaction stop = {.sa_handler = SIG_DFL}, old;

	forget_stops();
	sigaction(signo, &stop, &old);
	raise(signo);
	sigaction(signo, &old, NULL);
}

static bool asks_to_end(int signo)
{
	return (signo == SIGTERM || signo == SIGINT || signo == SIGHUP || signo == SIGQUIT) &&
	       !ignored[signo];
}

static bool take(struct arrived *arrived)
{
	sigset_t all, old;
	bool any;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	any = queue_taken != queue_put;
	if (any)
		*arrived = queue[queue_taken++ % QUEUE_LEN];
	if (queue_taken == queue_put)
		queue_taken = queue_put = 0;
	sigprocmask(SIG_SETMASK, &old, NULL);
	return any;
}

void relay_seen(int signo, pid_t sender)
{
	seen[seen_count++ % QUEUE_LEN] = (struct seen){signo, sender, now_ns()};
}

/* Whether the command has got this one by itself. That is noted once. */
static bool has_got(const struct held *h)
{
	for (size_t i = 0; i < QUEUE_LEN; i++)
		if (seen[i].signo == h->info.si_signo && seen[i].sender == h->info.si_pid &&
		    seen[i].at_ns + SEEN_NS > h->since_ns) {
			seen[i].signo = 0;
			return true;
		}
	return false;
}

/* Sends what has waited long enough, unless the command has it. True while some wait. */
static bool pass_held(pid_t command, bool ended)
{
	int64_t now = now_ns();
	size_t left = 0;

	for (size_t i = 0; i < held_count; i++) {
		if (ended || has_got(&held[i]))
			continue;
		if (now - held[i].since_ns < HOLD_NS)
			held[left++] = held[i];
		else
			kill(command, held[i].info.si_signo);
	}
	held_count = left;
	return left > 0;
}

int relay_pass(pid_t command, bool (*is_ours)(void *arg, pid_t pid), void *arg, bool *waits)
{
	struct arrived arrived;

	while (take(&arrived)) {
		const siginfo_t *info = &arrived.info;
		bool for_command = is_for_command(info, is_ours, arg);

		if (command_ended) {
			/* one that came before was the command's affair */
			if (arrived.ended && asks_to_end(info->si_signo) &&
			    (info->si_code == SI_KERNEL || for_command))
				return info->si_signo;
			if (stops_job(info->si_signo))
				stop_here(info->si_signo);
		} else if (for_command && info->si_code == SI_QUEUE) {
			sigqueue(command, info->si_signo, info->si_value);
		} else if (for_command && info->si_code == SI_USER && held_count < QUEUE_LEN) {
			held[held_count++] = (struct held){*info, now_ns()};
		} else if (for_command) {
			kill(command, info->si_signo);
		}
	}
	*waits = pass_held(command, command_ended);
	return 0;
}

void relay_ended(void)
{
	command_ended = 1;
}

/* Whether a process is stopped: the letter behind its name. */
static bool is_stopped(pid_t pid)
{
	char path[64], line[512] = "", *p;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(line, sizeof(line), f))
		line[0] = 0;
	fclose(f);
	p = strrchr(line, ')');
	return p && p[1] == ' ' && p[2] == 'T';
}

void relay_stop(pid_t command, int signo)
{
	if (!stops_job(signo) || now_ns() - stop_asked_ns > TOGETHER_NS)
		return;
	stop_here(signo);
	if (is_stopped(command)) /* it was sent to us alone */
		kill(command, SIGCONT);
}
