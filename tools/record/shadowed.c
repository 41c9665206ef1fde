/*
 * See shadowed.h. The session may be that of a recorder which was killed: nothing in it is trusted.
 */
#include "tools/record/shadowed.h"

void shadowed_name(struct session *s, struct deja_file *files, size_t count)
{
	uint32_t used = s->shadow_count < SHADOW_COUNT ? s->shadow_count : SHADOW_COUNT;

	for (uint32_t i = 0; i < used; i++) {
		const struct shadow_entry *e = session_shadow(s, i);

		if (e->live && e->id == i + 1 && e->file && e->file <= count && !files[e->file - 1].shadow)
			files[e->file - 1].shadow = e->id;
	}
}
