/*
 * deja-bundle: the program behind `deja pack` and `deja unpack`; they check what was typed.
 *
 *	deja-bundle pack RECORDING OUT PART_LEN [NOTE]
 *	deja-bundle unpack FILE OUT TOTAL_MAX
 *	deja-bundle cache FILE
 */
#include <stdlib.h>
#include <string.h>
#include "tools/bundle/bundle.h"
#include "tools/cmd.h"

int main(int argc, char **argv)
{
	if (argc >= 5 && !strcmp(argv[1], "pack"))
		return bundle_pack(argv[2], argv[3], argc > 5 ? argv[5] : NULL,
				   strtoull(argv[4], NULL, 10));
	if (argc == 5 && !strcmp(argv[1], "unpack"))
		return bundle_unpack(argv[2], argv[3], false, strtoull(argv[4], NULL, 10));
	if (argc == 3 && !strcmp(argv[1], "cache"))
		return bundle_cache(argv[2]);
	cmd_error("this is a part of deja: use `deja pack` and `deja unpack`");
	return CMD_FAILED;
}
