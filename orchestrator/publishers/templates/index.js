"use strict";
(() => {
  const controls = document.getElementById("controls");
  const search = document.getElementById("search");
  const shown = document.getElementById("shown");
  const nothing = document.getElementById("nothing");
  const buttons = [...controls.querySelectorAll("button")];
  const rows = [...document.querySelectorAll("#packages tbody tr")].map((row) => ({
    row, word: row.dataset.word, text: row.textContent.toLowerCase(),
  }));

  const apply = () => {
    const chosen = buttons.filter((button) => button.ariaPressed === "true").map((button) => button.value);
    const sought = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const { row, word, text } of rows) {
      const match = (!chosen.length || chosen.includes(word)) && sought.every((part) => text.includes(part));
      row.hidden = !match;
      count += match;
    }
    shown.textContent = count === rows.length ? `${count} shown` : `${count} of ${rows.length} shown`;
    nothing.hidden = count > 0;
  };

  for (const button of buttons) {
    button.addEventListener("click", () => {
      button.ariaPressed = button.ariaPressed === "true" ? "false" : "true";
      apply();
    });
  }
  search.addEventListener("input", apply);
  document.getElementById("legend").hidden = true;
  controls.hidden = false;
  apply();
})();
