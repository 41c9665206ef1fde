/*
 * `deja pack` and `deja unpack`, and bundles given where a recording is meant. The work is
 * done by deja-bundle beside the runtime objects (bundle/), which alone carries libarchive.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tools/cmd.h"

/* "500", "64K", "100M", "2G" in bytes; 0 when it is no size. */
static unsigned long long parse_size(const char *text)
{
	static const char units[] = "KMGT";
	char *end;
	unsigned long long n = strtoull(text, &end, 10);
	const char *unit;

	if (end == text || text[0] == '-')
		return 0;
	if (*end) {
		unit = strchr(units, *end & ~0x20);
		if (!unit || !*unit || (end[1] && strcmp(end + 1, "iB")))
			return 0;
		for (const char *u = units; u <= unit; u++) {
			if (n > ULLONG_MAX / 1024)
				return 0;
			n *= 1024;
		}
	}
	return n;
}

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

int cmd_pack(int argc, char **argv)
{
	char *out = NULL, *note = NULL, *path, *resolved, *name, number[32];
	unsigned long long part_len = 0;
	int key, status = 0;

	while ((key = cmd_getopt(argc, argv, &status)) != -1)
		switch (key) {
		case 'o':
			out = optarg;
			break;
		case CMD_OPT_NOTE:
			note = optarg;
			break;
		case CMD_OPT_SPLIT:
			part_len = parse_size(optarg);
			if (part_len < 4096) {
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
	name = strrchr(path, '/');
	if (!out && asprintf(&out, "%s.deja", name ? name + 1 : path) < 0)
		return CMD_FAILED;
	snprintf(number, sizeof(number), "%llu", part_len);
	return become_helper(
	    (char *[]){NULL, (char *)"pack", path, out, number, note, NULL});
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
			limit = parse_size(optarg);
			if (!limit) {
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
