"use strict";
const code = document.getElementById("code");
if (code) {
  code.addEventListener("input", () => {
    const atEnd = code.selectionStart === code.value.length;
    if (!atEnd) return;
    const signs = code.value.toUpperCase().replace(/[^0-9A-Z]/g, "").slice(0, 8);
    code.value = signs.length > 4 ? signs.slice(0, 4) + " " + signs.slice(4) : signs;
  });
}
for (const form of document.forms) {
  form.addEventListener("submit", (event) => {
    const button = form.querySelector("button");
    if (button.getAttribute("aria-disabled") === "true") event.preventDefault();
    button.setAttribute("aria-disabled", "true");
  });
}
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button")) button.removeAttribute("aria-disabled");
});
