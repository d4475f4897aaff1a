"use strict";
const line = document.getElementById("status");
const began = performance.now();
function say(text) { if (line.textContent !== text) line.textContent = text; }
async function look() {
  try {
    const answer = await fetch(line.dataset.state, { cache: "no-store", signal: AbortSignal.timeout(8000) });
    if (answer.status === 403 || answer.status === 410) { location.reload(); return; }
    const view = await answer.json();
    if (view.ready) { location.reload(); return; }
    if (view.stuck) say(line.dataset.stuck);
    else if (performance.now() - began > 30000) say(line.dataset.long);
  } catch {
    say(line.dataset.lost);
  }
  setTimeout(look, 1000 + Math.random() * 500);
}
setTimeout(look, 700);
