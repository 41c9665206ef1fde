/*
 * The page of `deja report`, continued: how long calls took, and the event that is selected.
 */
/* --- the latency distribution: a bucket per factor of two --- */

const bucketOf = (ns) => ns < 1 ? 0 : Math.floor(Math.log2(ns)) + 1;
const shortSpan = (ns) => ns < 1e3 ? ns + "ns" : ns < 1e6 ? Math.round(ns / 1e3) + "us" : ns < 1e9 ? Math.round(ns / 1e6) + "ms" : Math.round(ns / 1e9) + "s";
const bucketName = (b) => b ? span(2 ** (b - 1)) + " to " + span(2 ** b) : "no time";
function drawHistogram(on) {
	const box = $("histogram"), counts = [];
	box.classList.toggle("shown", !!on);
	if (!on || box.children.length)
		return;
	for (let i = 0; i < N; i++)
		if (isCall.has(D.id[i])) {
			const b = bucketOf(D.dur[i]);
			counts[b] = (counts[b] || 0) + 1;
		}
	const most = Math.max(1, ...counts.filter((c) => c)), first = counts.findIndex((c) => c);
	const next = counts.findIndex((c, b) => b && c);
	for (let b = Math.max(0, first); b < counts.length; b++) {
		if (b && b < next)
			continue;
		const d = element("div"), bar = element("i"), count = counts[b] || 0;
		d.title = count + " calls took " + bucketName(b);
		/* Logarithmic: one slow call among many is what one looks for. */
		bar.style.height = (count ? 4 + 76 * Math.log(1 + count) / Math.log(1 + most) : 0) + "px";
		d.append(element("span", count ? String(count) : ""), bar, element("span", b ? shortSpan(2 ** (b - 1)) : "0"));
		d.onclick = () => filterBy({bucket: b});
		box.append(d);
	}
}

/* --- the selected event --- */

let other = false; /* text where hex is shown by itself, and hex where text is */
function hexText(bytes) {
	const lines = [];
	for (let at = 0; at < bytes.length; at += 16) {
		const part = bytes.slice(at, at + 16);
		const digits = [...part].map((c) => c.charCodeAt(0).toString(16).padStart(2, "0"));
		lines.push(at.toString(16).padStart(6, "0") + "  " + digits.slice(0, 8).join(" ").padEnd(23) + "  " +
			digits.slice(8).join(" ").padEnd(23) + "  " + part.replace(/[^\x20-\x7e]/g, "."));
	}
	return lines.join("\n");
}
/* Shown as text by itself: UTF-8, perhaps cut at its end, almost without control characters. */
function isText(bytes) {
	const controls = (bytes.match(/[\x00-\x08\x0e-\x1f\x7f]/g) || []).length;
	const raw = Uint8Array.from(bytes, (c) => c.charCodeAt(0));
	const wrong = (new TextDecoder().decode(raw).match(/\ufffd/g) || []).length;
	return controls * 20 <= bytes.length && wrong <= 1;
}
function plainText(bytes) {
	const raw = Uint8Array.from(bytes, (c) => c.charCodeAt(0));
	return new TextDecoder().decode(raw).replace(/\r\n/g, "\n").replace(/[\x00-\x08\x0b-\x1f\x7f]/g, "\u00b7");
}
function pieceTitle(what, stored, whole) {
	const name = what === 0 ? "came in" : what === 1 ? "went out" :
		"argument " + ((what - 2 >> 1) + 1) + (what & 1 ? ", from the kernel" : ", to the kernel");
	return name + ", " + whole + " bytes" + (stored < whole ? stored ? ", the first " + stored :
		D.payload_max ? ": not in this page (a digest only, moved by the kernel, or it did not fit)" : ": not in this page" : "");
}
function select(i, move) {
	const box = $("detail");
	selected = i === undefined || i < 0 ? -1 : i;
	box.replaceChildren();
	if (selected < 0) {
		box.append(element("p", N ? "Select an event: click in the timeline or in a table." : "No event."));
		drawLanes();
		return;
	}
	const [stream, pid, tid] = D.threads[D.thread[i]], io = streams.get(D.io[i]);
	const facts = [["completed", seconds(end[i]) + " s"]];
	box.append(element("h2", eventName(i) + "  " + nameOf(i)), element("p", D.line[i], "line"));
	if (isCall.has(D.id[i]))
		facts.push(["took", span(D.dur[i])]);
	facts.push(["thread", tid + " of process " + pid + " (stream p" + stream + ")"]);
	if (D.error[i])
		facts.push(["failed", D.errors[D.error[i]]]);
	if (io)
		facts.push(["on", "stream " + io[0] + ", " + io[1] + ": " + io[2]]);
	facts.push(["more", "deja cat --jsonl --range '" + eventName(i) + "'" + (D.rec ? " " + quote([D.rec]) : "")]);
	const list = element("dl");
	for (const [name, value] of facts)
		list.append(element("dt", name), element("dd", value));
	box.append(list);
	for (const n of notesOf(i))
		box.append(element("div", n.kind + ": " + n.text + (n.score === undefined ? "" : " = " + n.score) + " (" + n.author + ")", "note"));
	box.append(detailButtons(i));
	for (let k = 0; D.pieces[i] && k < D.pieces[i].length; k += 3) {
		const [what, stored, whole] = D.pieces[i].slice(k, k + 3);
		box.append(element("h3", pieceTitle(what, stored, whole)));
		if (!stored)
			continue;
		const bytes = pieceBytes(i, k), hex = isText(bytes) === other;
		box.append(element("pre", hex ? hexText(bytes) : plainText(bytes), hex ? "payload hex" : "payload"));
	}
	if (!D.pieces[i])
		box.append(element("h3", "no payload"));
	if (move)
		follow(i);
	drawLanes();
	history.replaceState(null, "", "#p" + stream + "-" + D.number[i]);
}
function detailButtons(i) {
	const bar = element("div", undefined, "bar");
	const step = (text, same, by) => {
		const b = element("button", text);
		b.onclick = () => {
			for (let k = i + by; k >= 0 && k < N; k += by)
				if (same(k)) {
					showAmongAll(k);
					follow(k);
					drawLanes();
					return;
				}
		};
		bar.append(b);
	};
	const thread = (k) => D.thread[k] === D.thread[i], io = (k) => D.io[k] === D.io[i];
	step("\u2190 thread", thread, -1);
	step("thread \u2192", thread, 1);
	if (D.io[i]) {
		step("\u2190 stream", io, -1);
		step("stream \u2192", io, 1);
	}
	const b = element("button", "text / hex");
	b.id = "hex";
	b.onclick = () => { other = !other; select(selected, false); };
	bar.append(b);
	return bar;
}
