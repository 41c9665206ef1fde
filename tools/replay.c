/*
 * `deja replay` and `deja verify`: the steps of a playback, one after the other.
 */
#include <stdio.h>
#include <unistd.h>
#include "tools/cmd.h"
#include "tools/environment.h"
#include "tools/playback.h"

/* What both commands do. 0 when everything matched and nothing was missing, CMD_ENDED_EARLY
 * when all that was recorded matched. *only_help: nothing was replayed. */
static int replay_whole(struct playback *p, int argc, char **argv, bool *only_help)
{
	int key, status;
	bool env = false;

	*only_help = false;
	while ((key = cmd_getopt(argc, argv, &status)) != -1) {
		if (key == CMD_OPT_EXIT) {
			*only_help = true;
			return status;
		}
		p->verbose |= key == 'v';
		p->raw |= key == CMD_OPT_RAW;
		p->no_sandbox |= key == CMD_OPT_NO_SANDBOX;
		env |= key == CMD_OPT_ENV;
	}
	if (!cmd_operands(argc, argv, 1))
		return CMD_FAILED;
	if (!playback_open(p, argv[optind], &status))
		return status;
	if (env) {
		*only_help = true;
		return environment_print(p->rec, p->path);
	}
	if (p->no_sandbox)
		cmd_error("warning: replaying without a sandbox: whoever made the recording can do "
			  "here what you can");
	status = environment_tell(p->rec, p->path);
	if (!status)
		status = playback_begin(p);
	if (!status)
		status = playback_launch(p);
	if (!status)
		status = playback_watch(p);
	if (!status)
		status = playback_judge(p);
	playback_end(p);
	return status ? status : playback_tell_limits(p);
}

int cmd_replay(int argc, char **argv)
{
	struct playback p = {0};
	bool only_help;
	int status = replay_whole(&p, argc, argv, &only_help);

	if (status || only_help)
		return status;
	session_end_as(p.header->status_known ? p.header->status : p.root_status);
}

int cmd_verify(int argc, char **argv)
{
	struct playback p = {.verify = true};
	unsigned long long served = 0;
	bool only_help;
	int status = replay_whole(&p, argc, argv, &only_help);

	if ((status && status != CMD_ENDED_EARLY) || only_help)
		return status;
	for (size_t i = 0; i < p.stream_count; i++) /* an END event is nothing to serve */
		served += p.streams[i].served + p.streams[i].stopped;
	printf("OK %llu/%llu events\n", served, (unsigned long long)p.header->event_count);
	return status;
}
