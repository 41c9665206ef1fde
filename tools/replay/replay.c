/*
 * `deja replay` and `deja verify`: the steps of a playback, one after the other.
 */
#include <stdio.h>
#include <unistd.h>
#include "tools/cmd.h"
#include "tools/replay/environment.h"
#include "tools/replay/pace.h"
#include "tools/replay/playback.h"

/* What both commands do. 0 when everything matched and nothing was missing, CMD_ENDED_EARLY
 * when all that was recorded matched. *only_help: nothing was replayed. */
static int replay_whole(struct playback *p, struct pace *pace, int argc, char **argv,
			bool *only_help)
{
	int key, status;
	bool env = false;

	*only_help = false;
	while ((key = cmd_getopt(argc, argv, &status)) != -1)
		switch (key) {
		case 'v':
			p->verbose = true;
			break;
		case CMD_OPT_RAW:
			p->raw = true;
			break;
		case CMD_OPT_NO_SANDBOX:
			p->no_sandbox = true;
			break;
		case CMD_OPT_ENV:
			env = true;
			break;
		case CMD_OPT_PACE:
			if (pace_parse(optarg, &pace->factor))
				break;
			cmd_error("%s: --pace: %s is no number from 0 to 1000: 1 is as recorded", argv[0],
				  optarg);
			return CMD_FAILED;
		case CMD_OPT_UNTIL:
			pace->until = optarg;
			break;
		case CMD_OPT_TURNS:
			pace->turns = true;
			break;
		case CMD_OPT_REPORT:
			p->report_path = optarg;
			break;
		default:
			*only_help = true;
			return status;
		}
	if (pace_wanted(pace))
		p->pace = pace;
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
	if (!status && !p->paused_for_good)
		status = playback_judge(p);
	playback_end(p);
	return status || p->paused_for_good ? status : playback_tell_limits(p);
}

int cmd_replay(int argc, char **argv)
{
	struct playback p = {0};
	struct pace pace = {.progress = isatty(2) && !isatty(1)};
	bool only_help;
	int status = replay_whole(&p, &pace, argc, argv, &only_help);

	if (status || only_help || p.paused_for_good)
		return status;
	session_end_as(p.header->status_known ? p.header->status : p.root_status);
}

int cmd_verify(int argc, char **argv)
{
	struct playback p = {.verify = true};
	struct pace pace = {.progress = isatty(2)};
	unsigned long long served = 0;
	bool only_help;
	int status = replay_whole(&p, &pace, argc, argv, &only_help);

	if ((status && status != CMD_ENDED_EARLY) || only_help)
		return status;
	for (size_t i = 0; i < p.stream_count; i++) /* an END event is nothing to serve */
		served += p.streams[i].served + p.streams[i].stopped;
	printf("OK %llu/%llu events\n", served, (unsigned long long)p.header->event_count);
	return status;
}
