/*
 * deja-share: the program behind `deja scan` and `deja redact`.
 *
 *	deja-share scan RECORDING [OPTION...]
 *	deja-share mark RECORDING OUT [OPTION...]
 *	deja-share rules - [OPTION...]
 *	deja-share text FD [OPTION...]
 *
 * Options: rules=FILE email ip json (mark: its object is left open) quiet keep=N list=FD first=FD
 * (scan: there it writes stream and number of the first event with a finding) seal=FD (mark: of a
 * sealed recording, tools/record/seal.h). `rules` says whether they are good; `text` scans what FD
 * has: 1 when something is found.
 */
#include <stdlib.h>
#include <string.h>
#include "tools/share/member.h"
#include "tools/share/share.h"
#include "tools/cmd.h"

int main(int argc, char **argv)
{
	struct scan_options scan = {0};
	struct mark_options mark = {0};
	bool is_mark = argc >= 4 && !strcmp(argv[1], "mark");

	if (!is_mark && !(argc >= 3 && (!strcmp(argv[1], "scan") || !strcmp(argv[1], "rules") || !strcmp(argv[1], "text")))) {
		cmd_error("this is a part of deja: use `deja scan` and `deja redact`");
		return CMD_FAILED;
	}
	for (int i = is_mark ? 4 : 3; i < argc; i++) {
		if (!strncmp(argv[i], "rules=", 6))
			scan.rules.file = argv[i] + 6;
		else if (!strcmp(argv[i], "email"))
			scan.rules.email = true;
		else if (!strcmp(argv[i], "ip"))
			scan.rules.ip = true;
		else if (!strcmp(argv[i], "json"))
			scan.json = mark.json = true;
		else if (!strcmp(argv[i], "quiet"))
			scan.quiet = true;
		else if (!strncmp(argv[i], "keep=", 5) && mark.keep_count < 64)
			mark.keep[mark.keep_count++] = (uint32_t)strtoul(argv[i] + 5, NULL, 10);
		else if (!strncmp(argv[i], "first=", 6))
			scan.first_fd = atoi(argv[i] + 6);
		else if (!strncmp(argv[i], "list=", 5))
			mark.list_fd = atoi(argv[i] + 5);
		else if (!strncmp(argv[i], "seal=", 5) && !member_unseal(atoi(argv[i] + 5)))
			return CMD_FAILED;
	}
	mark.rules = scan.rules;
	if (!strcmp(argv[1], "rules"))
		return share_check_rules(&scan.rules);
	if (!strcmp(argv[1], "text"))
		return share_scan_text(atoi(argv[2]), &scan.rules);
	return is_mark ? share_mark(argv[2], argv[3], &mark) : share_scan(argv[2], &scan);
}
