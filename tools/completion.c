/*
 * `deja completion`: completions for bash, zsh and fish, from what every command says about
 * itself (usage.c).
 */
#include <stdio.h>
#include <string.h>
#include "tools/cmd.h"
#include "tools/select.h"
#include "tracefmt/deja_look.h"

typedef void each_option(const struct cmd_usage *usage, const struct cmd_option *option);

static void for_options(const struct cmd_usage *usage, each_option *each)
{
	static const struct cmd_option help = {'h', "help", NULL, "print this and exit"};

	for (const struct cmd_option *o = usage->option; o->key; o++)
		each(usage, o);
	for (const struct cmd_option *o = select_options; usage->selects && o->key; o++)
		each(usage, o);
	each(usage, &help);
}

/* In single quotes for a shell; zsh's own marks are taken out. */
static void put_help(const char *text)
{
	for (; *text; text++)
		if (*text == '\'')
			fputs("'\\''", stdout);
		else if (!strchr("[]:`\\", *text))
			putchar(*text);
}

static bool takes_recording(const struct cmd_usage *usage)
{
	return strstr(usage->synopsis, "REC") != NULL;
}

/* Its values are the classes that there are. */
static bool is_class(const struct cmd_option *option)
{
	return option->arg && !strcmp(option->arg, "CLASS,...");
}

/* The values of an option, separated by spaces, where its argument names them: "full|digest". */
static void put_values(const struct cmd_option *option)
{
	if (is_class(option)) {
		for (unsigned bit = 1; deja_class_name(bit); bit <<= 1)
			printf("%s ", deja_class_name(bit));
		return;
	}
	for (const char *p = option->arg; p && *p; p++)
		putchar(*p == '|' ? ' ' : *p);
}

static bool has_values(const struct cmd_option *option)
{
	if (is_class(option))
		return true;
	return option->arg && strchr(option->arg, '|') &&
	       strspn(option->arg, "abcdefghijklmnopqrstuvwxyz0123456789|") == strlen(option->arg);
}

/* --- bash --- */

static void bash_word(const struct cmd_usage *usage, const struct cmd_option *option)
{
	if (option->key < 256)
		printf("-%c ", option->key);
	printf("--%s ", option->name);
}

static void bash_values(const struct cmd_usage *usage, const struct cmd_option *option)
{
	if (!has_values(option))
		return;
	printf("\t%s:--%s) COMPREPLY=($(compgen -W '", usage->name, option->name);
	put_values(option);
	puts("' -- \"$cur\")); return ;;");
}

static void print_bash(void)
{
	puts("_deja() {\n"
	     "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=\n"
	     "\tif [ \"$COMP_CWORD\" = 1 ]; then");
	printf("\t\tCOMPREPLY=($(compgen -W '");
	for (const struct cmd_usage *u = cmd_usages; u->name; u++)
		printf("%s ", u->name);
	puts("' -- \"$cur\"))\n\t\treturn\n\tfi\n\tcase ${COMP_WORDS[1]}:$prev in");
	for (const struct cmd_usage *u = cmd_usages; u->name; u++)
		for_options(u, bash_values);
	puts("\tesac\n\tcase ${COMP_WORDS[1]} in");
	for (const struct cmd_usage *u = cmd_usages; u->name; u++) {
		printf("\t%s) words='", u->name);
		for_options(u, bash_word);
		puts("' ;;");
	}
	puts("\tesac\n"
	     "\tcase $cur in\n"
	     "\t-*) COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")) ;;\n"
	     "\t*)");
	printf("\t\tcase ${COMP_WORDS[1]} in ");
	for (const struct cmd_usage *u = cmd_usages, *first = NULL; u->name; u++)
		if (takes_recording(u)) {
			printf("%s%s", first ? "|" : "", u->name);
			first = u;
		}
	puts(") words=$(ls \"${DEJA_DIR:-$HOME/.local/share/deja}\" 2>/dev/null) ;; *) words= ;; esac\n"
	     "\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\") $(compgen -f -- \"$cur\")) ;;\n"
	     "\tesac\n"
	     "}\n"
	     "complete -o filenames -F _deja deja");
}

/* --- zsh --- */

static void zsh_option(const struct cmd_usage *usage, const struct cmd_option *option)
{
	printf(" \\\n\t\t\t'--%s%s[", option->name, option->arg ? "=" : "");
	put_help(option->help);
	putchar(']');
	if (has_values(option)) {
		fputs(":value:(", stdout);
		put_values(option);
		putchar(')');
	} else if (option->arg) {
		fputs(":value:_files", stdout);
	}
	putchar('\'');
}

static void print_zsh(void)
{
	puts("#compdef deja\n"
	     "_deja_recordings() {\n"
	     "\tlocal -a recordings\n"
	     "\trecordings=(${DEJA_DIR:-$HOME/.local/share/deja}/*(N:t))\n"
	     "\tcompadd -a recordings\n"
	     "\t_files\n"
	     "}\n"
	     "_deja() {\n"
	     "\tlocal -a commands\n"
	     "\tcommands=(");
	for (const struct cmd_usage *u = cmd_usages; u->name; u++) {
		printf("\t\t'%s:", u->name);
		put_help(u->summary);
		puts("'");
	}
	puts("\t)\n"
	     "\tif (( CURRENT == 2 )); then\n"
	     "\t\t_describe command commands\n"
	     "\t\treturn\n"
	     "\tfi\n"
	     "\tlocal name=$words[2]\n"
	     "\tshift words\n"
	     "\t(( CURRENT-- ))\n"
	     "\tcase $name in");
	for (const struct cmd_usage *u = cmd_usages; u->name; u++) {
		printf("\t%s)\n\t\t_arguments", u->name);
		for_options(u, zsh_option);
		printf(" \\\n\t\t\t'*:%s:%s' ;;\n", takes_recording(u) ? "recording" : "argument",
		       takes_recording(u) ? "_deja_recordings" : "_files");
	}
	/* a file of fpath is called as the function, what is sourced is not */
	puts("\tesac\n}\n"
	     "if [[ $funcstack[1] = _deja ]]; then\n\t_deja \"$@\"\nelse\n\tcompdef _deja deja\nfi");
}

/* --- fish --- */

static void fish_option(const struct cmd_usage *usage, const struct cmd_option *option)
{
	printf("complete -c deja -n '__fish_seen_subcommand_from %s' -l %s", usage->name,
	       option->name);
	if (option->key < 256)
		printf(" -s %c", option->key);
	if (option->arg)
		fputs(" -r", stdout);
	if (has_values(option)) {
		fputs(" -f -a '", stdout);
		put_values(option);
		putchar('\'');
	}
	fputs(" -d '", stdout);
	put_help(option->help);
	puts("'");
}

static void print_fish(void)
{
	for (const struct cmd_usage *u = cmd_usages; u->name; u++) {
		printf("complete -c deja -n __fish_use_subcommand -f -a %s -d '", u->name);
		put_help(u->summary);
		puts("'");
		for_options(u, fish_option);
		if (takes_recording(u))
			printf("complete -c deja -n '__fish_seen_subcommand_from %s' "
			       "-a '(set -q DEJA_DIR; and ls $DEJA_DIR; or ls ~/.local/share/deja "
			       "2>/dev/null)'\n",
			       u->name);
	}
}

int cmd_completion(int argc, char **argv)
{
	static const struct {
		const char *shell;
		void (*print)(void);
	} shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};
	int status;

	if (cmd_getopt(argc, argv, &status) == CMD_OPT_EXIT)
		return status;
	if (!cmd_operands(argc, argv, 1))
		return CMD_FAILED;
	for (size_t i = 0; argv[optind] && i < sizeof(shells) / sizeof(shells[0]); i++) {
		if (strcmp(argv[optind], shells[i].shell))
			continue;
		cmd_stdout_begin();
		shells[i].print();
		return cmd_stdout_end(0);
	}
	cmd_error("completion: for which shell? bash, zsh or fish");
	return CMD_FAILED;
}
