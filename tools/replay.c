/*
 * `deja replay` and `deja verify`: the steps of a playback, one after the other.
 */
#include <stdio.h>
#include <unistd.h>
#include "tools/cmd.h"
#include "tools/playback.h"

/* What both commands do. 0 when everything matched and nothing was missing, CMD_ENDED_EARLY
 * when all that was recorded matched. *only_help: nothing was replayed. */
static int replay_whole(struct playback *p, int argc, char **argv, bool *only_help)
{
	int key, status;

	*only_help = false;
	while ((key = cmd_getopt(argc, argv, &status)) != -1) {
		if (key == CMD_OPT_EXIT) {
			*only_help = true;
			return status;
		}
		if (key == CMD_OPT_REPORT)
			p->report_path = optarg;
	}
	if (!cmd_operands(argc, argv, 1))
		return CMD_FAILED;
	if (!playback_open(p, argv[optind], &status))
		return status;
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
