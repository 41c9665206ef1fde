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

static void put_unix(FILE *out, const uint8_t *path, size_t len)
{
	fputs(", sun_path=", out);
	if (len && !path[0]) { /* abstract */
		putc('@', out);
		tf_put_text(out, path + 1, len - 1, 0);
	} else {
		tf_put_text(out, path, strnlen((const char *)path, len), 0);
	}
}

bool tf_put_sockaddr(FILE *out, const uint8_t *bytes, size_t len)
{
	enum { UNIX = 1, INET = 2, INET6 = 10, NETLINK = 16 };
	char text[INET6_ADDRSTRLEN];
	unsigned family;

	if (len < 2)
		return false;
	family = (unsigned)tf_le(bytes, 2);
	fputs("{sa_family=", out);
	tf_put_names(out, TF_X_AF, family);
	if (family == UNIX && len > 2) {
		put_unix(out, bytes + 2, len - 2);
	} else if (family == INET && len >= 8) {
		inet_ntop(AF_INET, bytes + 4, text, sizeof(text));
		fprintf(out, ", sin_port=htons(%u), sin_addr=inet_addr(\"%s\")",
			port_of(bytes + 2), text);
	} else if (family == INET6 && len >= 24) {
		inet_ntop(AF_INET6, bytes + 8, text, sizeof(text));
		fprintf(out,
			", sin6_port=htons(%u), inet_pton(AF_INET6, \"%s\", "
			"&sin6_addr)",
			port_of(bytes + 2), text);
		if (len >= 28 && tf_le(bytes + 24, 4))
			fprintf(out, ", sin6_scope_id=%u",
				(unsigned)tf_le(bytes + 24, 4));
	} else if (family == NETLINK && len >= 12) {
		fprintf(out, ", nl_pid=%d, nl_groups=%#08x", (int)tf_le(bytes + 4, 4),
			(unsigned)tf_le(bytes + 8, 4));
	} else if (len > 2) {
		fputs(", sa_data=", out);
		tf_put_text(out, bytes + 2, len - 2, 0);
	}
	putc('}', out);
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
static void put_control(FILE *out, const uint8_t *p, size_t len)
{
	enum { HEAD = 16, RIGHTS = 1, SOCKET = 1 };
	const char *sep = "";

	fputs(", msg_control=[", out);
	while (len >= HEAD) {
		uint64_t size = tf_le(p, 8);
		unsigned level = (unsigned)tf_le(p + 8, 4),
			 type = (unsigned)tf_le(p + 12, 4);

		if (size < HEAD || size > len)
			break;
		fprintf(out, "%s{cmsg_len=%" PRIu64 ", cmsg_level=", sep, size);
		tf_put_names(out, TF_X_SOL, level);
		if (level == SOCKET && type == RIGHTS) {
			fputs(", cmsg_type=SCM_RIGHTS, cmsg_data=", out);
			if (!tf_put_layout(out, TF_X_INT32, p + HEAD, size - HEAD))
				fputs("[]", out);
		} else {
			fprintf(out, ", cmsg_type=%u", type);
		}
		putc('}', out);
		sep = ", ";
		size = (size + 7) & ~7ull;
		if (size >= len)
			break;
		p += size;
		len -= size;
	}
	putc(']', out);
}

static void put_one(FILE *out, struct tf_in *in, size_t excerpt_len)
{
	const uint8_t *bytes;
	uint64_t digest;
	uint32_t len;
	int64_t flags;
	uint32_t count = tf_get_array(in);

	if (in->bad || count < 6) {
		in->bad = 1;
		fputs("{?}", out);
		return;
	}
	fputs("{msg_name=", out);
	if (!get_part(in, &bytes, &len, &digest) || !bytes)
		fputs("NULL", out);
	else if (!tf_put_sockaddr(out, bytes, len))
		tf_put_text(out, bytes, len, excerpt_len);
	fputs(", msg_data=", out);
	if (!get_part(in, &bytes, &len, &digest))
		fputs("NULL", out);
	else if (bytes)
		tf_put_text(out, bytes, len, excerpt_len);
	else
		fprintf(out, "xxh64:%016" PRIx64, digest);
	if (get_part(in, &bytes, &len, &digest) && bytes && len)
		put_control(out, bytes, len);
	flags = tf_get_int(in);
	fputs(", msg_flags=", out);
	tf_put_names(out, TF_X_MSG, (uint32_t)flags);
	putc('}', out);
	for (uint32_t i = 4; i < count && !in->bad; i++)
		tf_skip(in);
}

void tf_put_msg(FILE *out, struct deja_bytes raw, size_t excerpt_len)
{
	struct tf_in in = tf_in_bytes(raw);

	put_one(out, &in, excerpt_len);
}

void tf_put_mmsg(FILE *out, struct deja_bytes raw, size_t excerpt_len)
{
	struct tf_in in = tf_in_bytes(raw);
	uint32_t count = tf_get_array(&in);

	putc('[', out);
	for (uint32_t i = 0; i < count && !in.bad; i++) {
		if (tf_get_array(&in) != 2) {
			fputs("?", out);
			break;
		}
		fputs(i ? ", {msg_hdr=" : "{msg_hdr=", out);
		put_one(out, &in, excerpt_len);
		fprintf(out, ", msg_len=%" PRId64 "}", tf_get_int(&in));
	}
	putc(']', out);
}
