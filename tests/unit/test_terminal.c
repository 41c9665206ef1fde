/*
 * What a replay may say to a terminal: lines and colours, nothing that it would obey.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "tools/replay/terminal.h"

/* Filters `in` in pieces of `step` bytes. */
static void check(const char *in, const char *expected, size_t step)
{
	struct terminal_state s = {.escape_len = 0};
	char out[4096];
	size_t len = strlen(in), done = 0;

	for (size_t i = 0; i < len; i += step)
		done += terminal_filter(&s, in + i, len - i < step ? len - i : step, out + done);
	out[done] = 0;
	assert_string_equal(out, expected);
}

static void test_filter(void **state)
{
	static const char *const cases[][2] = {
	    {"plain text\n\tcolumns\r\n", "plain text\n\tcolumns\r\n"},
	    {"\033[1;31mred\033[0m", "\033[1;31mred\033[0m"},
	    {"\033[38:5:9mred\033[m", "\033[38:5:9mred\033[m"},
	    {"\033[2Jcleared", "\\x1b[2Jcleared"},
	    {"\033]0;title\a.", "\\x1b]0;title\\x07."},
	    {"\033P1$r\033\\.", "\\x1bP1$r\\x1b\\."},
	    {"\033[5n.", "\\x1b[5n."},
	    {"\033\033[1mx", "\\x1b\033[1mx"},
	    {"\033[?25l.", "\\x1b[?25l."},
	    {"back\b\x7f\v", "back\\x08\\x7f\\x0b"},
	    {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80 \xc2\xa9", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80 \xc2\xa9"},
	    {"\xc2\x9b" "2J", "\\x9b2J"},
	    {"\x9b" "2J", "\\x9b2J"},
	    {"\xc3(", "\xc3("},
	    {"\xff\xc0", "\\xff\\xc0"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t step = 1; step < 8; step++)
			check(cases[i][0], cases[i][1], step);
}

static void test_long_sequence(void **state)
{
	char in[256] = "\033[", expected[300] = "\\x1b[";

	memset(in + 2, '1', 200);
	strcat(in, "m");
	memset(expected + 5, '1', 200);
	strcat(expected, "m");
	check(in, expected, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_filter),
	    cmocka_unit_test(test_long_sequence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
