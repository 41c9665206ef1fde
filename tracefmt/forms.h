/*
 * Short forms of the call table's arguments. Each expands to MEM(name, dir, rule, ref,
 * unit, xlat), which whoever includes the table defines. `ref` is the number of the
 * argument that holds the length or the request.
 */
#ifndef DEJA_TRACEFMT_FORMS_H
#define DEJA_TRACEFMT_FORMS_H

/* A string; one that names a file; LEN bytes outbound, inbound, both; as many bytes as argument `ref` says;
 * as many as the result says, at most argument `ref`. */
#define CSTR(n)		      MEM(n, TX, CSTR, 0, 0, 0)
#define PATH(n)		      MEM(n, TX, CSTR, 0, 0, PATH)
#define TXS(n, len, layout)   MEM(n, TX, FIXED, 0, len, layout)
#define RXS(n, len, layout)   MEM(n, RX, FIXED, 0, len, layout)
#define RTXS(n, len, layout)  MEM(n, RTX, FIXED, 0, len, layout)
#define TXB(n, ref)	      MEM(n, TX, ARG, ref, 1, 0)
#define TXR(n, ref)	      MEM(n, TX, RESULT, ref, 1, 0)
#define RXR(n, ref)	      MEM(n, RX, RESULT, ref, 1, 0)
#define SOCKADDR_TX(n, ref)   MEM(n, TX, ARG, ref, 1, SOCKADDR)
#define SOCKADDR_RX(n, ref)   MEM(n, RX, LENPTR, ref, 1, SOCKADDR)
#define FDS(n)		      MEM(n, RTX, FDSET, 1, 0, FDSET)
#define NODES_TX(n, ref)      MEM(n, TX, FDSET, ref, 0, 0)
#define NODES_RX(n, ref)      MEM(n, RX, FDSET, ref, 0, 0)
/* What this argument is depends on the request in argument `ref`. MORE: one of the
 * arguments after it, of that kind where the request uses it, else ignored. */
#define BYREQ(n, ref, table)	  MEM(n, TX, SUB, ref, 0, table)
#define MORE(n, kind, ref, table) MEM(n, TX, SUB, ref, TF_##kind, table)

#endif
