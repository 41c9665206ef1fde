/*
 * The manifest of a bundle: text, a line per member. Trusts nothing it reads.
 */
#include <stdlib.h>
#include <string.h>
#include "tools/bundle/bundle.h"

#define FIRST_LINE "deja bundle "

struct member *manifest_add(struct manifest *m, const char *name, char *text)
{
	struct member *member;

	if (m->count == m->room) {
		size_t room = m->room ? 2 * m->room : 64;
		struct member *grown = reallocarray(m->member, room, sizeof(*grown));

		if (!grown)
			return NULL;
		m->member = grown;
		m->room = room;
	}
	member = &m->member[m->count];
	memset(member, 0, sizeof(*member));
	member->name = strdup(name);
	if (!member->name)
		return NULL;
	member->text = text;
	if (text)
		member->size = strlen(text);
	m->count++;
	return member;
}

void manifest_free(struct manifest *m)
{
	for (size_t i = 0; i < m->count; i++) {
		free(m->member[i].name);
		free(m->member[i].text);
	}
	free(m->member);
	free(m->sorted);
	memset(m, 0, sizeof(*m));
}

const char *hash_text(const uint8_t *hash, char *buf)
{
	for (int i = 0; i < BUNDLE_HASH_LEN; i++)
		sprintf(buf + 2 * i, "%02x", hash[i]);
	return buf;
}

char *manifest_text(const struct manifest *m, size_t *len)
{
	char *text = NULL, hash[2 * BUNDLE_HASH_LEN + 1];
	FILE *out = open_memstream(&text, len);

	if (!out)
		return NULL;
	fprintf(out, FIRST_LINE "%d\n", BUNDLE_VERSION);
	for (size_t i = 0; i < m->count; i++) {
		const struct member *member = &m->member[i];

		fprintf(out, "%s %04o %llu %s\n", hash_text(member->hash, hash), member->mode,
			(unsigned long long)member->size, member->name);
	}
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

bool manifest_name_ok(const char *name)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789%+,-.:=@_~/";
	size_t len = strlen(name);

	if (!len || len > BUNDLE_NAME_MAX_LEN || name[strspn(name, plain)] ||
	    name[len - 1] == '/')
		return false;
	/* no component is empty, hidden, "." or ".." */
	for (const char *p = name; p; p = strchr(p, '/'), p += p != NULL)
		if (*p == '/' || *p == '.')
			return false;
	return true;
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One line, NUL-terminated. */
static bool parse_line(struct manifest *m, char *line, const char **why)
{
	uint8_t hash[BUNDLE_HASH_LEN];
	struct member *member;
	unsigned long mode;
	unsigned long long size;
	char *end;

	*why = "a line of it cannot be read";
	for (int i = 0; i < BUNDLE_HASH_LEN; i++, line += 2) {
		int hi = hex(line[0]), lo = hi < 0 ? -1 : hex(line[1]);

		if (lo < 0)
			return false;
		hash[i] = (uint8_t)(hi << 4 | lo);
	}
	if (*line++ != ' ' || hex(*line) < 0)
		return false;
	mode = strtoul(line, &end, 8);
	if (*end++ != ' ' || hex(*end) < 0 || mode > 0777)
		return false;
	size = strtoull(end, &end, 10);
	if (*end++ != ' ')
		return false;
	*why = "it names a member that no recording has";
	if (!manifest_name_ok(end) || !strcmp(end, BUNDLE_MANIFEST))
		return false;
	*why = "the sizes in it are impossible";
	if (size > INT64_MAX || m->total + size > INT64_MAX || m->count >= BUNDLE_MEMBER_MAX)
		return false;
	*why = "out of memory";
	member = manifest_add(m, end, NULL);
	if (!member)
		return false;
	memcpy(member->hash, hash, sizeof(hash));
	member->mode = (unsigned)mode;
	member->size = size;
	m->total += size;
	return true;
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct member *const *)a)->name, (*(struct member *const *)b)->name);
}

/* False when a name comes twice, or memory is out. */
static bool sort_names(struct manifest *m)
{
	m->sorted = calloc(m->count + 1, sizeof(struct member *));
	if (!m->sorted)
		return false;
	for (size_t i = 0; i < m->count; i++)
		m->sorted[i] = &m->member[i];
	qsort(m->sorted, m->count, sizeof(struct member *), by_name);
	for (size_t i = 1; i < m->count; i++)
		if (!by_name(&m->sorted[i - 1], &m->sorted[i]))
			return false;
	return true;
}

struct member *manifest_find(const struct manifest *m, const char *name)
{
	struct member wanted = {.name = (char *)name}, *key = &wanted, **found;

	if (!m->count || !m->sorted)
		return NULL;
	found = bsearch(&key, m->sorted, m->count, sizeof(struct member *), by_name);
	return found ? *found : NULL;
}

bool manifest_parse(struct manifest *m, const char *text, size_t len, char *why,
		    size_t why_len)
{
	const char *end = text + len, *reason = "it is not text";
	char line[BUNDLE_NAME_MAX_LEN + 128];
	bool first = true;

	memset(m, 0, sizeof(*m));
	while (text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		size_t n = nl ? (size_t)(nl - text) : 0;

		if (!nl || n >= sizeof(line) || memchr(text, 0, n))
			goto bad;
		memcpy(line, text, n);
		line[n] = 0;
		text = nl + 1;
		if (first) {
			reason = "it is not one";
			if (strncmp(line, FIRST_LINE, strlen(FIRST_LINE)))
				goto bad;
			reason = "it was made by a newer deja";
			if (strcmp(line + strlen(FIRST_LINE), "1"))
				goto bad;
			first = false;
			continue;
		}
		if (!parse_line(m, line, &reason))
			goto bad;
	}
	reason = "it is empty";
	if (first || !m->count)
		goto bad;
	reason = "it names a member twice";
	if (!sort_names(m))
		goto bad;
	return true;
bad:
	snprintf(why, why_len, "%s", reason);
	manifest_free(m);
	return false;
}
