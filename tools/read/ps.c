/*
 * `deja ps`: the processes of a recording as a tree.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tools/cmd.h"
#include "tools/json.h"

/* One process in the order of printing. */
struct row {
	const struct deja_process *process;
	const struct deja_process *image; /* whose command line is its own: itself, or the
					     one it was forked from */
	unsigned depth;
};

struct tree {
	const struct deja_header *h;
	const struct deja_process **sorted; /* by parent, stream */
	bool *printed;			    /* by index in h->processes */
	struct row *row;
	size_t row_count;
};

/* Streams are numbered before the fork, so those of one parent are in the order of its forks.
 * The times say when each child first ran, which need not be. */
static int by_parent(const void *a, const void *b)
{
	const struct deja_process *x = *(const struct deja_process *const *)a;
	const struct deja_process *y = *(const struct deja_process *const *)b;

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	return x->stream < y->stream ? -1 : x->stream > y->stream;
}

/* The range of `sorted` with this parent. */
static void find_children(const struct tree *t, uint32_t parent, size_t *begin,
			  size_t *end)
{
	size_t low = 0, high = t->h->process_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (t->sorted[mid]->parent < parent)
			low = mid + 1;
		else
			high = mid;
	}
	*begin = low;
	while (low < t->h->process_count && t->sorted[low]->parent == parent)
		low++;
	*end = low;
}

/* Adds a process and everything below it. A recording may claim any parents, cycles
 * too: `printed` ends those, and the rows themselves are the stack of what is still to
 * visit. */
static void add_subtree(struct tree *t, const struct deja_process *root,
			struct row *stack)
{
	size_t top = 0;

	stack[top++] = (struct row){root, root, 0};
	while (top) {
		struct row row = stack[--top];
		size_t begin, end;

		t->row[t->row_count++] = row;
		find_children(t, row.process->stream, &begin, &end);
		while (end > begin) {
			const struct deja_process *child = t->sorted[--end];
			bool *printed = &t->printed[child - t->h->processes];

			if (*printed)
				continue;
			*printed = true;
			stack[top++] = (struct row){
			    child, child->argc ? child : row.image, row.depth + 1};
		}
	}
}

static bool tree_build(struct tree *t, const struct deja_header *h)
{
	size_t n = h->process_count + 1;
	struct row *stack = calloc(n, sizeof(*stack));

	*t = (struct tree){.h = h,
			   .sorted = calloc(n, sizeof(*t->sorted)),
			   .printed = calloc(n, sizeof(*t->printed)),
			   .row = calloc(n, sizeof(*t->row))};
	if (!stack || !t->sorted || !t->printed || !t->row) {
		free(stack);
		return false;
	}
	for (size_t i = 0; i < h->process_count; i++)
		t->sorted[i] = &h->processes[i];
	qsort(t->sorted, h->process_count, sizeof(*t->sorted), by_parent);
	/* The command first, then whatever no parent reached. */
	for (size_t pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < h->process_count; i++) {
			const struct deja_process *p = t->sorted[i];
			bool *printed = &t->printed[p - h->processes];

			if (*printed || (!pass && p->parent))
				continue;
			*printed = true;
			add_subtree(t, p, stack);
		}
	free(stack);
	return true;
}

static void tree_free(struct tree *t)
{
	free(t->sorted);
	free(t->printed);
	free(t->row);
}

static void print_table(const struct tree *t)
{
	char status[64];

	printf("%7s  %7s  %-19s  %9s  %s\n", "PID", "PARENT", "STATUS", "EVENTS",
	       "COMMAND");
	for (size_t i = 0; i < t->row_count; i++) {
		const struct deja_process *p = t->row[i].process;
		unsigned depth = t->row[i].depth < 40 ? t->row[i].depth : 40;

		if (p->complete || p->status_known)
			cmd_status_text(p->status_known, p->status, status,
					sizeof(status));
		else
			strcpy(status, "incomplete");
		printf("%7d  %7d  %-19s  %9" PRIu64 "  ", (int)p->pid, (int)p->ppid,
		       status, p->event_count);
		if (depth)
			printf("%*s\\_ ", (int)(3 * (depth - 1)), "");
		if (p->argc) {
			cmd_print_argv(stdout, p->argc, p->argv);
		} else {
			const struct deja_process *image = t->row[i].image;

			putchar('(');
			cmd_print_argv(stdout, image->argc, image->argv);
			putchar(')');
		}
		putchar('\n');
	}
	for (size_t i = 0; i < t->h->external_count; i++) {
		const struct deja_external *x = &t->h->externals[i];

		printf("%7d  %7s  %-19s  %9s  ", (int)x->pid, "-", "external", "-");
		cmd_print_text(stdout, x->path);
		fputs(" (", stdout);
		cmd_print_text(stdout, x->reason);
		fputs(")\n", stdout);
	}
}

static void print_json(const struct tree *t)
{
	struct json j = {.out = stdout};

	json_open(&j, NULL, '{');
	json_open(&j, "processes", '[');
	for (size_t i = 0; i < t->row_count; i++) {
		const struct deja_process *p = t->row[i].process;

		json_open(&j, NULL, '{');
		json_uint(&j, "stream", p->stream);
		json_uint(&j, "parent_stream", p->parent);
		json_int(&j, "pid", p->pid);
		json_int(&j, "ppid", p->ppid);
		json_int(&j, "start_ns", p->start_ns);
		json_int(&j, "end_ns", p->end_ns);
		json_uint(&j, "events", p->event_count);
		json_uint(&j, "bytes", p->byte_len);
		json_bool(&j, "complete", p->complete);
		json_status(&j, p->status_known, p->status);
		json_texts(&j, "argv", p->argc, p->argv);
		json_texts(&j, "notes", p->note_count, p->notes);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_externals(&j, t->h);
	json_close(&j, '}');
}

int cmd_ps(int argc, char **argv)
{
	bool json = false;
	int key, status;
	deja_recording *rec;
	struct tree tree;

	while ((key = cmd_getopt(argc, argv, &status)) != -1) {
		if (key == CMD_OPT_EXIT)
			return status;
		json = true;
	}
	if (!cmd_operands(argc, argv, 1))
		return CMD_FAILED;
	rec = cmd_open(argv[optind], &status);
	if (!rec)
		return status;
	cmd_stdout_begin();
	if (!tree_build(&tree, deja_header(rec))) {
		cmd_error("out of memory");
		status = CMD_FAILED;
	} else if (json) {
		print_json(&tree);
	} else {
		print_table(&tree);
	}
	tree_free(&tree);
	deja_close(rec);
	return cmd_stdout_end(status);
}
