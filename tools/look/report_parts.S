/*
 * The parts of a report's page, as report.h declares them.
 */
	.macro part name, file
	.globl \name, \name\()_len
\name:
	.incbin "\file"
.L\name\()_end:
	.byte 0
	.balign 8
\name\()_len:
	.quad .L\name\()_end - \name
	.endm

	.section .rodata
	part report_html, "tools/look/report.html"
	part report_css, "tools/look/report.css"
	.globl report_js, report_js_len
report_js:
	.incbin "tools/look/report.js"
	.incbin "tools/look/report_event.js"
	.incbin "tools/look/report_timeline.js"
.Lreport_js_end:
	.byte 0
	.balign 8
report_js_len:
	.quad .Lreport_js_end - report_js
	.section .note.GNU-stack, "", @progbits
