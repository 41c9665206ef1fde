"use strict";
/*
 * The page of `deja report`: reads the columns that report_data.c wrote, and shows them. Text of
 * the recording reaches the document through textContent alone. Tables render the rows in sight
 * only, the timeline draws the lanes in sight only: both must stay quick with 10^5 events.
 */
const $ = (id) => document.getElementById(id);
const D = JSON.parse($("data").textContent);
const N = D.count, ROW = 22, LANE = 16, RULER = 18, LABEL = 210;
const CLASS_COLOURS = {net: "net", file: "file", desc: "desc", time: "clock", process: "process",
	signal: "signal", memory: "memory", ipc: "ipc"};

/* --- the events --- */

const end = new Float64Array(N), offset = new Float64Array(N);
{
	let at = 0, base = 0;
	for (let i = 0; i < N; i++) {
		at += D.end[i];
		end[i] = at;
		offset[i] = base;
		const p = D.pieces[i];
		for (let k = 1; p && k < p.length; k += 3)
			base += Math.ceil(p[k] / 3) * 4;
	}
}
const isCall = new Set(D.calls);
const begin = (i) => end[i] - D.dur[i];
const nameOf = (i) => D.names[D.id[i]];
D.ios.sort((a, b) => a[0] - b[0]);
const streams = new Map(D.ios.map((row) => [row[0], row]));
const pidCount = new Map();
for (const p of D.processes)
	pidCount.set(p.pid, (pidCount.get(p.pid) || 0) + 1);
/* As `deja cat -n` names events. */
function eventName(i) {
	const [stream, pid] = D.threads[D.thread[i]];
	return (pidCount.get(pid) > 1 ? "p" + stream : pid) + "#" + D.number[i];
}
function classOf(mask) {
	for (let bit = 0; bit < D.classes.length; bit++)
		if (mask & 1 << bit)
			return D.classes[bit];
	return "other";
}
const seconds = (ns) => (ns / 1e9).toFixed(6);
function span(ns) {
	if (ns < 1e3)
		return ns + " ns";
	const [unit, by] = ns < 1e6 ? ["us", 1e3] : ns < 1e9 ? ["ms", 1e6] : ["s", 1e9];
	const v = ns / by;
	return v.toFixed(v < 10 ? 2 : v < 100 ? 1 : 0) + " " + unit;
}
function size(n) {
	for (const unit of ["B", "KiB", "MiB", "GiB"]) {
		if (n < 1024 || unit === "GiB")
			return (unit === "B" || n >= 100 ? Math.round(n) : n.toFixed(1)) + " " + unit;
		n /= 1024;
	}
}
const quote = (argv) => argv.map((a) => /^[\w@%+=:,./-]+$/.test(a) ? a : "'" + a.replace(/'/g, "'\\''") + "'").join(" ");
function farEnd(text) { /* of a connection; its own end is the server's for all of its clients */
	return text.replace(/^(\w+) \S+ (<-|->) /, "$1 $2 ");
}
function visible(text) { /* one line */
	return text.replace(/[\x00-\x1f\x7f-\x9f]/g, (c) => ({"\n": "\\n", "\r": "\\r", "\t": "\\t"})[c] ||
		"\\x" + c.charCodeAt(0).toString(16).padStart(2, "0"));
}
let payloadText = null;
function pieceBytes(i, k) { /* of the piece whose place in pieces[i] is k, as a binary string */
	if (payloadText === null)
		payloadText = $("payload").textContent;
	let at = offset[i];
	for (let j = 0; j < k; j += 3)
		at += Math.ceil(D.pieces[i][j + 1] / 3) * 4;
	return atob(payloadText.substr(at, Math.ceil(D.pieces[i][k + 1] / 3) * 4));
}
function element(tag, text, className) {
	const e = document.createElement(tag);
	if (text !== undefined)
		e.textContent = text;
	if (className)
		e.className = className;
	return e;
}

/* --- the summary --- */

function showSummary() {
	const warnings = D.warnings.slice();
	$("command").textContent = D.argv ? quote(D.argv) : "";
	document.title = "deja report: " + (D.argv ? D.argv[0].split("/").pop() : "");
	const facts = [["Status", D.status], ["Recorded", D.date + " on " + D.host], ["Took", span(D.duration)],
		["Events", N + (N + D.left_out !== D.events ? " of " + D.events : "")],
		["Processes", D.processes.length], ["Threads", D.threads.length], ["Requests", D.turns.length],
		["Directory", D.cwd], ["Kernel", D.kernel], ["deja", D.version]];
	for (const [name, value] of facts) {
		const s = element("span", name + " ");
		s.append(element("b", value));
		$("facts").append(s, " ");
	}
	if (!D.complete)
		warnings.unshift("The recording is incomplete" + (D.cause ? ": " + D.cause : ""));
	if (D.partial)
		warnings.unshift("It was trimmed: " + D.partial);
	if (D.left_out)
		warnings.push("This page holds the first " + N + " events; " + D.left_out + " are left out");
	if (D.payload_left_out)
		warnings.push(D.payload_left_out + " payloads did not fit into this page");
	for (const x of D.externals || [])
		warnings.push("Not recorded: process " + x.pid + ", " + (x.path || "") + ": " + x.reason);
	for (const p of D.processes)
		for (const note of p.notes || [])
			warnings.push("Process " + p.pid + ": " + note);
	for (const text of warnings)
		$("warnings").append(element("li", text));
	$("warnings").hidden = !warnings.length;
	for (const name of [...D.classes, "other"]) {
		const s = element("span"), i = element("i");
		i.style.background = "var(--" + (CLASS_COLOURS[name] || "other") + ")";
		s.append(i, name);
		$("legend").append(s);
	}
}

/* --- what is derived: calls, requests, slowest --- */

function callRows() {
	const by = new Map();
	for (let i = 0; i < N; i++) {
		if (!isCall.has(D.id[i]))
			continue;
		let row = by.get(D.id[i]);
		if (!row)
			by.set(D.id[i], row = {id: D.id[i], durs: [], errors: 0, total: 0, bytes: 0, slowest: i});
		row.durs.push(D.dur[i]);
		row.errors += D.error[i] ? 1 : 0;
		row.total += D.dur[i];
		row.bytes += D.in[i] + D.out[i];
		if (D.dur[i] > D.dur[row.slowest])
			row.slowest = i;
	}
	const rows = [...by.values()].sort((a, b) => b.total - a.total);
	for (const row of rows) {
		const sorted = Float64Array.from(row.durs).sort();
		const q = (x) => sorted[Math.min(sorted.length - 1, Math.ceil(x * sorted.length) - 1)];
		Object.assign(row, {count: sorted.length, p50: q(.5), p90: q(.9), p99: q(.99), max: q(1), durs: null});
	}
	return rows;
}
/* A request is answered by the first bytes that leave on its connection after it. */
function requestRows() {
	const wanted = new Map(), rows = [];
	for (const [number, line, io, i, head] of D.turns) {
		rows.push({number, line, io, event: i, head, answer: -1});
		if (!wanted.has(i))
			wanted.set(i, []);
		wanted.get(i).push(rows[rows.length - 1]);
	}
	const open = new Map();
	for (let i = 0; i < N; i++) {
		if (wanted.has(i))
			for (const row of wanted.get(i))
				if (!row.line)
					open.set(row.io, row);
		if (D.out[i] && open.has(D.io[i])) {
			open.get(D.io[i]).answer = i;
			open.delete(D.io[i]);
		}
	}
	return rows;
}
function slowestRows() {
	const most = 200;
	let top = [], least = 0;
	for (let i = 0; i < N; i++) {
		if (D.dur[i] <= least)
			continue;
		top.push(i);
		if (top.length >= 4 * most) {
			top = top.sort((a, b) => D.dur[b] - D.dur[a]).slice(0, most);
			least = D.dur[top[most - 1]];
		}
	}
	return top.sort((a, b) => D.dur[b] - D.dur[a] || a - b).slice(0, most);
}
function noteEvent(note) { /* the event it is about, or the first in its range; -1: none */
	const from = note.from;
	if (note.target === "stream")
		return D.io.indexOf(note.io);
	if (!from)
		return -1;
	if (from.stream)
		for (let i = 0; i < N; i++)
			if (D.number[i] === from.event && D.threads[D.thread[i]][0] === from.stream)
				return i;
	return firstAt(from.time_ns);
}
function notesOf(i) {
	const [stream] = D.threads[D.thread[i]];
	const not = (when, sign) => when && (when.stream ?
		(when.stream === stream ? (D.number[i] - when.event) * sign < 0 : (end[i] - when.time_ns) * sign < 0) :
		(end[i] - when.time_ns) * sign < 0);
	return D.annotations.filter((n) =>
		n.target === "event" ? n.from && n.from.stream === stream && n.from.event === D.number[i] :
		n.target === "stream" ? n.io === D.io[i] :
		n.target === "range" && !not(n.from, 1) && !not(n.to, -1));
}
function firstAt(ns) { /* the first event that ended then or later */
	let lo = 0, hi = N;
	while (lo < hi) {
		const mid = lo + hi >> 1;
		if (end[mid] < ns)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < N ? lo : N - 1;
}
const lazy = (make) => {
	let value;
	return () => value === undefined ? value = make() : value;
};
const calls = lazy(callRows), requests = lazy(requestRows), slowest = lazy(slowestRows);

/* --- tables --- */

let shown = null; /* indexes of the events that pass; null: all */
let chosenBucket = -1;
const column = (title, width, text, right) => ({title, width, text, right});
const eventColumns = [
	column("TIME", 92, (i) => seconds(end[i]), true), column("EVENT", 112, (i) => eventName(i)),
	column("THREAD", 74, (i) => String(D.threads[D.thread[i]][2])),
	column("TOOK", 74, (i) => isCall.has(D.id[i]) ? span(D.dur[i]) : "", true),
	column("CALL", 0, (i) => D.line[i])];
const signed = (bytes) => bytes ? size(bytes) : "";
const TABLES = {
	Events: {count: () => shown ? shown.length : N, event: (r) => shown ? shown[r] : r, columns: eventColumns,
		item: (r) => shown ? shown[r] : r, search: true, error: (i) => D.error[i]},
	Requests: {count: () => requests().length, item: (r) => requests()[r], event: (r) => requests()[r].event, columns: [
		column("NO", 56, (q) => String(q.number), true), column("TIME", 92, (q) => seconds(end[q.event]), true),
		column("ANSWER AFTER", 104, (q) => q.answer < 0 ? "" : span(end[q.answer] - end[q.event]), true),
		column("STREAM", 62, (q) => String(q.io), true),
		column("FROM", 200, (q) => streams.has(q.io) ? farEnd(streams.get(q.io)[2]) : ""), column("BEGINS", 0, (q) => visible(q.head))]},
	Slowest: {count: () => slowest().length, item: (r) => slowest()[r], event: (r) => slowest()[r],
		error: (i) => D.error[i], columns: [eventColumns[3], eventColumns[0], eventColumns[1], eventColumns[2], eventColumns[4]]},
	Latency: {count: () => calls().length, item: (r) => calls()[r], event: (r) => calls()[r].slowest, histogram: true,
		enter: (r) => filterBy({call: String(calls()[r].id)}), columns: [
		column("CALL", 150, (c) => D.names[c.id]), column("COUNT", 76, (c) => String(c.count), true),
		column("ERRORS", 66, (c) => c.errors ? String(c.errors) : "", true), column("TOTAL", 84, (c) => span(c.total), true),
		column("P50", 78, (c) => span(c.p50), true), column("P90", 78, (c) => span(c.p90), true),
		column("P99", 78, (c) => span(c.p99), true), column("MAX", 84, (c) => span(c.max), true),
		column("BYTES", 90, (c) => signed(c.bytes), true)]},
	Streams: {count: () => D.ios.length, item: (r) => D.ios[r], event: (r) => D.io.indexOf(D.ios[r][0]),
		error: (s) => s[9], enter: (r) => { $("search").value = "stream:" + D.ios[r][0]; filterBy({keep: true}); }, columns: [
		column("ID", 50, (s) => String(s[0]), true), column("KIND", 80, (s) => s[1]), column("OPENED", 92, (s) => seconds(s[3]), true),
		column("CLOSED", 92, (s) => s[4] < 0 ? "" : seconds(s[4]), true), column("IN", 84, (s) => signed(s[7]), true),
		column("OUT", 84, (s) => signed(s[8]), true), column("ERRORS", 66, (s) => s[9] ? String(s[9]) : "", true),
		column("REQUESTS", 80, (s) => s[10] ? String(s[10]) : "", true), column("WHAT", 0, (s) => s[2])]},
	Processes: {count: () => D.processes.length, item: (r) => D.processes[r],
		event: (r) => D.thread.findIndex((t) => D.threads[t][0] === D.processes[r].stream),
		enter: (r) => filterBy({process: "p" + D.processes[r].stream}), columns: [
		column("PID", 70, (p) => String(p.pid), true), column("PARENT", 70, (p) => String((D.processes.find((q) => q.stream === p.parent) || {pid: ""}).pid), true),
		column("START", 92, (p) => seconds(p.start), true), column("END", 92, (p) => seconds(p.end), true),
		column("EVENTS", 76, (p) => String(p.events), true), column("STATUS", 150, (p) => p.status + (p.complete ? "" : ", cut")),
		column("COMMAND", 0, (p) => visible(quote(p.argv || [])))]},
	Notes: {count: () => D.annotations.length, item: (r) => D.annotations[r], event: (r) => noteEvent(D.annotations[r]), columns: [
		column("ID", 44, (n) => String(n.id), true), column("KIND", 80, (n) => n.kind), column("ON", 200, (n) => noteTarget(n)),
		column("BY", 110, (n) => n.author), column("TEXT", 0, (n) => visible(n.text) + (n.score === undefined ? "" : " = " + n.score))]},
};
function noteTarget(n) {
	const at = (w) => !w ? "" : w.stream ? "p" + w.stream + "#" + w.event : seconds(w.time_ns) + "s";
	return n.target === "recording" ? "the recording" : n.target === "stream" ? "stream " + n.io :
		n.target === "event" ? at(n.from) : at(n.from) + ".." + at(n.to);
}

const NOTHING = {Events: "No event matches.", Requests: "No request came in: no connection was accepted, and no line of input was read.",
	Notes: "There are no annotations; `deja annotate` makes them."};
let table = "Events", cursor = -1, selected = -1;
const cursors = {};

function cell(col, text) {
	const s = element("span", text, (col.width ? "" : "fill") + (col.right ? " right" : ""));
	if (col.width)
		s.style.width = col.width + "px";
	return s;
}
function drawRows() {
	const t = TABLES[table], box = $("table"), count = t.count();
	const first = Math.max(0, Math.floor(box.scrollTop / ROW) - 4);
	const last = Math.min(count, first + Math.ceil(box.clientHeight / ROW) + 8);
	const rows = document.createDocumentFragment();
	for (let r = first; r < last; r++) {
		const item = t.item(r), row = element("div", undefined, "row");
		row.setAttribute("role", "row");
		row.dataset.row = r;
		if (r === cursor)
			row.classList.add("selected");
		if (t.error && t.error(item))
			row.classList.add("error");
		for (const col of t.columns)
			row.append(cell(col, col.text(item)));
		rows.append(row);
	}
	if (!count)
		rows.append(element("p", NOTHING[table] || "Nothing here.", "nothing"));
	$("table_space").style.height = count * ROW + "px";
	$("table_rows").style.top = first * ROW + "px";
	$("table_rows").replaceChildren(rows);
}
function showTable(name) {
	cursors[table] = cursor;
	table = name;
	cursor = cursors[name] === undefined ? -1 : cursors[name];
	for (const b of $("tabs").children)
		b.setAttribute("aria-selected", b.dataset.table === name);
	const t = TABLES[name];
	$("search_bar").hidden = !t.search;
	$("search_bar").style.display = t.search ? "" : "none";
	$("table_head").replaceChildren(...t.columns.map((c) => cell(c, c.title)));
	drawHistogram(t.histogram);
	$("table").scrollTop = 0;
	reveal();
	drawRows();
}
function reveal() {
	const box = $("table");
	if (cursor < 0)
		return;
	if (cursor * ROW < box.scrollTop || (cursor + 1) * ROW > box.scrollTop + box.clientHeight)
		box.scrollTop = Math.max(0, cursor * ROW - box.clientHeight / 2);
}
function moveTo(r) {
	const t = TABLES[table], count = t.count();
	if (!count)
		return;
	cursor = Math.max(0, Math.min(count - 1, r));
	reveal();
	drawRows();
	select(t.event(cursor), true);
}
function enterRow() {
	const t = TABLES[table];
	if (cursor < 0)
		return;
	if (t.enter)
		t.enter(cursor);
	else if (selected >= 0)
		showAmongAll(selected);
}
function showAmongAll(i) {
	if (shown && !shown.includes(i))
		clearFilter();
	if (table !== "Events")
		showTable("Events");
	cursor = shown ? shown.indexOf(i) : i;
	reveal();
	drawRows();
	select(i, false);
}

/* --- search --- */

let payloads = null; /* binary strings of all payloads, by event, when first searched */
function allPayloads() {
	if (payloads)
		return payloads;
	payloads = new Array(N).fill("");
	for (let i = 0; i < N; i++)
		for (let k = 0; D.pieces[i] && k < D.pieces[i].length; k += 3)
			payloads[i] += pieceBytes(i, k);
	return payloads;
}
function matcher(text) {
	const expression = /^\/(.+)\/$/.exec(text);
	if (!text)
		return null;
	try {
		return new RegExp(expression ? expression[1] : text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "i");
	} catch (e) {
		$("found").textContent = e.message;
		return false;
	}
}
function applyFilter() {
	const text = $("search").value, io = /^stream:(\d+)$/.exec(text);
	const find = io ? null : matcher(text);
	const thread = $("by_thread").value, mask = Number($("by_class").value), call = $("by_call").value;
	const errors = $("by_error").checked, bytes = find ? allPayloads() : null;
	if (find === false)
		return;
	if (!find && !io && !thread && !mask && !call && !errors && chosenBucket < 0) {
		shown = null;
	} else {
		const wide = find && /[^\x00-\x7f]/.test(text) ?
			matcher(unescape(encodeURIComponent(text))) || find : find; /* payloads are bytes */
		shown = [];
		for (let i = 0; i < N; i++) {
			const t = D.threads[D.thread[i]];
			if ((thread && thread !== "p" + t[0] && thread !== "t" + D.thread[i]) ||
			    (mask && !(D.class[i] & mask)) || (call && String(D.id[i]) !== call) ||
			    (errors && !D.error[i]) || (io && D.io[i] !== Number(io[1])) ||
			    (chosenBucket >= 0 && (!isCall.has(D.id[i]) || bucketOf(D.dur[i]) !== chosenBucket)) ||
			    (find && !find.test(D.line[i]) && !wide.test(bytes[i])))
				continue;
			shown.push(i);
		}
	}
	$("found").textContent = shown ? shown.length + " of " + N +
		(chosenBucket >= 0 ? ", took " + bucketName(chosenBucket) : "") : "";
	cursor = shown ? shown.indexOf(selected) : selected;
	if (table === "Events") {
		$("table").scrollTop = 0;
		reveal();
		drawRows();
	}
}
function filterBy({call, process, bucket, keep}) {
	const text = keep ? $("search").value : "";
	clearFilter();
	$("search").value = text;
	$("by_call").value = call || "";
	$("by_thread").value = process || "";
	chosenBucket = bucket === undefined ? -1 : bucket;
	showTable("Events");
	applyFilter();
}
function clearFilter() {
	for (const id of ["search", "by_thread", "by_class", "by_call"])
		$(id).value = "";
	$("by_error").checked = false;
	chosenBucket = -1;
	applyFilter();
}
function fillFilters() {
	const option = (select, value, text) => {
		const o = element("option", text);
		o.value = value;
		select.append(o);
	};
	option($("by_thread"), "", "all threads");
	for (const p of D.processes) {
		option($("by_thread"), "p" + p.stream, "process " + p.pid);
		if (D.threads.length < 2000)
			D.threads.forEach((t, k) => t[0] === p.stream && t[1] !== t[2] &&
				option($("by_thread"), "t" + k, "  thread " + t[2]));
	}
	option($("by_class"), "", "all classes");
	D.classes.forEach((name, bit) => option($("by_class"), String(1 << bit), name));
	option($("by_call"), "", "all calls");
	for (const [id, name] of Object.entries(D.names).sort((a, b) => a[1] < b[1] ? -1 : 1))
		option($("by_call"), id, name);
}
