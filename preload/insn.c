/*
 * See insn.h. The opcode maps as in the processor manuals (Intel SDM volume 2, appendix A):
 * what has a ModRM byte, what has an immediate operand. Called by the recorder to choose
 * where a thread can be stopped, by the replayer to move what stands there, and by the tools
 * (codescan.c). No state, no other file, any context.
 */
#include "insn.h"

enum {
	NO = 0,
	M = 1,	    /* ModRM */
	I1 = 2,	    /* an immediate of one byte */
	IZ = 4,	    /* of four bytes, two with an operand-size prefix */
	BAD = 0x80, /* not an instruction here, or none that we know */
};

/* One byte opcodes. Prefixes and escapes are taken before; the odd ones have code. */
static const uint8_t one_byte[256] = {
	/* 00 */ M, M, M, M, I1, IZ, BAD, BAD, M, M, M, M, I1, IZ, BAD, BAD,
	/* 10 */ M, M, M, M, I1, IZ, BAD, BAD, M, M, M, M, I1, IZ, BAD, BAD,
	/* 20 */ M, M, M, M, I1, IZ, BAD, BAD, M, M, M, M, I1, IZ, BAD, BAD,
	/* 30 */ M, M, M, M, I1, IZ, BAD, BAD, M, M, M, M, I1, IZ, BAD, BAD,
	/* 40 */ BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
	/* 50 */ NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
	/* 60 */ BAD, BAD, BAD, M, BAD, BAD, BAD, BAD, IZ, M | IZ, I1, M | I1, BAD, BAD, BAD, BAD,
	/* 70 */ I1, I1, I1, I1, I1, I1, I1, I1, I1, I1, I1, I1, I1, I1, I1, I1,
	/* 80 */ M | I1, M | IZ, BAD, M | I1, M, M, M, M, M, M, M, M, M, M, M, M,
	/* 90 */ NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, BAD, NO, NO, NO, NO, NO,
	/* a0 */ BAD, BAD, BAD, BAD, NO, NO, NO, NO, I1, IZ, NO, NO, NO, NO, NO, NO,
	/* b0 */ I1, I1, I1, I1, I1, I1, I1, I1, IZ, IZ, IZ, IZ, IZ, IZ, IZ, IZ,
	/* c0 */ M | I1, M | I1, BAD, NO, BAD, BAD, M | I1, M | IZ, BAD, NO, BAD, BAD, NO, I1, BAD, NO,
	/* d0 */ M, M, M, M, BAD, BAD, BAD, NO, M, M, M, M, M, M, M, M,
	/* e0 */ I1, I1, I1, I1, I1, I1, I1, I1, IZ, IZ, BAD, I1, NO, NO, NO, NO,
	/* f0 */ BAD, NO, BAD, BAD, NO, NO, M, M, NO, NO, NO, NO, NO, NO, M, M,
};

/* Two byte opcodes, 0f XX. */
static const uint8_t two_byte[256] = {
	/* 00 */ M, M, M, M, BAD, NO, NO, NO, NO, NO, BAD, NO, BAD, M, NO, BAD,
	/* 10 */ M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,
	/* 20 */ M, M, M, M, BAD, BAD, BAD, BAD, M, M, M, M, M, M, M, M,
	/* 30 */ NO, NO, NO, NO, NO, NO, BAD, NO, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD,
	/* 40 */ M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,
	/* 50 */ M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,
	/* 60 */ M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,
	/* 70 */ M | I1, M | I1, M | I1, M | I1, M, M, M, NO, BAD, BAD, BAD, BAD, M, M, M, M,
	/* 80 */ IZ, IZ, IZ, IZ, IZ, IZ, IZ, IZ, IZ, IZ, IZ, IZ, IZ, IZ, IZ, IZ,
	/* 90 */ M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,
	/* a0 */ NO, NO, NO, M, M | I1, M, BAD, BAD, NO, NO, BAD, M, M | I1, M, M, M,
	/* b0 */ M, M, M, M, M, M, M, M, M, M, M | I1, M, M, M, M, M,
	/* c0 */ M, M, M | I1, M, M | I1, M | I1, M | I1, M, NO, NO, NO, NO, NO, NO, NO, NO,
	/* d0 */ M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,
	/* e0 */ M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,
	/* f0 */ M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,
};

enum { MAP_ONE = 0, MAP_0F = 1, MAP_0F38 = 2, MAP_0F3A = 3 };

/* Where the decoder stands. */
struct cursor {
	const uint8_t *code;
	size_t room, at;
	bool short_operand, short_address, vex, evex;
	uint8_t rep;
};

static uint8_t next(struct cursor *c)
{
	uint8_t byte = c->at < c->room ? c->code[c->at] : 0;

	c->at++;
	return byte;
}

static void take_prefixes(struct cursor *c, struct insn *in)
{
	while (c->at < c->room) {
		uint8_t byte = c->code[c->at];

		if (byte == 0x66)
			c->short_operand = true;
		else if (byte == 0x67)
			c->short_address = true;
		else if (byte == 0xf2 || byte == 0xf3)
			c->rep = byte;
		else if (byte == 0x64 || byte == 0x65)
			in->segment = byte;
		else if (byte != 0xf0 && byte != 0x2e && byte != 0x36 && byte != 0x3e &&
			 byte != 0x26)
			break;
		c->at++;
	}
	if (c->at < c->room && (c->code[c->at] & 0xf0) == 0x40)
		in->rex = c->code[c->at++];
}

/* The opcode and its map, behind the prefixes. */
static uint8_t take_opcode(struct cursor *c, struct insn *in, unsigned *map)
{
	uint8_t byte = next(c), p;

	*map = MAP_ONE;
	switch (byte) {
	case 0x0f:
		*map = MAP_0F;
		byte = next(c);
		if (byte == 0x38 || byte == 0x3a) {
			*map = byte == 0x38 ? MAP_0F38 : MAP_0F3A;
			byte = next(c);
		}
		return byte;
	case 0xc5:
		c->vex = true;
		*map = MAP_0F;
		p = next(c);
		in->rex = p & 0x80 ? 0 : REX_R;
		return next(c);
	case 0xc4:
	case 0x62:
		c->vex = true;
		c->evex = byte == 0x62;
		p = next(c);
		*map = p & (c->evex ? 7 : 31);
		in->rex = (uint8_t)(~p >> 5 & 7);
		next(c);
		if (c->evex)
			next(c);
		return next(c);
	}
	return byte;
}

static void take_modrm(struct cursor *c, struct insn *in)
{
	uint8_t modrm, mod, rm;

	in->modrm_at = (uint8_t)c->at;
	modrm = next(c);
	mod = modrm >> 6;
	rm = modrm & 7;
	if (mod == 3)
		return;
	in->touches = true;
	if (rm == 4) {
		uint8_t sib = next(c);

		if (mod == 0 && (sib & 7) == 5)
			c->at += 4;
	} else if (mod == 0 && rm == 5) {
		in->rip_at = (uint8_t)c->at;
		c->at += 4;
	}
	if (mod == 1)
		c->at++;
	else if (mod == 2)
		c->at += 4;
}

static size_t immediate_len(const struct cursor *c, const struct insn *in, unsigned map,
			    uint8_t op, uint8_t shape)
{
	size_t z = c->short_operand && !(in->rex & REX_W) ? 2 : 4, len = 0;
	uint8_t reg = in->modrm_at ? c->code[in->modrm_at] >> 3 & 7 : 0;

	if (shape & I1)
		len += 1;
	if (shape & IZ)
		len += z;
	if (map != MAP_ONE)
		return len;
	if (op >= 0xb8 && op <= 0xbf && (in->rex & REX_W))
		len = 8;
	else if (op >= 0xa0 && op <= 0xa3)
		len = c->short_address ? 4 : 8;
	else if (op == 0xc2 || op == 0xca)
		len = 2;
	else if (op == 0xc8)
		len = 3;
	else if (op == 0xf6 && reg < 2)
		len = 1;
	else if (op == 0xf7 && reg < 2)
		len = z;
	return len;
}

static void tell_flow_one(struct cursor *c, struct insn *in, uint8_t op)
{
	uint8_t reg = in->modrm_at ? c->code[in->modrm_at] >> 3 & 7 : 0;

	if (op >= 0x70 && op <= 0x7f) {
		in->flow = INSN_BRANCH;
		in->rel_len = 1;
	} else if (op == 0xeb || op == 0xe9) {
		in->flow = INSN_JUMP;
		in->rel_len = op == 0xeb ? 1 : 4;
	} else if (op == 0xe8 || (op == 0xff && (reg == 2 || reg == 3))) {
		in->flow = INSN_CALL;
	} else if (op >= 0xe0 && op <= 0xe3) {
		in->flow = INSN_SHORT;
	} else if (op == 0xc3 || op == 0xc2 || (op == 0xff && reg == 4)) {
		in->flow = INSN_LEAVES;
	} else if (op == 0xcc || op == 0xcd || op == 0xcf || op == 0xf1 || op == 0xf4 ||
		   (op >= 0xe4 && op <= 0xe7) || (op >= 0xec && op <= 0xef) ||
		   op == 0xfa || op == 0xfb || op == 0xca || op == 0xcb || op == 0x9d ||
		   (op == 0xff && reg == 5) || (op == 0xc7 && reg == 7)) {
		in->flow = INSN_STOPS;
	}
	in->shows_flags = op == 0x9c;
	in->string = (op >= 0xa4 && op <= 0xa7) || (op >= 0xaa && op <= 0xaf);
	in->repeats = in->string && c->rep;
	if (op == 0x8d) /* lea */
		in->touches = false;
}

static void tell_flow_two(struct insn *in, uint8_t op)
{
	if (op >= 0x80 && op <= 0x8f) {
		in->flow = INSN_BRANCH;
		in->rel_len = 4;
	} else if (op == 0x05 || op == 0x06 || op == 0x07 || op == 0x08 || op == 0x09 ||
		   op == 0x0b || op == 0x30 || op == 0x32 || op == 0x34 || op == 0x35 ||
		   op == 0x37 || op == 0xaa || op == 0xff || op == 0xb9 ||
		   (op >= 0x20 && op <= 0x23) || op == 0x00) {
		in->flow = INSN_STOPS;
	}
	if ((op >= 0x18 && op <= 0x1f) || op == 0x0d) /* hints, nop */
		in->touches = false;
}

bool insn_decode(const uint8_t *code, size_t room, struct insn *in)
{
	struct cursor c = {.code = code, .room = room < INSN_MAX_LEN ? room : INSN_MAX_LEN};
	unsigned map;
	uint8_t op, shape;

	*in = (struct insn){0};
	take_prefixes(&c, in);
	op = take_opcode(&c, in, &map);
	if (c.at > c.room)
		return false;
	if (map == MAP_ONE) {
		shape = one_byte[op];
		if ((op >= 0xa0 && op <= 0xa3) || op == 0xc2 || op == 0xc8 || op == 0xca)
			shape = NO;
		if (op == 0x8f && c.at < c.room && (code[c.at] >> 3 & 7))
			return false; /* XOP */
	} else if (map == MAP_0F) {
		shape = two_byte[op];
		if (op == 0x0f && !c.vex)
			shape = M | I1; /* 3DNow! */
		if (c.vex && op == 0x77)
			shape = c.evex ? BAD : NO;
	} else if (map == MAP_0F38) {
		shape = M;
	} else if (map == MAP_0F3A) {
		shape = M | I1;
	} else {
		shape = c.evex && (map == 5 || map == 6) ? M : BAD;
	}
	if (shape & BAD)
		return false;
	if (shape & M)
		take_modrm(&c, in);
	if (c.at > c.room)
		return false;
	if (map == MAP_ONE)
		tell_flow_one(&c, in, op);
	else if (map == MAP_0F && !c.vex)
		tell_flow_two(in, op);
	if (in->rel_len) {
		in->rel_at = (uint8_t)c.at;
		if (c.short_operand && in->rel_len == 4)
			return false; /* processors differ */
	}
	c.at += immediate_len(&c, in, map, op, shape);
	/* what registers alone do not tell: indices in vectors, scaled displacements */
	if (c.short_address ||
	    (c.evex && in->modrm_at && code[in->modrm_at] >> 6 == 1) ||
	    (c.vex && map == MAP_0F38 && ((op >= 0x90 && op <= 0x93) || (op & 0xf8) == 0xa0)))
		in->touches = false;
	in->len = (uint8_t)c.at;
	return c.at <= c.room;
}

bool insn_is_oracle(const uint8_t *code, size_t room, struct insn_oracle *oracle)
{
	bool short_operand = false, rep = false;
	uint8_t rex = 0, op, modrm;
	size_t n = 0;

	*oracle = (struct insn_oracle){0};
	for (; n < room && (code[n] == 0x66 || code[n] == 0xf3); n++) {
		short_operand |= code[n] == 0x66;
		rep |= code[n] == 0xf3;
	}
	if (n == 1 && rep && n < room && code[n] == 0x90) {
		oracle->kind = ORACLE_PAUSE;
		oracle->len = 2;
		return true;
	}
	if (n < room && (code[n] & 0xf0) == 0x40)
		rex = code[n++];
	if (room - n < 2 || n > 3 || code[n] != 0x0f)
		return false;
	op = code[n + 1];
	oracle->trap_at = (uint8_t)(n + 1);
	oracle->len = (uint8_t)(n + 2);
	if (op == 0x31 && !n) {
		oracle->kind = ORACLE_RDTSC;
		return true;
	}
	if (op == 0xa2 && !n) {
		oracle->kind = ORACLE_CPUID;
		return true;
	}
	if (room - n < 3)
		return false;
	modrm = code[n + 2];
	oracle->len++;
	if (op == 0x01 && modrm == 0xf9 && !n) {
		oracle->kind = ORACLE_RDTSCP;
		return true;
	}
	if (op != 0xc7 || modrm < 0xf0 || (rep && modrm < 0xf8))
		return false;
	oracle->kind = rep ? ORACLE_RDPID : modrm < 0xf8 ? ORACLE_RDRAND : ORACLE_RDSEED;
	oracle->width = rep || (rex & REX_W) ? 8 : short_operand ? 2 : 4;
	oracle->reg = (uint8_t)((modrm & 7) | (rex & REX_B ? 8 : 0));
	return true;
}

static int64_t displacement(const uint8_t *p, size_t len)
{
	if (len == 1)
		return (int8_t)*p;
	return (int32_t)(p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
}

uint64_t insn_target(const struct insn *in, const uint8_t *code, uint64_t at)
{
	return at + in->len + (uint64_t)displacement(code + in->rel_at, in->rel_len);
}

/* General register n, as instructions number them. */
static uint64_t insn_register(const struct k_mcontext *mc, unsigned n)
{
	const uint64_t low[8] = {mc->rax, mc->rcx, mc->rdx, mc->rbx,
				 mc->rsp, mc->rbp, mc->rsi, mc->rdi};

	return n < 8 ? low[n] : (&mc->r8)[n & 7];
}

bool insn_address(const struct insn *in, const uint8_t *code, uint64_t at,
		  const struct k_mcontext *mc, uint64_t *address)
{
	const uint8_t *p = code + in->modrm_at;
	unsigned mod = *p >> 6, rm = *p & 7;
	uint64_t a = 0;

	if (!in->modrm_at || !in->touches)
		return false;
	p++;
	if (rm == 4) {
		uint8_t sib = *p++;
		unsigned index = (sib >> 3 & 7) | (in->rex & REX_X ? 8 : 0);

		if (index != 4)
			a = insn_register(mc, index) << (sib >> 6);
		if (mod == 0 && (sib & 7) == 5)
			a += (uint64_t)displacement(p, 4);
		else
			a += insn_register(mc, (sib & 7u) | (in->rex & REX_B ? 8 : 0));
	} else if (mod == 0 && rm == 5) {
		a = at + in->len + (uint64_t)displacement(p, 4);
	} else {
		a = insn_register(mc, rm | (in->rex & REX_B ? 8 : 0));
	}
	if (mod == 1)
		a += (uint64_t)displacement(p, 1);
	else if (mod == 2)
		a += (uint64_t)displacement(p, 4);
	if (in->segment == 0x64) {
		uint64_t base;

		__asm__("mov %%fs:0, %0" : "=r"(base)); /* the TCB's first word is its address */
		a += base;
	} else if (in->segment == 0x65) {
		return false; /* ours */
	}
	*address = a;
	return true;
}
