"use strict";
const form = document.getElementById("ask");
const place = document.getElementById("place");
const lost = document.getElementById("lost");
const every = Number(form.dataset.every) * 1000;
async function ask() {
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), signal: AbortSignal.timeout(10000) });
    if (answer.status === 403) { location.reload(); return; }
    if (!answer.ok) throw new Error(answer.status);
    const told = await answer.json();
    lost.hidden = true;
    if (told.go) { location.assign(told.go); return; }
    if (place.textContent !== String(told.place)) place.textContent = told.place;
  } catch {
    lost.hidden = false;
  }
  setTimeout(ask, every * (0.85 + Math.random() * 0.3));
}
setTimeout(ask, every / 2);
document.addEventListener("visibilitychange", () => { if (!document.hidden && !lost.hidden) location.reload(); });
