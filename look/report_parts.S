/*
 * The parts of a report's page, as report.h declares them.
 */
	.macro part name, file
	.globl \name, \name\()_end
\name:
	.incbin "\file"
\name\()_end:
	.byte 0
	.endm

	.section .rodata
	part report_html, "look/report.html"
	part report_css, "look/report.css"
	.globl report_js, report_js_end
report_js:
	.incbin "look/report.js"
	.incbin "look/report_event.js"
	.incbin "look/report_timeline.js"
report_js_end:
	.byte 0
	.section .note.GNU-stack, "", @progbits
