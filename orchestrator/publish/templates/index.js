"use strict";
(() => {
  const find = (id) => document.getElementById(id);
  const controls = find("controls"), search = find("search"), shown = find("shown"), nothing = find("nothing");
  const folded = find("folded");
  const groups = [...controls.querySelectorAll("[data-facet]")].map((group) => ({
    facet: group.dataset.facet, buttons: [...group.querySelectorAll("button")],
  }));
  const tables = [...document.querySelectorAll("table.packages")];
  const rows = tables.flatMap((table) => [...table.tBodies[0].rows].map((row, place) => ({
    row, place, body: table.tBodies[0],
    text: `${row.textContent} ${row.dataset.severity || ""} ${row.dataset.causes || ""}`.toLowerCase(),
  })));
  const collator = new Intl.Collator("en", { numeric: true });
  let order = "";  // a column's key, "-" before it if the highest is first
  let unfolded = false;  // by a filter, and not by the reader

  // The state is in the fragment, so that a view can be linked, also from a disk.
  const read = () => {
    const from = new URLSearchParams(location.hash.slice(1));
    search.value = from.get("q") || "";
    order = from.get("sort") || "";
    for (const { facet, buttons } of groups) {
      const chosen = (from.get(facet) || "").split(" ");
      for (const button of buttons) {
        button.ariaPressed = String(chosen.includes(button.value));
        if (button.ariaPressed === "true") { const box = button.closest("details"); if (box) box.open = true; }
      }
    }
  };
  const pressed = (buttons) => buttons.filter((button) => button.ariaPressed === "true").map((button) => button.value);
  const write = (lasting) => {
    const to = new URLSearchParams();
    for (const { facet, buttons } of groups) if (pressed(buttons).length) to.set(facet, pressed(buttons).join(" "));
    if (search.value) to.set("q", search.value);
    if (order) to.set("sort", order);
    const url = `${location.pathname}${location.search}${to.size ? `#${to}` : ""}`;
    if (lasting) history.pushState(null, "", url); else history.replaceState(null, "", url);
  };

  const filter = () => {
    const facets = groups.map(({ facet, buttons }) => [facet, pressed(buttons)]).filter(([, chosen]) => chosen.length);
    const sought = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const counts = new Map(tables.map((table) => [table.tBodies[0], 0]));
    for (const { row, text, body } of rows) {
      const has = (facet, value) => (row.dataset[facet] || "").split(" ").includes(value);
      row.hidden = !(facets.every(([facet, chosen]) => chosen.some((value) => has(facet, value)))
        && sought.every((part) => text.includes(part)));
      counts.set(body, counts.get(body) + !row.hidden);
    }
    const count = [...counts.values()].reduce((sum, one) => sum + one, 0);
    shown.textContent = count === rows.length ? `${count} shown` : `${count} of ${rows.length} shown`;
    nothing.hidden = count > 0;
    for (const table of tables) table.hidden = !counts.get(table.tBodies[0]);
    if (folded) {
      const here = counts.get(folded.querySelector("tbody"));
      folded.hidden = !here;
      const asked = facets.length + sought.length > 0;
      if (asked && here && !folded.open) unfolded = folded.open = true;
      if (!asked && unfolded) unfolded = folded.open = false;
    }
  };
  const sort = () => {
    const [, down, key] = /^(-?)(.*)$/.exec(order);
    for (const table of tables) {
      const heads = [...table.tHead.rows[0].cells];
      const column = heads.findIndex((head) => head.dataset.sort === key);
      for (const head of heads) head.removeAttribute("aria-sort");
      if (column >= 0) heads[column].ariaSort = down ? "descending" : "ascending";
      const sorted = rows.filter(({ body }) => body === table.tBodies[0]);
      const value = ({ row }) => row.cells[column].textContent.trim();
      if (column >= 0) sorted.sort((one, other) => (down ? -1 : 1) * collator.compare(value(one), value(other)) || one.place - other.place);
      table.tBodies[0].append(...sorted.map(({ row }) => row));
    }
  };
  const apply = () => { filter(); sort(); };

  for (const button of groups.flatMap(({ buttons }) => buttons)) {
    button.addEventListener("click", () => {
      button.ariaPressed = button.ariaPressed === "true" ? "false" : "true";
      write(true);
      filter();
    });
  }
  for (const head of tables.flatMap((table) => [...table.tHead.rows[0].cells])) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const key = head.dataset.sort;
      order = { [key]: `-${key}`, [`-${key}`]: "" }[order] ?? key;
      write(true);
      sort();
    });
  }
  search.addEventListener("input", () => { write(false); filter(); });
  addEventListener("popstate", () => { read(); apply(); });
  controls.hidden = false;
  read();
  apply();
})();
