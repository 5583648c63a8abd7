"use strict";
(() => {
  const controls = document.getElementById("controls");
  const search = document.getElementById("search");
  const shown = document.getElementById("shown");
  const nothing = document.getElementById("nothing");
  const groups = [...controls.querySelectorAll("[data-facet]")].map((group) => ({
    facet: group.dataset.facet, buttons: [...group.querySelectorAll("button")],
  }));
  const rows = [...document.querySelectorAll("#packages tbody tr")].map((row) => ({
    row, text: `${row.textContent} ${row.dataset.severity || ""} ${row.dataset.causes || ""}`.toLowerCase(),
  }));

  const apply = () => {
    const asked = groups.map(({ facet, buttons }) => [
      facet, buttons.filter((button) => button.ariaPressed === "true").map((button) => button.value),
    ]).filter(([, chosen]) => chosen.length);
    const sought = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const { row, text } of rows) {
      const has = (facet, value) => (row.dataset[facet] || "").split(" ").includes(value);
      const match = asked.every(([facet, chosen]) => chosen.some((value) => has(facet, value)))
        && sought.every((part) => text.includes(part));
      row.hidden = !match;
      count += match;
    }
    shown.textContent = count === rows.length ? `${count} shown` : `${count} of ${rows.length} shown`;
    nothing.hidden = count > 0;
  };

  for (const button of groups.flatMap(({ buttons }) => buttons)) {
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
