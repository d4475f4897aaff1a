"use strict";
const config = JSON.parse(document.getElementById("config").textContent);
const texts = config.texts;
const el = (id) => document.getElementById(id);
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
if (top !== self) location.replace(config.frame);

const store = {
  get(name) { try { return localStorage.getItem(config.base + name); } catch { return null; } },
  set(name, value) { try { localStorage.setItem(config.base + name, value); } catch { /* private windows keep nothing */ } },
};
let view = config.view;
let offset = 0;
let warned = null;
const announce = (text) => { el("news").textContent = text; };

/* Time */
function showTime() {
  const line = el("time");
  const now = Date.now() + offset;
  if (view.break && Date.parse(view.break) > now) {
    const time = new Date(Date.parse(view.break) - offset).toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
    line.textContent = fill(texts.break, { time });
    line.dataset.state = "";
    return;
  }
  if (!view.ends) { line.textContent = ""; return; }
  const minutes = Math.ceil((Date.parse(view.ends) - now) / 60000);
  const text = minutes <= 0 ? texts.ended
    : minutes < 60 ? fill(texts.minutes, { m: minutes })
    : minutes < 1440 ? fill(texts.hours, { h: Math.floor(minutes / 60), m: String(minutes % 60).padStart(2, "0") })
    : fill(texts.days, { d: Math.floor(minutes / 1440) });
  if (line.textContent !== text) line.textContent = text;
  line.dataset.state = minutes <= 15 ? "soon" : "";
  if (el("take-home")) el("take-home").dataset.state = line.dataset.state; /* a visitor has none */
  const mark = minutes <= 0 ? 0 : minutes <= 5 ? 5 : minutes <= 15 ? 15 : null;
  if (mark !== null && mark !== warned) announce(text);
  warned = mark;
}
setInterval(showTime, 1000);

/* Messages */
const readOnes = new Set(JSON.parse(store.get("read") || "[]"));
function showMessages() {
  const messages = view.messages;
  el("messages").hidden = messages.length === 0;
  const unread = messages.filter((message) => !readOnes.has(message.id));
  el("unread").hidden = unread.length === 0;
  el("unread").textContent = unread.length;
  el("message-items").replaceChildren(...messages.toReversed().map((message) => {
    const item = document.createElement("li");
    item.textContent = message.text;
    item.dir = "auto";
    return item;
  }));
  const latest = unread.at(-1);
  el("strip").hidden = !latest;
  if (latest && el("strip").dataset.id !== latest.id) {
    el("strip").dataset.id = latest.id;
    el("strip-text").textContent = latest.text;
    announce(latest.text);
  }
}
function readAll() {
  for (const message of view.messages) readOnes.add(message.id);
  store.set("read", JSON.stringify([...readOnes].slice(-100)));
  showMessages();
}
el("strip-done").addEventListener("click", () => { readAll(); el("ui").focus(); });
function openMessages(open) {
  el("message-list").hidden = !open;
  el("messages").setAttribute("aria-expanded", String(open));
  if (open) readAll();
}
el("messages").addEventListener("click", () => openMessages(el("message-list").hidden));
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !el("message-list").hidden) { openMessages(false); el("messages").focus(); }
});

addEventListener("blur", () => openMessages(false));
addEventListener("pointerdown", (event) => {
  if (!el("message-list").contains(event.target) && !el("messages").contains(event.target)) openMessages(false);
});

/* Help and name */
async function send(what, body) {
  const answer = await fetch(`${config.base}_room/${what}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Form-Token": config.token },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(10000),
  });
  if (!answer.ok) throw new Error(answer.status);
  return answer.json();
}
const narrow = matchMedia("(max-width: 40rem)");
function showHelp() {
  const on = Boolean(view.help);
  const text = !on ? texts.help : view.place > 1 ? fill(texts.help_place, { n: view.place }) : texts.help_on;
  const short = !on ? texts.help_short : view.place > 1 ? `${texts.help_short} · ${view.place}` : `${texts.help_short} ✓`;
  el("help").setAttribute("aria-pressed", String(on));
  el("help").setAttribute("aria-label", text);
  el("help").textContent = narrow.matches ? short : text;
  el("help").title = on ? texts.help_back : "";
}
narrow.addEventListener("change", showHelp);
el("help").addEventListener("click", async () => {
  const on = !view.help;
  try {
    await send("help", { on });
    view = { ...view, help: on ? new Date().toISOString() : null, place: on ? Math.max(view.place, 1) : 0 };
    showHelp();
    announce(on ? texts.help_sent : texts.help_taken_back);
  } catch {
    announce(texts.failed);
    setLink("bad", texts.failed);
  }
});
const nameField = el("name");
async function sendName() {
  const name = nameField.value.trim();
  if (name === (view.name || "")) return;
  try {
    view = { ...view, name: (await send("name", { name })).name };
    nameField.value = view.name;
    announce(view.name ? texts.name_saved : texts.name_removed);
  } catch {
    announce(texts.failed);
  }
}
if (nameField) {
  nameField.addEventListener("change", sendName);
  el("name-form").addEventListener("submit", (event) => { event.preventDefault(); sendName(); el("ui").focus(); });
}

/* Connection */
function setLink(state, text) {
  if (el("link").dataset.state === state && el("link-text").textContent === text) return;
  el("link").dataset.state = state;
  el("link-text").textContent = text;
}
let wasReady = true;
let wasVisited = false;
let visitOver = false;
function showConnected() {
  const visited = view.visited && !config.visiting;
  if (visitOver) setLink("bad", texts.visit_over);
  else if (config.visiting) setLink("visit", texts.visiting);
  else if (visited) setLink("visit", texts.visited);
  else setLink("good", view.shared ? texts.shared : texts.connected);
  if (visited !== wasVisited) {
    el("bar").hidden = !visited && store.get("bar") === "off"; /* who hid the bar sees a visit all the same */
    el("show").hidden = !el("bar").hidden;
    if (visited) announce(texts.visited);
  }
  wasVisited = visited;
}
function apply(next) {
  view = next;
  offset = Date.parse(view.now) - Date.now();
  if (view.closing) { location.reload(); return; }
  if (view.ready) {
    showConnected();
    if (!wasReady) {
      recovered = performance.now();
      announce(texts.back);
    }
  } else {
    setLink("bad", view.stuck ? texts.stuck : texts.restarting);
    if (wasReady) announce(texts.restarting);
  }
  wasReady = view.ready;
  if (nameField && document.activeElement !== nameField) nameField.value = view.name;
  showTime();
  showHelp();
  showMessages();
}
let failures = 0;
let recovered = -Infinity; /* when the latest outage was over */
let socket = null;
let heard = performance.now();
const SILENT_MS = 50000; /* the gateway speaks every 20 s: a network can go away without a word */
function connect() {
  const address = new URL(`${config.base}_room/live`, location.href);
  address.protocol = address.protocol.replace("http", "ws");
  socket = new WebSocket(address);
  const opened = socket;
  heard = performance.now();
  socket.addEventListener("message", (event) => {
    heard = performance.now();
    if (failures) recovered = heard;
    failures = 0;
    apply(JSON.parse(event.data));
  });
  socket.addEventListener("close", () => { if (socket === opened) again(); });
}
async function again() {
  socket = null;
  if (visitOver) return;
  failures += 1;
  if (failures > 1) setLink("bad", texts.lost);
  const pause = Math.min(10000, 300 * 2 ** failures) * (0.7 + Math.random() * 0.6);
  await new Promise((resolve) => setTimeout(resolve, pause));
  if (failures > 2) {
    try {
      const answer = await fetch(`${config.base}_room/state`, { cache: "no-store", signal: AbortSignal.timeout(8000) });
      if (answer.status === 403 || answer.status === 410) { location.reload(); return; }
      if (answer.ok) apply(await answer.json());
    } catch { /* the next try tells */ }
  }
  if (!socket) connect(); /* the network came back meanwhile */
}
function abandon() {
  const dead = socket;
  if (!dead) return;
  again();
  dead.close(); /* its close event may take minutes */
}
setInterval(() => { if (performance.now() - heard > SILENT_MS) abandon(); }, 5000);
addEventListener("offline", () => { setLink("bad", texts.lost); abandon(); });
addEventListener("online", () => { failures = 0; if (!socket) connect(); });
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

/* The bar itself */
function showBar(on) {
  el("bar").hidden = !on;
  el("show").hidden = on;
  store.set("bar", on ? "on" : "off");
}
el("hide").addEventListener("click", () => { showBar(false); openMessages(false); el("show").firstChild.focus(); });
el("show").addEventListener("click", () => { showBar(true); el("help").focus(); });
showBar(store.get("bar") !== "off");

/* The frame */
const frame = el("ui");
function takeTitle() {
  let title = "";
  try { title = frame.contentDocument.title; } catch { /* another origin was opened in it */ }
  const seat = fill(texts.seat, { seat: config.seat });
  const wanted = title ? `${title} · ${seat}` : seat;
  if (document.title !== wanted) document.title = wanted;
}
frame.addEventListener("load", () => {
  takeTitle();
  if (document.activeElement === document.body) frame.focus();
});
setInterval(takeTitle, 2000);

/* JupyterLab says in a dialog that its server is lost, and leaves it over the work when the server is back: the one with a
   box to tick and nothing but "Close", in whatever language. The bar has told of the outage. */
const DIALOG_COMES_MS = 120000;
function closeOutdatedDialog() {
  if (performance.now() - recovered > DIALOG_COMES_MS || !view.ready || failures) return;
  let dialogs = [];
  try { dialogs = frame.contentDocument.querySelectorAll(".jp-Dialog"); } catch { /* another origin was opened in it */ }
  for (const dialog of dialogs) {
    const buttons = dialog.querySelectorAll(".jp-Dialog-button");
    if (buttons.length === 1 && buttons[0].matches(".jp-mod-reject") && dialog.querySelector(".jp-Dialog-checkbox")) buttons[0].click();
  }
}
setInterval(closeOutdatedDialog, 1000);
document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); frame.focus(); });

/* One visit at a time: the browser lost its cookie for this seat when it went on to another */
if (config.visiting && "BroadcastChannel" in self) {
  const visits = new BroadcastChannel("workshop-visits");
  visits.addEventListener("message", (event) => {
    const over = event.data !== config.base;
    if (over === visitOver) return;
    visitOver = over;
    if (!over) { connect(); return; }
    showConnected();
    announce(texts.visit_over);
    if (socket) socket.close();
  });
  visits.postMessage(config.base);
}

apply(view);
setLink("connecting", texts.connecting);
connect();
