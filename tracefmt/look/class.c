/*
 * The classes of events, and which arguments of a call are paths. Static data, filled once
 * from the call table's rows.
 */
#include <pthread.h>
#include <string.h>

#include "tracefmt/look/look.h"
#include "tracefmt/wire.h"
#include "tracefmt/xlat.h"

static const char *const names[] = {"net",     "file",	 "desc",   "time",
				    "process", "signal", "memory", "ipc"};

static const uint8_t by_event[TF_ID_FIRST] = {
    [TF_EV_IMAGE] = DEJA_CLASS_PROCESS, [TF_EV_THREAD] = DEJA_CLASS_PROCESS,
    [TF_EV_SIGNAL] = DEJA_CLASS_SIGNAL, [TF_EV_CLOCK] = DEJA_CLASS_TIME,
    [TF_EV_SPAWN] = DEJA_CLASS_PROCESS, [TF_EV_CHILD] = DEJA_CLASS_PROCESS,
    [TF_EV_EXEC] = DEJA_CLASS_PROCESS,	[TF_EV_START] = DEJA_CLASS_PROCESS,
    [TF_EV_MOVED] = DEJA_CLASS_DESC,
};

_Static_assert(TF_NET >> TF_TOPIC_SHIFT == DEJA_CLASS_NET &&
		   TF_IPC >> TF_TOPIC_SHIFT == DEJA_CLASS_IPC,
	       "the rows' topics are the classes");

static struct facts {
	uint8_t classes;
	uint8_t paths;	 /* bit per argument */
	int8_t fd;	 /* argument, -1: none */
} facts[TF_ID_FIRST + TF_CALL_MAX];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fill(void)
{
	for (unsigned id = 0; id < TF_ID_FIRST + TF_CALL_MAX; id++) {
		const struct tf_call *call = tf_call_by_id(id);
		struct facts *f = &facts[id];

		f->fd = -1;
		if (id < TF_ID_FIRST)
			f->classes = by_event[id];
		if (!call)
			continue;
		f->classes = (uint8_t)(call->flags >> TF_TOPIC_SHIFT);
		for (unsigned i = 0; i < call->nargs && i < 6; i++) {
			if (call->arg[i].kind == TF_MEM && call->arg[i].xlat == TF_X_PATH)
				f->paths |= (uint8_t)(1u << i);
			if (call->arg[i].kind == TF_FD && f->fd < 0)
				f->fd = (int8_t)i;
		}
		if (f->paths)
			f->classes |= DEJA_CLASS_FILE;
		if (f->fd >= 0)
			f->classes |= DEJA_CLASS_DESC;
	}
}

static const struct facts *facts_of(unsigned id)
{
	static const struct facts none = {0, 0, -1};

	pthread_once(&once, fill);
	return id < sizeof(facts) / sizeof(facts[0]) ? &facts[id] : &none;
}

bool deja_event_failed(const struct deja_event *ev)
{
	return ev->id >= TF_ID_FIRST && ev->result < 0 && ev->result >= -4095 && ev->result != TF_RESTART;
}

unsigned deja_event_classes(unsigned id)
{
	return facts_of(id)->classes;
}

unsigned look_path_args(unsigned id)
{
	return facts_of(id)->paths;
}

int look_fd_arg(unsigned id)
{
	return facts_of(id)->fd;
}

const char *deja_class_name(unsigned bit)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (bit == 1u << i)
			return names[i];
	return NULL;
}

unsigned deja_class_by_name(const char *name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(name, names[i]))
			return 1u << i;
	return 0;
}
