/*
 * The page of `deja report`, continued: the timeline, the keys, and the start of it all. A lane
 * per thread with its calls, a lane per connection or other stream that carried bytes.
 */

const lanes = []; /* {kind, text, events, from, to} */
const view = {from: 0, to: 1};
let laneOfThread = [], laneOfIo = new Map(), colours = {}, pending = false;

function makeLanes() {
	const byThread = D.threads.map(() => []), byIo = new Map(), seen = new Set();
	for (let i = 0; i < N; i++) {
		byThread[D.thread[i]].push(i);
		if (D.io[i] && (D.in[i] || D.out[i])) {
			if (!byIo.has(D.io[i]))
				byIo.set(D.io[i], []);
			byIo.get(D.io[i]).push(i);
		}
	}
	const argv = new Map(D.processes.map((p) => [p.stream, p]));
	const first = (p, t, events) => p && t[1] === t[2] ? p.start : begin(events[0]);
	const last = (p, t, events) => p && t[1] === t[2] && p.end ? p.end : end[events[events.length - 1]];
	for (const [stream, pid] of D.threads) {
		if (seen.has(stream))
			continue;
		seen.add(stream);
		const p = argv.get(stream), name = p && p.argv && p.argv[0] ? p.argv[0].split("/").pop() : "";
		D.threads.forEach((t, k) => {
			if (t[0] !== stream)
				return;
			laneOfThread[k] = lanes.length;
			lanes.push({kind: "thread", events: byThread[k], from: first(p, t, byThread[k]), to: last(p, t, byThread[k]),
				text: t[1] === t[2] ? pid + " " + visible(name) : "   thread " + t[2]});
		});
	}
	const ios = [...byIo.keys()].map((id) => streams.get(id)).filter((row) => row);
	ios.sort((a, b) => (b[1] === "socket") - (a[1] === "socket") || a[0] - b[0]);
	for (const row of ios) {
		laneOfIo.set(row[0], lanes.length);
		lanes.push({kind: "io", events: byIo.get(row[0]), from: row[3], to: row[4] < 0 ? D.duration : row[4],
			text: row[0] + " " + farEnd(row[2])});
	}
}
function readColours() {
	const style = getComputedStyle(document.documentElement);
	for (const name of ["page", "text", "faint", "line", "mark", "accent", "error", "lane", "warn", "net", "file", "desc",
		"clock", "process", "signal", "memory", "ipc", "other"])
		colours[name] = style.getPropertyValue("--" + name).trim();
}
function setView(from, to) {
	const most = Math.max(D.duration, 1000), least = 100;
	let width = Math.min(most, Math.max(least, to - from));
	from = (from + to) / 2 - width / 2;
	from = Math.max(0, Math.min(most - width, from));
	view.from = from;
	view.to = from + width;
	drawLanes();
}
const zoomBy = (factor, at) => {
	const x = at === undefined ? (view.from + view.to) / 2 : at;
	setView(x - (x - view.from) * factor, x + (view.to - x) * factor);
};
const panBy = (part) => setView(view.from + (view.to - view.from) * part, view.to + (view.to - view.from) * part);
function zoomToEvent() {
	if (selected < 0)
		return;
	const width = Math.max(D.dur[selected] * 4, 2000), middle = end[selected] - D.dur[selected] / 2;
	setView(middle - width / 2, middle + width / 2);
	follow(selected);
}
/* Brings an event into sight. */
function follow(i) {
	const box = $("lanes"), y = laneOfThread[D.thread[i]] * LANE, width = view.to - view.from;
	if (end[i] < view.from || begin(i) > view.to)
		setView(end[i] - width / 2, end[i] + width / 2);
	if (y < box.scrollTop || y + LANE + RULER > box.scrollTop + box.clientHeight)
		box.scrollTop = Math.max(0, y - box.clientHeight / 2);
}
function drawLanes() {
	if (pending)
		return;
	pending = true;
	requestAnimationFrame(() => {
		pending = false;
		drawNow();
	});
}
function drawRuler(g, width, x) {
	const wanted = (view.to - view.from) / Math.max(2, (width - LABEL) / 110);
	let step = 10 ** Math.floor(Math.log10(wanted));
	step *= step * 5 < wanted ? 10 : step * 2 < wanted ? 5 : step < wanted ? 2 : 1;
	g.fillStyle = colours.page;
	g.fillRect(0, 0, width, RULER);
	g.fillStyle = colours.faint;
	const digits = Math.max(0, Math.min(9, -Math.floor(Math.log10(step / 1e9))));
	for (let t = Math.ceil(view.from / step) * step; t <= view.to; t += step) {
		g.fillRect(Math.round(x(t)), RULER - 5, 1, 5);
		g.fillText((t / 1e9).toFixed(digits) + " s", x(t) + 3, RULER - 6);
	}
	for (const n of D.annotations) {
		if (n.target === "recording" || n.target === "stream")
			continue;
		const i = n.target === "event" ? noteEvent(n) : -1;
		const from = i >= 0 ? end[i] : n.from ? n.from.time_ns : 0;
		const to = n.target === "event" ? from : n.to ? n.to.time_ns : D.duration;
		g.fillStyle = colours.clock;
		if (to >= view.from && from <= view.to)
			g.fillRect(Math.max(LABEL, x(from)), 0, Math.max(3, x(to) - Math.max(LABEL, x(from))), 4);
	}
}
/* First index into lane.events that ended at or after ns. Those of one thread end in order. */
function firstIn(events, ns) {
	let lo = 0, hi = events.length;
	while (lo < hi) {
		const mid = lo + hi >> 1;
		if (end[events[mid]] < ns)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}
function drawLane(g, lane, y, width, x) {
	const left = Math.max(LABEL, x(lane.from)), right = Math.min(width, x(lane.to));
	if (right > left) {
		g.fillStyle = colours.lane;
		g.fillRect(left, y + 2, right - left, LANE - 4);
	}
	let done = -1; /* what lies left of this pixel is drawn */
	for (let k = firstIn(lane.events, view.from); k < lane.events.length; k++) {
		const i = lane.events[k], a = Math.max(LABEL, x(begin(i))), b = x(end[i]);
		if (a > width)
			break;
		if (b < done && D.dur[i] < 2 * (view.to - view.from) / width && !D.error[i])
			continue;
		if (lane.kind === "io") {
			g.fillStyle = D.in[i] ? colours.accent : colours.clock;
			g.fillRect(Math.max(LABEL, b - 1), D.in[i] ? y + 2 : y + LANE / 2, 2, LANE / 2 - 2);
		} else {
			g.fillStyle = isCall.has(D.id[i]) ? colours[CLASS_COLOURS[classOf(D.class[i])] || "other"] : colours.faint;
			g.fillRect(a, y + 3, Math.max(1, Math.min(b, width) - a), LANE - 6);
			if (b - a > 60 && isCall.has(D.id[i])) {
				g.fillStyle = colours.page;
				g.fillText(nameOf(i), a + 3, y + LANE - 5, Math.min(b, width) - a - 6);
			}
		}
		done = Math.max(done, Math.floor(b) + 1);
	}
}
function drawNow() {
	const box = $("lanes"), canvas = $("canvas"), width = box.clientWidth, height = box.clientHeight;
	const scale = window.devicePixelRatio || 1, g = canvas.getContext("2d");
	if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
		canvas.width = Math.round(width * scale);
		canvas.height = Math.round(height * scale);
		canvas.style.width = width + "px";
		canvas.style.height = height + "px";
	}
	$("lanes_space").style.height = Math.max(height, RULER + lanes.length * LANE) + "px";
	g.setTransform(scale, 0, 0, scale, 0, 0);
	g.fillStyle = colours.page;
	g.fillRect(0, 0, width, height);
	g.font = "10px ui-monospace, monospace";
	const x = (ns) => LABEL + (ns - view.from) / (view.to - view.from) * (width - LABEL);
	const first = Math.floor(box.scrollTop / LANE), shift = box.scrollTop - first * LANE;
	for (let k = first; k < lanes.length && RULER + (k - first) * LANE - shift < height; k++)
		drawLane(g, lanes[k], RULER + (k - first) * LANE - shift, width, x);
	if (selected >= 0)
		for (const k of [laneOfThread[D.thread[selected]], laneOfIo.get(D.io[selected])]) {
			const y = RULER + (k - first) * LANE - shift, a = Math.max(LABEL, x(begin(selected)));
			if (k === undefined || y < 0 || y > height || x(end[selected]) < LABEL)
				continue;
			g.strokeStyle = colours.text;
			g.lineWidth = 2;
			g.strokeRect(a - 2, y + 1, Math.max(4, x(end[selected]) - a + 4), LANE - 2);
		}
	g.fillStyle = colours.page;
	g.fillRect(0, 0, LABEL - 1, height);
	g.fillStyle = colours.line;
	g.fillRect(LABEL - 1, 0, 1, height);
	for (let k = first; k < lanes.length && RULER + (k - first) * LANE - shift < height; k++) {
		let text = lanes[k].text;
		while (text.length > 4 && g.measureText(text).width > LABEL - 18)
			text = text.slice(0, -Math.max(2, text.length >> 4)) + "\u2026";
		g.fillStyle = lanes[k].kind === "io" ? colours.faint : colours.text;
		g.fillText(text, 12, RULER + (k - first) * LANE - shift + LANE - 5);
	}
	drawRuler(g, width, x);
	g.fillStyle = colours.faint;
	g.fillText(lanes.length + " lanes", 12, RULER - 6);
	$("window").textContent = seconds(view.from) + " s .. " + seconds(view.to) + " s (" + span(view.to - view.from) + ")";
}
function eventUnder(e) {
	const box = $("lanes"), at = box.getBoundingClientRect();
	const k = Math.floor((e.clientY - at.top - RULER + box.scrollTop) / LANE), lane = lanes[k];
	const ns = timeUnder(e), near = (view.to - view.from) / Math.max(1, box.clientWidth - LABEL) * 12;
	if (!lane || e.clientX - at.left < LABEL)
		return lane && lane.events.length ? lane.events[0] : -1;
	const from = firstIn(lane.events, ns);
	for (const j of [from, from - 1]) {
		const i = lane.events[j];
		if (i !== undefined && begin(i) - near <= ns && end[i] + near >= ns)
			return i;
	}
	return -1;
}
function timeUnder(e) {
	const at = $("lanes").getBoundingClientRect();
	return view.from + (e.clientX - at.left - LABEL) / Math.max(1, $("lanes").clientWidth - LABEL) * (view.to - view.from);
}
function listenToTimeline() {
	let drag = null;
	$("canvas").addEventListener("wheel", (e) => {
		if (e.shiftKey && !e.deltaX)
			return; /* the lanes scroll */
		e.preventDefault();
		if (e.deltaX && Math.abs(e.deltaX) > Math.abs(e.deltaY))
			panBy(e.deltaX / 1000);
		else if (e.clientX - $("lanes").getBoundingClientRect().left < LABEL)
			$("lanes").scrollTop += e.deltaY;
		else
			zoomBy(e.deltaY > 0 ? 1.25 : 0.8, timeUnder(e));
	}, {passive: false});
	$("canvas").addEventListener("pointerdown", (e) => {
		drag = {x: e.clientX, from: view.from, to: view.to, moved: false};
		$("canvas").setPointerCapture(e.pointerId);
	});
	$("canvas").addEventListener("pointermove", (e) => {
		if (!drag) {
			const i = eventUnder(e);
			$("canvas").title = i < 0 ? "" : eventName(i) + " " + D.line[i].slice(0, 200) + (isCall.has(D.id[i]) ? "\ntook " + span(D.dur[i]) : "");
			return;
		}
		drag.moved = drag.moved || Math.abs(e.clientX - drag.x) > 3;
		const by = (drag.x - e.clientX) / Math.max(1, $("lanes").clientWidth - LABEL) * (drag.to - drag.from);
		if (drag.moved)
			setView(drag.from + by, drag.to + by);
	});
	$("canvas").addEventListener("pointerup", (e) => {
		const click = drag && !drag.moved, i = click ? eventUnder(e) : -1;
		drag = null;
		if (i >= 0)
			showAmongAll(i);
	});
	$("lanes").addEventListener("scroll", drawLanes);
	$("closer").onclick = () => zoomBy(.5);
	$("wider").onclick = () => zoomBy(2);
	$("threads").onclick = () => { $("lanes").scrollTop = 0; };
	$("streams").onclick = () => { $("lanes").scrollTop = Math.min(...laneOfIo.values()) * LANE; };
	$("whole").onclick = () => setView(0, D.duration);
	$("zoom").onclick = zoomToEvent;
}

/* --- keys --- */

function pressed(e) {
	const typing = /^(INPUT|SELECT)$/.test(e.target.tagName) && e.target.type !== "checkbox";
	const names = Object.keys(TABLES), page = Math.max(1, Math.floor($("table").clientHeight / ROW) - 1);
	if (e.ctrlKey || e.metaKey || e.altKey)
		return;
	if (e.key === "Escape") {
		if (typing)
			$("table").focus();
		else if (selected >= 0)
			select(-1);
		else
			clearFilter();
		return;
	}
	if (typing) {
		if (e.key === "Enter" && e.target.id === "search") {
			$("table").focus();
			moveTo(Math.max(0, cursor));
			e.preventDefault();
		}
		return;
	}
	if (e.key === "Enter" && e.target.tagName === "BUTTON")
		return;
	const does = {
		j: () => moveTo(cursor + 1), ArrowDown: () => moveTo(cursor + 1), k: () => moveTo(cursor - 1), ArrowUp: () => moveTo(cursor - 1),
		PageDown: () => moveTo(cursor + page), PageUp: () => moveTo(cursor - page), Home: () => moveTo(0), End: () => moveTo(1e9),
		Enter: enterRow, "/": () => { showTable("Events"); $("search").focus(); $("search").select(); },
		ArrowLeft: () => panBy(-.2), ArrowRight: () => panBy(.2), "+": () => zoomBy(.5), "=": () => zoomBy(.5), "-": () => zoomBy(2),
		0: () => setView(0, D.duration), z: zoomToEvent, x: () => { other = !other; select(selected, false); },
	}[e.key] || (names[Number(e.key) - 1] && (() => showTable(names[Number(e.key) - 1])));
	if (does) {
		e.preventDefault();
		does();
	}
}

/* #p1-12 is an event, #Slowest a table. */
function openFragment() {
	const event = /^#p(\d+)-(\d+)$/.exec(location.hash), name = location.hash.slice(1);
	if (event)
		for (let i = 0; i < N; i++)
			if (D.number[i] === Number(event[2]) && D.threads[D.thread[i]][0] === Number(event[1])) {
				showAmongAll(i);
				follow(i);
				return;
			}
	if (Object.hasOwn(TABLES, name))
		showTable(name);
}

function start() {
	Object.keys(TABLES).forEach((name, k) => {
		const b = element("button", name + (name === "Notes" || name === "Requests" || name === "Streams" || name === "Processes" ?
			" " + {Notes: D.annotations, Requests: D.turns, Streams: D.ios, Processes: D.processes}[name].length : ""));
		b.dataset.table = name;
		b.setAttribute("role", "tab");
		b.title = String(k + 1);
		b.onclick = () => showTable(name);
		$("tabs").append(b);
	});
	let typed = 0;
	$("search").oninput = () => { clearTimeout(typed); typed = setTimeout(applyFilter, 120); };
	for (const id of ["by_thread", "by_class", "by_call", "by_error"])
		$(id).onchange = applyFilter;
	$("clear").onclick = clearFilter;
	$("table").addEventListener("scroll", drawRows);
	$("table_rows").addEventListener("click", (e) => {
		const row = e.target.closest(".row");
		if (row)
			moveTo(Number(row.dataset.row));
	});
	$("table_rows").addEventListener("dblclick", enterRow);
	document.addEventListener("keydown", pressed);
	window.addEventListener("resize", () => { drawRows(); drawLanes(); });
	matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColours(); drawLanes(); });
	showSummary();
	fillFilters();
	readColours();
	makeLanes();
	listenToTimeline();
	view.to = D.duration || 1;
	select(-1);
	showTable("Events");
	openFragment();
	drawNow();
	document.documentElement.dataset.ready = Math.round(performance.now());
}
start();
