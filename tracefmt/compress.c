/*
 * See compress.h. The context lives in memory of a fixed size, which holds the tables of every level
 * and frame: one that zstd allocates itself grows when a level or a length comes for the first time,
 * which may be after days, and is made anew when short frames follow.
 */
#include <stdbool.h>
#include <stdlib.h>
#define ZSTD_STATIC_LINKING_ONLY /* parameters that a library may as well refuse, a size, a place */
#include <zstd.h>
#include <zstd_errors.h>

#include "compress.h"
#include "error.h"
#include "settle.h"
#include "stream.h"

enum {
	OUT_LEN = TF_FRAME_LEN + (1 << 17), /* a usual frame in one piece */
};

static struct {
	ZSTD_CCtx *cctx;
	void *place; /* where cctx is; NULL: where zstd likes */
	size_t place_len, out_len;
	uint8_t *out;
} one;

/* Bytes for a context that does TF_LEVEL_MAX and everything faster; 0 where the library does not say. */
static size_t place_len(void)
{
	ZSTD_CCtx_params *params = ZSTD_createCCtxParams();
	size_t len = 0;

	if (params) {
		ZSTD_CCtxParams_init(params, TF_LEVEL_MAX);
		ZSTD_CCtxParams_setParameter(params, ZSTD_c_stableInBuffer, 1);
		len = ZSTD_estimateCStreamSize_usingCCtxParams(params);
	}
	ZSTD_freeCCtxParams(params);
	return ZSTD_isError(len) ? 0 : len;
}

static void set_up(void)
{
	ZSTD_CCtx_reset(one.cctx, ZSTD_reset_session_and_parameters); /* a static one has none yet */
	ZSTD_CCtx_setParameter(one.cctx, ZSTD_c_checksumFlag, 1);
	/* levels below 0 would leave text as it is: five times as fast, twice as long */
	ZSTD_CCtx_setParameter(one.cctx, ZSTD_c_literalCompressionMode, ZSTD_ps_enable);
	/* a frame is not copied before it is compressed */
	ZSTD_CCtx_setParameter(one.cctx, ZSTD_c_stableInBuffer, 1);
}

static bool make(void)
{
	if (one.cctx)
		return true;
	one.place_len = place_len();
	one.place = one.place_len ? malloc(one.place_len) : NULL;
	if (one.place)
		one.cctx = ZSTD_initStaticCCtx(one.place, one.place_len);
	if (!one.cctx) {
		free(one.place);
		one.place = NULL;
		one.cctx = ZSTD_createCCtx();
	}
	one.out_len = ZSTD_compressBound(OUT_LEN);
	if (!one.out)
		one.out = malloc(one.out_len);
	if (one.cctx && one.out) {
		set_up();
		return true;
	}
	if (!one.place)
		ZSTD_freeCCtx(one.cctx);
	free(one.place);
	one.cctx = one.place = NULL;
	return false;
}

/* Where a library needs more room than it said. */
static bool let_it_grow(void)
{
	if (!one.place)
		return false;
	free(one.place);
	one.place = NULL;
	one.cctx = ZSTD_createCCtx();
	if (one.cctx)
		set_up();
	return one.cctx;
}

static void begin(int level, size_t len)
{
	ZSTD_CCtx_reset(one.cctx, ZSTD_reset_session_only);
	ZSTD_CCtx_setParameter(one.cctx, ZSTD_c_compressionLevel, level);
	ZSTD_CCtx_setPledgedSrcSize(one.cctx, len);
}

int tf_compress(int level, const uint8_t *bytes, size_t len, tf_compressed *receiver, void *arg,
		struct deja_error *err)
{
	ZSTD_inBuffer in = {bytes, len, 0};
	size_t left;

	if (!make())
		return tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
	begin(level, len);
	do {
		ZSTD_outBuffer out = {one.out, one.out_len, 0};

		left = ZSTD_compressStream2(one.cctx, &out, &in, ZSTD_e_end);
		if (ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation && let_it_grow()) {
			begin(level, len);
			continue;
		}
		if (ZSTD_isError(left))
			return tf_fail(err, DEJA_E_NO_MEMORY, "cannot compress: %s",
				       ZSTD_getErrorName(left));
		if (receiver(arg, one.out, out.pos) < 0)
			return -1;
	} while (left);
	return 0;
}

void tf_compress_settle(void)
{
	if (!make())
		return;
	if (one.place)
		tf_settle(one.place, one.place_len);
	tf_settle(one.out, one.out_len);
}
