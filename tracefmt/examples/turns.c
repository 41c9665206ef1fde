/*
 * The requests that a recorded program received, and how long it took to answer each: an example
 * of libdeja. For a recording's directory (deja.h, deja_look.h):
 *
 *	cc turns.c $(pkg-config --cflags --libs --static libdeja) -o turns
 *	./turns RECORDING
 */
#include <deja.h>
#include <deja_look.h>
#include <stdio.h>
#include <stdlib.h>

/* A request that nothing has answered yet. */
struct open_turn {
	uint32_t io_id;
	uint64_t number;
	int64_t began_ns;
};

static struct open_turn open_turns[1024];
static size_t open_count;

/* The first bytes out on a connection answer what came in on it. */
static void answer(const struct deja_leg *leg, int64_t now_ns)
{
	char text[256];
	size_t i;

	for (i = 0; i < open_count; i++) {
		if (open_turns[i].io_id != leg->io->id)
			continue;
		printf("turn %llu: answered after %.3f ms, %s\n",
		       (unsigned long long)open_turns[i].number,
		       (double)(now_ns - open_turns[i].began_ns) / 1e6,
		       deja_io_text(leg->io, text, sizeof(text)));
		open_turns[i] = open_turns[--open_count];
		return;
	}
}

int main(int argc, char **argv)
{
	struct deja_error err = {0};
	deja_recording *rec = argc == 2 ? deja_open(argv[1], &err) : NULL;
	deja_filter *filter = rec ? deja_filter_new(rec) : NULL;
	deja_look *look = NULL;
	struct deja_event ev;
	struct deja_sight sight;
	struct deja_turn turn;
	int rc = -1;

	/* Calls on sockets only; the descriptors of all processes are followed all the same. */
	if (filter && deja_filter_add(filter, "class", "net,desc", &err) == 0)
		look = deja_look_open(rec, filter, DEJA_LOOK_TRACK, &err);
	while (look && (rc = deja_look_next(look, &ev, &sight, &err)) == 1) {
		size_t index = 0, i;

		while (deja_tracker_turn(deja_look_tracker(look), &ev, &sight, &index, &turn))
			if (turn.kind == DEJA_TURN_REQUEST &&
			    open_count < sizeof(open_turns) / sizeof(open_turns[0])) {
				struct open_turn one = {turn.io->id, turn.number, turn.time_ns};

				open_turns[open_count++] = one;
			}
		for (i = 0; i < sight.leg_count; i++)
			if (!sight.leg[i].inbound)
				answer(&sight.leg[i], ev.time_ns);
	}
	if (rc < 0)
		fprintf(stderr, "turns: %s\n", argc == 2 ? err.message : "usage: turns RECORDING");
	deja_look_close(look);
	deja_filter_free(filter);
	deja_close(rec);
	return rc < 0;
}
