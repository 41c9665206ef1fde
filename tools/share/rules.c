/*
 * See rules.h. Patterns are PCRE2's, compiled once, with its JIT where there is one.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <ctype.h>
#include <errno.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "tools/share/rules.h"
#include "tools/cmd.h"

enum { LINE_MAX_LEN = 8192, RULE_MAX = 256 };

/* What a check looks at. */
struct value {
	const uint8_t *key, *text; /* key NULL: none */
	size_t key_len, len;
	const uint8_t *sign; /* what stands between key and value, where that tells something */
	size_t sign_len;
};
typedef bool rule_check(const struct value *v);

struct rule {
	char *name;
	pcre2_code *code;
	rule_check *check;
	uint32_t secret_first, secret_step; /* the name table's entries of `secret` */
};

struct rules {
	struct rule rule[RULE_MAX];
	size_t count;
	pcre2_match_data *data;
	pcre2_match_context *context;
	struct match *match;
	size_t match_count, match_cap;
};

/* --- checks --- */

static bool has_digit(const struct value *v)
{
	for (size_t i = 0; i < v->len; i++)
		if (isdigit(v->text[i]))
			return true;
	return false;
}

static bool is_one_of(const struct value *v, const char *const *words)
{
	for (; *words; words++)
		if (strlen(*words) == v->len && !strncasecmp(*words, (const char *)v->text, v->len))
			return true;
	return false;
}

/* What stands where a secret would, and is none: a variable, a placeholder, a path. */
static bool is_placeholder(const struct value *v)
{
	static const char *const words[] = {"true", "false", "null", "none", "undefined", "required",
		"optional", "string", "password", "basic", "bearer", "digest", "disabled", "enabled",
		"default", "negotiate", "NULL", "prompt", "unset", "empty", NULL};
	bool same = true, version = memchr(v->text, '.', v->len) != NULL;

	for (size_t i = 0; i < v->len; i++) /* a version, an object identifier */
		version &= isdigit(v->text[i]) || v->text[i] == '.';
	if (version)
		return true;
	if (is_one_of(v, words) || (v->text[0] == '$' && !(v->len > 2 && isdigit(v->text[1]))) ||
	    (v->text[0] == '%' && !(v->len > 3 && isxdigit(v->text[1]) && isxdigit(v->text[2]))) || v->text[0] == '<' ||
	    v->text[0] == '{' || v->text[0] == '/' || v->text[0] == '\\' || v->text[0] == '@' ||
	    (v->text[0] == '.' && v->len > 1 && (v->text[1] == '/' || v->text[1] == '.')))
		return true;
	for (size_t i = 1; i < v->len; i++)
		same &= v->text[i] == v->text[0];
	return same;
}

static bool key_has(const struct value *v, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= v->key_len; i++)
		if (!strncasecmp((const char *)v->key + i, word, n))
			return true;
	return false;
}

/* Words: letters with _ . - : / between, as names in programs are. */
static bool is_words(const struct value *v)
{
	for (size_t i = 0; i < v->len; i++)
		if (!isalpha(v->text[i]) && !strchr("_.-:/[]*+|&", v->text[i]))
			return false;
	return true;
}

static bool check_digit(const struct value *v)
{
	return has_digit(v);
}

/* Only a password may be a plain word, and then it is not its own key. */
static bool check_plain(const struct value *v)
{
	if (is_placeholder(v) || (v->key_len == v->len &&
				  !strncasecmp((const char *)v->key, (const char *)v->text, v->len)))
		return false;
	if (key_has(v, "pass") || key_has(v, "pwd") || key_has(v, "secret"))
		return !is_words(v) || (v->len >= 6 && !memchr(v->text, '.', v->len));
	return v->len >= 8 && has_digit(v);
}

/* In the middle of a line programs and prose have names, too. */
static bool check_logged(const struct value *v)
{
	return check_plain(v) && has_digit(v);
}

/* Made by no person. */
static bool check_mixed(const struct value *v)
{
	bool upper = false, lower = false;

	for (size_t i = 0; i < v->len; i++) {
		upper |= isupper(v->text[i]) != 0;
		lower |= islower(v->text[i]) != 0;
	}
	return upper && lower && has_digit(v);
}

/* In quotes it is no name of a program's variable; a sentence is none either. */
static bool check_quoted(const struct value *v)
{
	size_t blanks = 0;

	for (size_t i = 0; i < v->len; i++) {
		blanks += v->text[i] == ' ';
		if (v->text[i] < ' ' && v->text[i] != '\t')
			return false;
	}
	return blanks < 3 && check_plain(v);
}

/* `name = value` with blanks is how programs assign: a value without quotes is then an
 * expression, unless it looks like no name. */
static bool check_setting(const struct value *v)
{
	bool spaced = v->sign_len > 1 && (v->sign[0] == ' ' || v->sign[0] == '\t');

	if (!check_plain(v))
		return false;
	if (spaced && (is_words(v) || memchr(v->text, '[', v->len) || memchr(v->text, '.', v->len)))
		return false;
	return true;
}

static bool check_option(const struct value *v)
{
	return !is_placeholder(v);
}

static bool check_header(const struct value *v)
{
	return !is_placeholder(v) && (has_digit(v) || v->len >= 12) && !is_words(v);
}

static bool check_url(const struct value *v)
{
	bool digits = true;

	for (size_t i = 0; i < v->len; i++)
		digits &= isdigit(v->text[i]) != 0;
	return !is_placeholder(v) && !(digits && v->len <= 5); /* a port */
}

static int base64_digit(int c)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(set, c) : NULL;

	return at ? (int)(at - set) : -1;
}

static bool check_basic(const struct value *v)
{
	uint32_t bits = 0;
	unsigned count = 0;

	for (size_t i = 0; i < v->len && v->text[i] != '='; i++) {
		bits = bits << 6 | (uint32_t)base64_digit(v->text[i]);
		count += 6;
		if (count >= 8 && ((bits >> (count -= 8)) & 255) == ':')
			return true;
	}
	return false;
}

static bool check_luhn(const struct value *v)
{
	unsigned sum = 0, count = 0;
	bool same = true;
	int first = -1;

	for (size_t i = v->len; i-- > 0;) {
		unsigned d = v->text[i] - '0';

		if (d > 9)
			continue;
		if (first < 0)
			first = (int)d;
		same &= (int)d == first;
		if (count++ & 1)
			d = d > 4 ? 2 * d - 9 : 2 * d;
		sum += d;
	}
	return count >= 13 && count <= 19 && sum % 10 == 0 && !same;
}

/* Not 0.0.0.0, loopback, or a version number's likes. */
static bool check_ip(const struct value *v)
{
	static const char *const skipped[] = {"0.0.0.0", "127.0.0.1", "255.255.255.255",
					      "127.0.1.1", "127.0.0.53", NULL};

	return !is_one_of(v, skipped);
}

static const struct {
	const char *name;
	rule_check *check;
} checks[] = {
	{"digit", check_digit},	    {"plain", check_plain},   {"quoted", check_quoted},
	{"setting", check_setting}, {"option", check_option}, {"header", check_header},
	{"url", check_url},	    {"basic", check_basic},   {"luhn", check_luhn},
	{"ip", check_ip},	    {"logged", check_logged}, {"mixed", check_mixed},
};

static const struct {
	const char *name, *pattern, *check;
	bool on_request;
} builtin[] = {
#define RULE(name, what, pattern, check, on_request) {name, pattern, check, on_request},
#include "tools/share/rules.def"
#undef RULE
};

/* --- compiling --- */

static bool add(struct rules *r, const char *name, const char *pattern, uint32_t flags, char *why,
		size_t why_len)
{
	struct rule *rule = &r->rule[r->count];
	PCRE2_SPTR first, last;
	PCRE2_SIZE at;
	int code, step;

	if (r->count == RULE_MAX) {
		snprintf(why, why_len, "more than %d rules", RULE_MAX);
		return false;
	}
	rule->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
				   PCRE2_MULTILINE | PCRE2_CASELESS | PCRE2_DUPNAMES |
					   PCRE2_NEVER_BACKSLASH_C | flags,
				   &code, &at, NULL);
	if (!rule->code) {
		PCRE2_UCHAR text[128];

		pcre2_get_error_message(code, text, sizeof(text));
		snprintf(why, why_len, "%s (at character %zu)", (const char *)text, at + 1);
		return false;
	}
	pcre2_jit_compile(rule->code, PCRE2_JIT_COMPLETE);
	rule->name = strdup(name);
	step = pcre2_substring_nametable_scan(rule->code, (PCRE2_SPTR) "secret", &first, &last);
	if (step > 0) {
		PCRE2_SPTR table;

		pcre2_pattern_info(rule->code, PCRE2_INFO_NAMETABLE, &table);
		rule->secret_first = (uint32_t)(first - table);
		rule->secret_step = (uint32_t)(last - first) / (uint32_t)step + 1;
	}
	r->count++;
	return rule->name != NULL;
}

/* NAME PATTERN, or NAME text TEXT for a plain text; # begins a remark. */
static bool add_file(struct rules *r, const char *path)
{
	FILE *in = fopen(path, "re");
	char line[LINE_MAX_LEN], why[200];
	unsigned number = 0;
	bool ok = true;

	if (!in) {
		cmd_error("%s: %s", path, strerror(errno));
		return false;
	}
	while (ok && fgets(line, sizeof(line), in)) {
		char *name = line + strspn(line, " \t"), *pattern;
		uint32_t flags = 0;

		number++;
		line[strcspn(line, "\r\n")] = 0;
		if (!*name || *name == '#')
			continue;
		pattern = name + strcspn(name, " \t");
		if (*pattern)
			*pattern++ = 0;
		pattern += strspn(pattern, " \t");
		if (!strncmp(pattern, "text ", 5)) {
			pattern += 5;
			flags = PCRE2_LITERAL;
		}
		if (!*pattern) {
			cmd_error("%s:%u: a rule is a name, blanks, and a pattern", path, number);
			ok = false;
		} else {
			uint32_t keep = flags;

			/* a plain text has no lines and no groups */
			if (keep & PCRE2_LITERAL) {
				char *quoted = NULL;

				if (asprintf(&quoted, "\\Q%s\\E", pattern) < 0 || strstr(pattern, "\\E"))
					ok = false;
				else
					ok = add(r, name, quoted, 0, why, sizeof(why));
				free(quoted);
			} else
				ok = add(r, name, pattern, 0, why, sizeof(why));
			if (!ok)
				cmd_error("%s:%u: rule %s: %s", path, number, name, why);
		}
	}
	fclose(in);
	return ok;
}

struct rules *rules_new(const struct rules_choice *choice)
{
	struct rules *r = calloc(1, sizeof(*r));
	char why[200] = "out of memory";
	bool ok = r != NULL;

	if (ok && choice->file)
		ok = add_file(r, choice->file); /* before the built-in ones: the user's names count */
	for (size_t i = 0; ok && i < sizeof(builtin) / sizeof(builtin[0]); i++) {
		if (builtin[i].on_request && !(strcmp(builtin[i].name, "email") ? choice->ip : choice->email))
			continue;
		ok = add(r, builtin[i].name, builtin[i].pattern, PCRE2_EXTENDED, why, sizeof(why));
		if (!ok)
			cmd_error("rule %s: %s", builtin[i].name, why);
		for (size_t k = 0; ok && builtin[i].check && k < sizeof(checks) / sizeof(checks[0]); k++)
			if (!strcmp(builtin[i].check, checks[k].name))
				r->rule[r->count - 1].check = checks[k].check;
	}
	if (ok) {
		r->data = pcre2_match_data_create(64, NULL);
		r->context = pcre2_match_context_create(NULL);
		ok = r->data && r->context;
	}
	if (ok) {
		/* a hostile text costs time in proportion to its length, not more */
		pcre2_set_match_limit(r->context, 200000);
		return r;
	}
	rules_free(r);
	return NULL;
}

void rules_free(struct rules *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->count; i++) {
		pcre2_code_free(r->rule[i].code);
		free(r->rule[i].name);
	}
	pcre2_match_data_free(r->data);
	pcre2_match_context_free(r->context);
	free(r->match);
	free(r);
}

/* --- running --- */

/* Where a named group matched; false when it did not. */
static bool group(const struct rules *r, const struct rule *rule, const char *name, size_t *start,
		  size_t *len)
{
	const PCRE2_SIZE *v = pcre2_get_ovector_pointer(r->data);
	int n = pcre2_substring_number_from_name(rule->code, (PCRE2_SPTR)name);

	if (n <= 0 || v[2 * n] == PCRE2_UNSET)
		return false;
	*start = v[2 * n];
	*len = v[2 * n + 1] - v[2 * n];
	return true;
}

static void secret_range(const struct rules *r, const struct rule *rule, size_t *start, size_t *len)
{
	const PCRE2_SIZE *v = pcre2_get_ovector_pointer(r->data);
	PCRE2_SPTR table = NULL;
	uint32_t entry = 0, count = 0;

	*start = v[0];
	*len = v[1] - v[0];
	if (!rule->secret_step)
		return;
	pcre2_pattern_info(rule->code, PCRE2_INFO_NAMETABLE, &table);
	pcre2_pattern_info(rule->code, PCRE2_INFO_NAMEENTRYSIZE, &entry);
	pcre2_pattern_info(rule->code, PCRE2_INFO_NAMECOUNT, &count);
	for (uint32_t i = 0; i < count; i++, table += entry) {
		unsigned n = (unsigned)table[0] << 8 | table[1];

		if (strcmp((const char *)table + 2, "secret") || v[2 * n] == PCRE2_UNSET)
			continue;
		*start = v[2 * n];
		*len = v[2 * n + 1] - v[2 * n];
	}
}

static bool passes(const struct rules *r, const struct rule *rule, const uint8_t *text,
		   size_t start, size_t len)
{
	struct value v = {.text = text + start, .len = len};
	size_t at, n;

	if (!rule->check)
		return true;
	if (group(r, rule, "key", &at, &n)) {
		v.key = text + at;
		v.key_len = n;
	}
	if (group(r, rule, "sign", &at, &n)) {
		v.sign = text + at;
		v.sign_len = n;
	}
	return rule->check(&v);
}

/* Keeps a match unless an earlier rule has some of these bytes already. */
static bool keep(struct rules *r, const struct rule *rule, size_t start, size_t len,
		 size_t before)
{
	for (size_t i = 0; i < before; i++)
		if (start < r->match[i].start + r->match[i].len && r->match[i].start < start + len)
			return true;
	if (r->match_count == r->match_cap) {
		size_t cap = r->match_cap ? 2 * r->match_cap : 64;
		struct match *grown = realloc(r->match, cap * sizeof(*grown));

		if (!grown)
			return false;
		r->match = grown;
		r->match_cap = cap;
	}
	r->match[r->match_count++] = (struct match){rule->name, start, len};
	return true;
}

static int by_start(const void *a, const void *b)
{
	const struct match *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

const struct match *rules_run(struct rules *r, const uint8_t *text, size_t len, size_t from,
			      size_t to, bool begins, size_t *count)
{
	r->match_count = 0;
	for (size_t i = 0; i < r->count; i++) {
		const struct rule *rule = &r->rule[i];
		size_t at = from, before = r->match_count;

		while (at < to) {
			const PCRE2_SIZE *v = pcre2_get_ovector_pointer(r->data);
			size_t start, n;
			int rc = pcre2_match(rule->code, text, len, at, begins ? 0 : PCRE2_NOTBOL,
					     r->data, r->context);

			if (rc == PCRE2_ERROR_MATCHLIMIT || rc == PCRE2_ERROR_JIT_STACKLIMIT) {
				/* go on behind this line */
				const uint8_t *nl = memchr(text + at, '\n', to - at);

				if (!nl)
					break;
				at = (size_t)(nl - text) + 1;
				continue;
			}
			if (rc <= 0 || v[0] >= to)
				break;
			secret_range(r, rule, &start, &n);
			if (n && passes(r, rule, text, start, n) && !keep(r, rule, start, n, before))
				break;
			at = start + n > v[0] ? start + n : v[0] + 1;
			if (at < v[0] + 1)
				at = v[0] + 1;
		}
	}
	if (r->match_count)
		qsort(r->match, r->match_count, sizeof(*r->match), by_start);
	*count = r->match_count;
	return r->match_count ? r->match : NULL;
}
