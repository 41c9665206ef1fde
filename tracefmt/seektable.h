/*
 * The seek table of zstd's seekable format, version 0.1.0
 * (zstd: contrib/seekable_format/zstd_seekable_compression_format.md). All numbers are
 * little-endian. Shared by the writer and the reader; no allocation.
 */
#ifndef DEJA_TRACEFMT_SEEKTABLE_H
#define DEJA_TRACEFMT_SEEKTABLE_H

#include <stddef.h>
#include <stdint.h>

#define TF_SEEK_SKIPPABLE_MAGIC 0x184D2A5Eu
#define TF_SEEK_MAGIC 0x8F92EAB1u

enum {
	TF_SEEK_HEAD_LEN = 8,	  /* skippable magic, length of what follows */
	TF_SEEK_ENTRY_LEN = 8,	  /* compressed and decompressed length of one frame */
	TF_SEEK_CHECKSUM_LEN = 4, /* more per entry when the descriptor says so */
	TF_SEEK_FOOTER_LEN = 9,	  /* number of frames, descriptor, magic */
	TF_SEEK_FRAME_MAX = 0x8000000,
	TF_SEEK_HAS_CHECKSUM = 0x80, /* bit of the descriptor */
	TF_SEEK_RESERVED = 0x7c,     /* bits that must be 0 */
};

struct tf_seek_entry {
	uint32_t compressed_len, len; /* bytes */
};

static inline size_t tf_seek_table_len(size_t frame_count)
{
	return TF_SEEK_HEAD_LEN + frame_count * TF_SEEK_ENTRY_LEN + TF_SEEK_FOOTER_LEN;
}

static inline uint8_t *tf_put_le32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
	return p + 4;
}

static inline uint32_t tf_get_le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

#endif
