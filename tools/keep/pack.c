/*
 * `deja pack` and `deja unpack`, and bundles given where a recording is meant. The work is
 * done by deja-bundle beside the runtime objects (tools/bundle/), which alone carries libarchive.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tools/keep/share.h"

static int become_helper(char **argv)
{
	return cmd_become_helper("deja-bundle", argv);
}

char *cmd_bundle_dir(const char *path)
{
	char *argv[] = {NULL, (char *)"cache", (char *)path, NULL}, line[PATH_MAX + 2] = "";
	int pipefd[2], wait_status = 0;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(pipefd, O_CLOEXEC) < 0) {
		cmd_error("%s", strerror(errno));
		return NULL;
	}
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		dup2(pipefd[1], 1);
		_exit(become_helper(argv));
	}
	close(pipefd[1]);
	while (pid > 0 && len < sizeof(line) - 1 &&
	       (n = read(pipefd[0], line + len, sizeof(line) - 1 - len)) > 0)
		len += (size_t)n;
	close(pipefd[0]);
	if (pid < 0 || waitpid(pid, &wait_status, 0) < 0) {
		cmd_error("%s", strerror(errno));
		return NULL;
	}
	if (!WIFEXITED(wait_status))
		cmd_error("%s: unpacking it failed: deja-bundle died of signal %d", path,
			  WTERMSIG(wait_status));
	if (!WIFEXITED(wait_status) || WEXITSTATUS(wait_status) || !len)
		return NULL;
	line[len] = 0;
	line[strcspn(line, "\n")] = 0;
	return strdup(line);
}

/* What `deja pack` was asked for. */
struct packing {
	char *out, *note, *ticket, *name, *reviewed;
	bool external;
};

/* Appends to out, of len bytes, with what no file's name should have made plain. */
static void put_name(char *out, size_t len, const char *text)
{
	size_t at = strlen(out);

	for (; *text && at + 1 < len; text++)
		out[at++] = (*text >= '0' && *text <= '9') || ((*text | 0x20) >= 'a' && (*text | 0x20) <= 'z') ||
					    strchr(".,+-_@=", *text)
				    ? *text
				    : '_';
	out[at] = 0;
}

/* The bundle's name by a pattern: {app}, {date}, {issue}, {host} and {id} are filled in. Malloc'd;
 * NULL after printing why not. */
static char *name_by_pattern(const struct packing *p, const char *path)
{
	char out[256] = "", date[32];
	int status;
	deja_recording *rec = cmd_open(path, &status);
	const struct deja_header *h = rec ? deja_header(rec) : NULL;
	const char *app;

	if (!h)
		return NULL;
	app = h->argc ? h->argv[0] : "recording";
	app = strrchr(app, '/') ? strrchr(app, '/') + 1 : app;
	cmd_date_text(h->start_realtime_ns, date, sizeof(date));
	date[strcspn(date, " ")] = 0;
	if (strstr(p->name, "{issue}") && !p->ticket) {
		cmd_error("pack: --name: {issue} is the ticket: name it with --ticket ID");
		deja_close(rec);
		return NULL;
	}
	for (const char *at = p->name; *at; at++) {
		static const char *const fields[] = {"{app}", "{date}", "{issue}", "{host}", "{id}"};
		const char *values[] = {app, date, p->ticket ? p->ticket : "", h->host, h->id};
		unsigned i = 0;

		while (i < 5 && strncmp(at, fields[i], strlen(fields[i])))
			i++;
		if (i < 5) {
			put_name(out, sizeof(out), values[i] ? values[i] : "");
			at += strlen(fields[i]) - 1;
		} else if (*at == '{') {
			cmd_error("pack: --name: there are {app}, {date}, {issue}, {host} and {id}, not '%s'", at);
			deja_close(rec);
			return NULL;
		} else {
			put_name(out, sizeof(out), (char[]){*at, 0});
		}
	}
	deja_close(rec);
	if (!strstr(out, ".deja"))
		strncat(out, ".deja", sizeof(out) - strlen(out) - 1);
	return strdup(out);
}

/* Whether a scan finds something in what --note means, a file's text or this one: as share_run. */
static int scan_note(const char *note)
{
	int fd = open(note, O_RDONLY), status;
	char number[16];

	if (fd < 0) {
		fd = memfd_create("note", 0);
		if (fd < 0 || write(fd, note, strlen(note)) != (ssize_t)strlen(note)) {
			cmd_error("pack: --note: %s", strerror(errno));
			return CMD_FAILED;
		}
	}
	snprintf(number, sizeof(number), "%d", fd);
	status = share_run(NULL, "text", number, NULL);
	close(fd);
	return status;
}

/* The note with ticket and review, which go in as text. False after printing why not. */
static bool complete_note(struct packing *p)
{
	char *text = NULL, buf[4096];
	size_t len, n;
	FILE *in = p->note ? fopen(p->note, "re") : NULL, *out;

	if (!p->ticket && !p->reviewed)
		return true;
	out = open_memstream(&text, &len);
	if (!out)
		return false;
	if (in) {
		while ((n = fread(buf, 1, sizeof(buf), in)) > 0)
			fwrite(buf, 1, n, out);
		fclose(in);
	} else if (p->note) {
		fputs(p->note, out);
	}
	if (p->note)
		fputc('\n', out);
	if (p->ticket)
		fprintf(out, "ticket: %s\n", p->ticket);
	if (p->reviewed)
		fprintf(out, "packed for outside with findings of the scan; reviewed: %s\n", p->reviewed);
	if (fclose(out)) {
		cmd_error("out of memory");
		return false;
	}
	p->note = text;
	return true;
}

/* What goes outside is scanned first: the recording, and what comes with it. 0, or the exit status to give
 * after printing why. */
static int check_policy(struct packing *p, const char *path)
{
	struct share_options quiet = {.arg = {(char *)"quiet"}, .count = 1};
	const char *where = path;
	int status;

	if (!p->external)
		return 0;
	status = share_run(&quiet, "scan", path, NULL);
	if (status == 0 && p->note) {
		status = scan_note(p->note);
		where = "the note";
	}
	if (status == 0) {
		p->reviewed = NULL; /* nothing to excuse */
		return 0;
	}
	if (status != 1)
		return status;
	if (p->reviewed)
		return 0;
	cmd_error("%s: `deja scan` finds secrets in it, and the policy is external: nothing was packed; "
		  "`deja redact` it first, or say --i-have-reviewed REASON",
		  where);
	return 1;
}

int cmd_pack(int argc, char **argv)
{
	char *path, *resolved, *name, number[32];
	struct packing p = {0};
	unsigned long long part_len = 0;
	int key, status = 0;

	while ((key = cmd_getopt(argc, argv, &status)) != -1)
		switch (key) {
		case 'o':
			p.out = optarg;
			break;
		case CMD_OPT_NOTE:
			p.note = optarg;
			break;
		case CMD_OPT_TICKET:
			p.ticket = optarg;
			break;
		case CMD_OPT_NAME:
			p.name = optarg;
			break;
		case CMD_OPT_REVIEWED:
			p.reviewed = optarg;
			if (strlen(optarg) < 4) {
				cmd_error("pack: --i-have-reviewed: say why it may go out; it goes into the note");
				return CMD_FAILED;
			}
			break;
		case CMD_OPT_POLICY:
			p.external = !strcmp(optarg, "external");
			if (!p.external && strcmp(optarg, "internal")) {
				cmd_error("pack: --policy is internal or external, not '%s'", optarg);
				return CMD_FAILED;
			}
			break;
		case CMD_OPT_SPLIT:
			if (!cmd_size_parse(optarg, &part_len) || part_len < 4096) {
				cmd_error("pack: '%s' is no size; as in --split 100M (at least 4K)",
					  optarg);
				return CMD_FAILED;
			}
			break;
		default:
			return status;
		}
	if (!cmd_operands(argc, argv, 1))
		return CMD_FAILED;
	path = cmd_recording_path(argv[optind]);
	if (!path)
		return CMD_UNREADABLE;
	resolved = realpath(path, NULL);
	if (resolved)
		path = resolved;
	status = check_policy(&p, path);
	if (status)
		return status;
	name = strrchr(path, '/');
	if (!p.out && p.name)
		p.out = name_by_pattern(&p, path);
	else if (!p.out && asprintf(&p.out, "%s.deja", name ? name + 1 : path) < 0)
		p.out = NULL;
	if (!p.out || !complete_note(&p))
		return CMD_FAILED;
	snprintf(number, sizeof(number), "%llu", part_len);
	return become_helper(
	    (char *[]){NULL, (char *)"pack", path, p.out, number, p.note, NULL});
}

int cmd_unpack(int argc, char **argv)
{
	char *out = NULL, *path, *base, *end, number[32];
	unsigned long long limit = 0;
	int key, status = 0;

	while ((key = cmd_getopt(argc, argv, &status)) != -1)
		switch (key) {
		case 'o':
			out = optarg;
			break;
		case CMD_OPT_LIMIT:
			if (!cmd_size_parse(optarg, &limit) || !limit) {
				cmd_error("unpack: '%s' is no size; as in --limit 20G", optarg);
				return CMD_FAILED;
			}
			break;
		default:
			return status;
		}
	if (!argv[optind]) {
		cmd_error("unpack: which bundle? `deja unpack FILE.deja`");
		return CMD_FAILED;
	}
	if (!cmd_operands(argc, argv, 1))
		return CMD_FAILED;
	path = argv[optind];
	if (!out) { /* its own name, here */
		base = strrchr(path, '/');
		out = strdup(base ? base + 1 : path);
		if (!out)
			return CMD_FAILED;
		end = strstr(out, ".deja");
		if (!end || end == out) {
			cmd_error("%s: say where to with -o DIR", path);
			free(out);
			return CMD_FAILED;
		}
		*end = 0;
	}
	end = out + strlen(out);
	while (end > out + 1 && end[-1] == '/')
		*--end = 0;
	snprintf(number, sizeof(number), "%llu", limit);
	return become_helper((char *[]){NULL, (char *)"unpack", path, out, number, NULL});
}
