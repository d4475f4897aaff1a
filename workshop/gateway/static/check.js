"use strict";
const config = JSON.parse(document.getElementById("config").textContent);
const texts = config.texts;
const el = (id) => document.getElementById(id);
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const told = { load_ms: null, socket: "blocked", echoes: 0, lost: 0, echo_ms: null, download_mbit: null, clock_seconds: null, intercepted: false };
function show(id, state, text) {
  el(id).dataset.state = state;
  el(id).querySelector("dd").textContent = text;
}
function load() {
  const entry = performance.getEntriesByType("navigation")[0];
  told.load_ms = entry ? Math.round(entry.domContentLoadedEventStart || entry.responseEnd) : Math.round(performance.now());
  show("load", told.load_ms > 8000 ? "bad" : "good", fill(texts.seconds, { s: (told.load_ms / 1000).toFixed(1) }));
}
async function clock() {
  const sent = Date.now();
  const answer = await fetch("/check/time", { cache: "no-store", signal: AbortSignal.timeout(10000) });
  const received = Date.now();
  const data = await answer.json().catch(() => ({}));
  if (data.mark !== config.mark) { told.intercepted = true; return; }
  told.clock_seconds = (sent + received) / 2000 - data.now;
  const off = Math.abs(told.clock_seconds);
  show("clock", off > 120 ? "bad" : "good", off < 2 ? texts.clock_right : fill(texts.clock_off, { s: Math.round(off) }));
}
async function download() {
  const began = performance.now();
  const answer = await fetch("/check/blob", { cache: "no-store", signal: AbortSignal.timeout(30000) });
  const size = (await answer.arrayBuffer()).byteLength;
  if (answer.headers.get("X-Check") !== config.mark || size !== config.size) { told.intercepted = true; return; }
  told.download_mbit = size * 8 / 1000 / Math.max(performance.now() - began, 1);
  show("download", told.download_mbit < 2 ? "bad" : "good", fill(texts.speed, { n: told.download_mbit < 10 ? told.download_mbit.toFixed(1) : Math.round(told.download_mbit) }));
}
function echo() {
  return new Promise((resolve) => {
    const address = new URL("/check/echo", location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address);
    const trips = [];
    let sent = 0, timer = null, opened = false, done = false;
    const end = (state) => {
      if (done) return;
      done = true;
      clearInterval(timer);
      trips.sort((a, b) => a - b);
      told.socket = state;
      told.echoes = trips.length;
      told.lost = Math.max(0, sent - trips.length);
      told.echo_ms = trips.length ? trips[Math.floor(trips.length / 2)] : null;
      if (state === "ok") show("socket", "good", fill(texts.milliseconds, { n: Math.max(1, Math.round(told.echo_ms)) }));
      else show("socket", "bad", state === "blocked" ? texts.blocked : texts.dropped);
      socket.close();
      resolve();
    };
    setTimeout(() => { if (!opened) end("blocked"); }, 8000);
    socket.addEventListener("open", () => {
      opened = true;
      const began = performance.now();
      timer = setInterval(() => {
        const passed = performance.now() - began;
        el("progress").value = 10 + 80 * Math.min(1, passed / (config.seconds * 1000));
        show("socket", "waiting", fill(texts.testing, { n: Math.ceil(Math.max(0, config.seconds - passed / 1000)) }));
        if (passed >= config.seconds * 1000) { clearInterval(timer); setTimeout(() => end(trips.length ? "ok" : "dropped"), 1000); return; }
        sent += 1;
        socket.send(String(performance.now()));
      }, 250);
    });
    socket.addEventListener("message", (event) => trips.push(performance.now() - Number(event.data)));
    socket.addEventListener("close", () => end(opened ? "dropped" : "blocked"));
    socket.addEventListener("error", () => end(opened ? "dropped" : "blocked"));
  });
}
async function report() {
  const answer = await fetch("/check/result", {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Form-Token": config.token },
    body: JSON.stringify(told),
    signal: AbortSignal.timeout(10000),
  });
  return (await answer.json()).trouble;
}
async function run() {
  load();
  const tried = async (id, work) => {
    try { await work(); } catch { show(id, "bad", texts.failed); }
  };
  await tried("clock", clock);
  await tried("download", download);
  el("progress").value = 10;
  await echo();
  let trouble = null;
  for (let go = 0; go < 3 && !trouble; go += 1) {
    try { trouble = await report(); } catch { await wait(1000); }
  }
  el("progress").value = 100;
  el("progress").hidden = true;
  el("verdict").textContent = texts[`verdict_${trouble || "unstable"}`];
  el("verdict").className = trouble === "none" ? "lead verdict good" : "notice";
  document.body.dataset.trouble = trouble || "unstable";
  el("again").hidden = false;
}
run();
