/*
 * `deja version`: versions of deja, of the format it writes, of the libraries it runs
 * with.
 */
#include <libunwind.h>
#include <msgpack.h>
#include <stdio.h>
#include <xxhash.h>
#include <zstd.h>
#include "tools/cmd.h"
#include "tracefmt/header.h"

int cmd_version(int argc, char **argv)
{
	unsigned xxh = XXH_versionNumber();
	int status;

	if (cmd_getopt(argc, argv, &status) == CMD_OPT_EXIT)
		return status;
	if (!cmd_operands(argc, argv, 0))
		return CMD_FAILED;
	cmd_stdout_begin();
	printf("deja      %s\n"
	       "format    %d\n"
	       "zstd      %s\n"
	       "xxhash    %u.%u.%u\n"
	       "msgpack-c %s\n"
	       "libunwind %d.%d\n",
	       DEJA_VERSION, TF_FORMAT, ZSTD_versionString(), xxh / 10000,
	       xxh / 100 % 100, xxh % 100, msgpack_version(), UNW_VERSION_MAJOR,
	       UNW_VERSION_MINOR);
	return cmd_stdout_end(0);
}
