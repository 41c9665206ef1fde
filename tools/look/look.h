/*
 * deja-look: the commands that need libraries which the `deja` command does without. It is
 * started by tools/read/look.c with the command line as typed.
 */
#ifndef DEJA_LOOK_LOOK_H
#define DEJA_LOOK_LOOK_H

#include "tools/select.h"

/* The commands, as cmd_grep ... of tools/cmd.h. */
int look_grep(int argc, char **argv);
int look_export(int argc, char **argv);
int look_report(int argc, char **argv);
int look_annotate(int argc, char **argv);

/* import.c: adds the annotations of a file that --export made, all of them or none that is not
 * complete. The exit status. */
int annotate_import(deja_notes *notes, const char *path);

/* --- exporters: each writes all events that pass the filter. The exit status. --- */

struct export {
	deja_recording *rec;
	const deja_filter *filter;
	FILE *out;	  /* all but hdf5 */
	const char *path; /* hdf5 */
};

/* export.c has the simplest one. */
int export_csv(struct export *e);
int export_pcap(struct export *e);
int export_perfetto(struct export *e);
int export_hdf5(struct export *e);

#endif
