/*
 * Socket addresses and messages. Tools only. Trusts no length.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>
#include "parts.h"

static unsigned port_of(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static void put_unix(struct tf_text *out, const uint8_t *path, size_t len)
{
	tf_puts(out, ", sun_path=");
	if (len && !path[0]) { /* abstract */
		tf_putc(out, '@');
		tf_put_text(out, path + 1, len - 1, 0);
	} else {
		tf_put_text(out, path, strnlen((const char *)path, len), 0);
	}
}

bool tf_put_sockaddr(struct tf_text *out, const uint8_t *bytes, size_t len)
{
	enum { UNIX = 1, INET = 2, INET6 = 10, NETLINK = 16 };
	char text[INET6_ADDRSTRLEN];
	unsigned family;

	if (len < 2)
		return false;
	family = (unsigned)tf_le(bytes, 2);
	tf_puts(out, "{sa_family=");
	tf_put_names(out, TF_X_AF, family);
	if (family == UNIX && len > 2) {
		put_unix(out, bytes + 2, len - 2);
	} else if (family == INET && len >= 8) {
		inet_ntop(AF_INET, bytes + 4, text, sizeof(text));
		tf_put(out, ", sin_port=htons(%u), sin_addr=inet_addr(\"%s\")",
			port_of(bytes + 2), text);
	} else if (family == INET6 && len >= 24) {
		inet_ntop(AF_INET6, bytes + 8, text, sizeof(text));
		tf_put(out,
			", sin6_port=htons(%u), inet_pton(AF_INET6, \"%s\", "
			"&sin6_addr)",
			port_of(bytes + 2), text);
		if (len >= 28 && tf_le(bytes + 24, 4))
			tf_put(out, ", sin6_scope_id=%u",
				(unsigned)tf_le(bytes + 24, 4));
	} else if (family == NETLINK && len >= 12) {
		tf_put(out, ", nl_pid=%d, nl_groups=%#08x", (int)tf_le(bytes + 4, 4),
			(unsigned)tf_le(bytes + 8, 4));
	} else if (len > 2) {
		tf_puts(out, ", sa_data=");
		tf_put_text(out, bytes + 2, len - 2, 0);
	}
	tf_putc(out, '}');
	return true;
}

/* One element of a message: nil, bytes or a digest. */
static bool get_part(struct tf_in *in, const uint8_t **bytes, uint32_t *len,
		     uint64_t *digest)
{
	uint8_t t = tf_peek(in);

	*bytes = NULL;
	*len = 0;
	*digest = 0;
	if (tf_get_nil(in))
		return false;
	if (t < 0x80 || (t >= 0xcc && t <= 0xcf))
		*digest = (uint64_t)tf_get_int(in);
	else
		*bytes = tf_get_bytes(in, len);
	return !in->bad;
}

/* Control messages: struct cmsghdr is a length of 8 bytes, level, type, then data
 * padded to 8. Descriptors passed are shown. */
static void put_control(struct tf_text *out, const uint8_t *p, size_t len)
{
	enum { HEAD = 16, RIGHTS = 1, SOCKET = 1 };
	const char *sep = "";

	tf_puts(out, ", msg_control=[");
	while (len >= HEAD) {
		uint64_t size = tf_le(p, 8);
		unsigned level = (unsigned)tf_le(p + 8, 4),
			 type = (unsigned)tf_le(p + 12, 4);

		if (size < HEAD || size > len)
			break;
		tf_put(out, "%s{cmsg_len=%" PRIu64 ", cmsg_level=", sep, size);
		tf_put_names(out, TF_X_SOL, level);
		if (level == SOCKET && type == RIGHTS) {
			tf_puts(out, ", cmsg_type=SCM_RIGHTS, cmsg_data=");
			if (!tf_put_layout(out, TF_X_INT32, p + HEAD, size - HEAD))
				tf_puts(out, "[]");
		} else {
			tf_put(out, ", cmsg_type=%u", type);
		}
		tf_putc(out, '}');
		sep = ", ";
		size = (size + 7) & ~7ull;
		if (size >= len)
			break;
		p += size;
		len -= size;
	}
	tf_putc(out, ']');
}

static void put_one(struct tf_text *out, struct tf_in *in, size_t excerpt_len)
{
	const uint8_t *bytes;
	uint64_t digest;
	uint32_t len;
	int64_t flags;
	uint32_t count = tf_get_array(in);

	if (in->bad || count < 6) {
		in->bad = 1;
		tf_puts(out, "{?}");
		return;
	}
	tf_puts(out, "{msg_name=");
	if (!get_part(in, &bytes, &len, &digest) || !bytes)
		tf_puts(out, "NULL");
	else if (!tf_put_sockaddr(out, bytes, len))
		tf_put_text(out, bytes, len, excerpt_len);
	tf_puts(out, ", msg_data=");
	if (!get_part(in, &bytes, &len, &digest))
		tf_puts(out, "NULL");
	else if (bytes)
		tf_put_text(out, bytes, len, excerpt_len);
	else
		tf_put(out, "xxh64:%016" PRIx64, digest);
	if (get_part(in, &bytes, &len, &digest) && bytes && len)
		put_control(out, bytes, len);
	flags = tf_get_int(in);
	tf_puts(out, ", msg_flags=");
	tf_put_names(out, TF_X_MSG, (uint32_t)flags);
	tf_putc(out, '}');
	for (uint32_t i = 4; i < count && !in->bad; i++)
		tf_skip(in);
}

void tf_put_msg(struct tf_text *out, struct deja_bytes raw, size_t excerpt_len)
{
	struct tf_in in = tf_in_bytes(raw);

	put_one(out, &in, excerpt_len);
}

void tf_put_mmsg(struct tf_text *out, struct deja_bytes raw, size_t excerpt_len)
{
	struct tf_in in = tf_in_bytes(raw);
	uint32_t count = tf_get_array(&in);

	tf_putc(out, '[');
	for (uint32_t i = 0; i < count && !in.bad; i++) {
		if (tf_get_array(&in) != 2) {
			tf_puts(out, "?");
			break;
		}
		tf_puts(out, i ? ", {msg_hdr=" : "{msg_hdr=");
		put_one(out, &in, excerpt_len);
		tf_put(out, ", msg_len=%" PRId64 "}", tf_get_int(&in));
	}
	tf_putc(out, ']');
}
