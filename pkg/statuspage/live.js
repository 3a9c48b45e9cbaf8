// Fetches the page again and again, while it is seen, and puts in place what has changed. Without
// it the page works the same: a refresh in its head does that then.
(() => {
	"use strict";
	const every = 2000, patience = 8000;
	const lost = document.getElementById("lost");
	let heard = Date.now(), timer = 0, busy = false;

	const replace = (from, name) => {
		const here = document.querySelector(`[data-part="${name}"]`), there = from.querySelector(`[data-part="${name}"]`);
		if (!here || !there || here.outerHTML === there.outerHTML) return;
		here.className = there.className;
		here.replaceChildren(...there.childNodes);
	};

	const refresh = async () => {
		clearTimeout(timer);
		if (document.hidden || busy) return;
		busy = true;
		try {
			const r = await fetch(location.pathname + "?fragment", {cache: "no-store", signal: AbortSignal.timeout(patience)});
			if (!r.ok) throw new Error(r.status);
			const page = new DOMParser().parseFromString(await r.text(), "text/html");
			for (const el of page.querySelectorAll("[data-part]")) replace(page, el.dataset.part);
			document.title = page.title;
			heard = Date.now();
			lost.hidden = true;
		} catch {
			const s = Math.round((Date.now() - heard) / 1000);
			lost.textContent = `The process that serves this page doesn't answer: what is below is ${s} s old. It is tried again.`;
			lost.hidden = false;
			document.title = "✕ no answer – Netsy";
		}
		busy = false;
		timer = setTimeout(refresh, every);
	};

	document.addEventListener("visibilitychange", refresh);
	timer = setTimeout(refresh, every);
})();
