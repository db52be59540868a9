"use strict";
// The page's own script: maps, tabs, tables, downloads. It loads nothing and sends nothing.
(function () {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const all = (selector, root) => Array.from((root || document).querySelectorAll(selector));
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const tables = read("tables");

  function save(blob, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  function unpacked(text) {
    return new Response(new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  }

  const csv = (name) => unpacked(tables[name]);

  // ---- charts -----------------------------------------------------------------------------------------------
  // Specifications are drawn for a page or a phone, with an interpreter in place of eval; nothing is loaded.
  const phone = window.matchMedia("(max-width: 720px)");
  const note = document.getElementById("note");

  function tell(words, x, y) {
    note.textContent = words;
    note.hidden = !words;
    note.style.left = Math.max(4, Math.min(x + 12, document.documentElement.clientWidth - note.offsetWidth - 8)) + "px";
    note.style.top = y + 14 + "px";
  }

  // Arrow keys go from mark to mark and tell what each shows, as a pointer or a finger does.
  function reachable(svg, words) {
    const marks = all("[aria-label][role=graphics-symbol]", svg).filter((mark) => mark.getAttribute("aria-roledescription") !== "title");
    let at = -1;
    svg.setAttribute("tabindex", "0");
    svg.setAttribute("role", "application");
    svg.setAttribute("aria-label", words + " Arrow keys go from mark to mark.");
    const leave = () => { if (marks[at]) marks[at].classList.remove("told"); tell("", 0, 0); };
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === "Escape") leave();
      if (!step || !marks.length) return;
      event.preventDefault();
      leave();
      at = at < 0 && step < 0 ? marks.length - 1 : (at + step + marks.length) % marks.length;
      marks[at].classList.add("told");
      const box = marks[at].getBoundingClientRect();
      tell(marks[at].getAttribute("aria-label"), box.right, box.bottom);
    });
    svg.addEventListener("blur", leave);
  }

  async function drawCharts() {
    const held = JSON.parse(await unpacked(read("charts")));
    const tooltip = (_handler, event, _item, words) => tell(typeof words === "object" && words ? Object.values(words).join(", ") : words || "", event.clientX, event.clientY);
    for (const holder of all("[data-chart]")) {
      const { datasets, wide, narrow } = held[holder.dataset.chart], spec = phone.matches ? narrow : wide;
      await vegaEmbed(holder, { ...spec, datasets }, { mode: "vega-lite", renderer: "svg", ast: true, actions: false, tooltip });
      reachable(holder.querySelector("svg"), spec.description);
    }
  }

  // ---- maps -------------------------------------------------------------------------------------------------
  const maps = new Map(read("maps").map((map) => [map.id, {
    about: map,
    x: new Uint16Array(bytes(map.x).buffer),
    y: new Uint16Array(bytes(map.y).buffer),
    values: map.colourings.map((colouring) => bytes(colouring.values)),
    chosen: 0,
    only: null,
  }]));
  const stops = [[222, 228, 235], [253, 227, 51], [59, 157, 124], [63, 58, 133]];

  function shade(value) {
    if (value === 255) return "#f2f2f2";
    const place = value / 254 * (stops.length - 1), at = Math.min(Math.floor(place), stops.length - 2), part = place - at;
    return "rgb(" + stops[at].map((from, i) => Math.round(from + (stops[at + 1][i] - from) * part)).join(",") + ")";
  }

  function draw(map) {
    const canvas = document.querySelector(`canvas[data-map="${map.about.id}"]`), pen = canvas.getContext("2d");
    const colouring = map.about.colourings[map.chosen], values = map.values[map.chosen], size = canvas.width;
    const radius = Math.max(1, Math.min(7, 260 / Math.sqrt(map.x.length)));
    const edge = radius + 4, span = (size - 2 * edge) / 65535;
    const place = (at) => [edge + map.x[at] * span, edge + map.y[at] * span];
    const dot = (at) => { // round where it is large enough to be seen, square where there are many
      const [x, y] = place(at);
      if (radius < 2) { pen.fillRect(x - radius, y - radius, 2 * radius, 2 * radius); return; }
      pen.beginPath();
      pen.arc(x, y, radius, 0, 7);
      pen.fill();
    };
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, size, size);
    const colours = colouring.kind === "number"
      ? Array.from({ length: 256 }, (_, value) => shade(value)) : colouring.colours;
    // Quiet colours first, so that "none" covers nothing.
    const quiet = new Set(colouring.kind === "number" ? [] : colouring.labels.flatMap(
      (label, at) => ["none seen", "none", "no", "all others", "unassigned", "undecided", "not testable"].includes(label) ? [at] : []));
    for (const pass of [true, false]) {
      for (let i = 0; i < values.length; i += 1) {
        const value = values[i];
        if (quiet.has(value) !== pass) continue;
        const faint = map.only !== null && map.only !== value;
        if (faint && !pass && quiet.size === 0 && map.only === null) continue;
        pen.fillStyle = faint ? "#ececec" : colours[value];
        dot(i);
      }
    }
    if (map.only !== null) {
      pen.fillStyle = colours[map.only];
      for (let i = 0; i < values.length; i += 1) {
        if (values[i] === map.only) dot(i);
      }
    }
    if (colouring.kind === "category" && map.only === null) names(map, pen, edge, span);
  }

  // Names stand on the map where few enough groups are large: colour is never the only sign.
  function names(map, pen, edge, span) {
    const colouring = map.about.colourings[map.chosen], values = map.values[map.chosen];
    if (!["cell type", "subset"].includes(colouring.name)) return;
    const places = [];
    colouring.labels.forEach((label, at) => {
      if (colouring.counts[at] < Math.max(15, values.length * 0.006) || label === "unassigned" || label === "none seen") return;
      const xs = [], ys = [];
      for (let i = 0; i < values.length; i += 1) if (values[i] === at) { xs.push(map.x[i]); ys.push(map.y[i]); }
      const middle = (list) => list.sort((a, b) => a - b)[list.length >> 1];
      places.push([label, edge + middle(xs) * span, edge + middle(ys) * span]);
    });
    pen.font = "bold 22px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.lineWidth = 6;
    pen.strokeStyle = "rgba(255,255,255,.85)";
    pen.fillStyle = "#1c1c1c";
    places.sort((a, b) => a[2] - b[2]);
    places.forEach((place, at) => {
      for (let before = 0; before < at; before += 1) {
        if (Math.abs(place[1] - places[before][1]) < 150 && Math.abs(place[2] - places[before][2]) < 24) place[2] = places[before][2] + 24;
      }
      const text = place[0].length > 28 ? place[0].slice(0, 27) + "…" : place[0];
      const half = pen.measureText(text).width / 2;
      const x = Math.min(Math.max(place[1], half + 6), pen.canvas.width - half - 6);
      pen.strokeText(text, x, place[2]);
      pen.fillText(text, x, place[2]);
    });
  }

  function legend(map) {
    const list = document.querySelector(`.legend[data-map="${map.about.id}"]`);
    const colouring = map.about.colourings[map.chosen];
    list.replaceChildren();
    const entry = (colour, words, value) => {
      const item = document.createElement("li"), mark = document.createElement("i");
      mark.style.background = colour;
      const holder = value === null ? item : document.createElement("button");
      holder.append(mark, words);
      if (value !== null) {
        holder.type = "button";
        holder.setAttribute("aria-pressed", String(map.only === value));
        holder.addEventListener("click", () => {
          map.only = map.only === value ? null : value;
          draw(map);
          all("button", list).forEach((other) => other.setAttribute("aria-pressed", "false"));
          holder.setAttribute("aria-pressed", String(map.only !== null));
        });
        item.append(holder);
      }
      list.append(item);
    };
    if (colouring.kind === "number") {
      for (const part of [1, 0.75, 0.5, 0.25, 0]) {
        entry(shade(Math.round(part * 254)), (colouring.low + part * (colouring.high - colouring.low)).toPrecision(3), null);
      }
    } else {
      colouring.labels.forEach((label, at) => entry(colouring.colours[at], `${label} (${colouring.counts[at].toLocaleString("en")})`, at));
    }
  }

  function show(map) { draw(map); legend(map); }
  all("select[data-map]").forEach((select) => select.addEventListener("change", () => {
    const map = maps.get(select.dataset.map);
    map.chosen = Number(select.value);
    map.only = null;
    show(map);
  }));
  maps.forEach(show);

  // ---- tabs -------------------------------------------------------------------------------------------------
  all("[role=tablist]").forEach((bar) => {
    const tabs = all("[role=tab]", bar);
    const choose = (tab) => tabs.forEach((other) => {
      const mine = other === tab;
      other.setAttribute("aria-selected", String(mine));
      other.tabIndex = mine ? 0 : -1;
      document.getElementById(other.getAttribute("aria-controls")).toggleAttribute("data-hidden", !mine);
    });
    tabs.forEach((tab, at) => {
      tab.addEventListener("click", () => choose(tab));
      tab.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        const to = event.key === "Home" ? 0 : event.key === "End" ? tabs.length - 1 : step ? (at + step + tabs.length) % tabs.length : null;
        if (to === null) return;
        event.preventDefault();
        choose(tabs[to]);
        tabs[to].focus();
      });
    });
  });

  // ---- downloads and tables -----------------------------------------------------------------------------------
  all("[data-svg]").forEach((button) => button.addEventListener("click", () => {
    const svg = document.querySelector(`#${CSS.escape(button.dataset.svg)} svg`);
    save(new Blob([new XMLSerializer().serializeToString(svg)], { type: "image/svg+xml" }), button.dataset.name);
  }));
  all("[data-png]").forEach((button) => button.addEventListener("click", () => {
    document.querySelector(`canvas[data-map="${button.dataset.png}"]`).toBlob((blob) => save(blob, button.dataset.name));
  }));
  all("[data-csv]").forEach((button) => button.addEventListener("click", async () => {
    const text = await csv(button.dataset.csv);
    save(new Blob(["\ufeff", text], { type: "text/csv" }), button.dataset.csv.replace(/\.tsv$/, "") + ".csv");
  }));

  function rows(text, limit) {
    const found = [[""]];
    let quoted = false;
    for (let i = 0; i < text.length && found.length <= limit + 1; i += 1) {
      const letter = text[i], row = found[found.length - 1];
      if (quoted) {
        if (letter !== '"') row[row.length - 1] += letter;
        else if (text[i + 1] === '"') { row[row.length - 1] += '"'; i += 1; } else quoted = false;
      } else if (letter === '"') quoted = true;
      else if (letter === ",") row.push("");
      else if (letter === "\n") found.push([""]);
      else if (letter !== "\r") row[row.length - 1] += letter;
    }
    return found.filter((row) => row.length > 1 || row[0] !== "").slice(0, limit + 1);
  }

  const sheet = document.getElementById("sheet"), body = document.getElementById("sheet-body");
  let opener = null;
  function close() {
    sheet.hidden = true;
    if (opener) { opener.setAttribute("aria-expanded", "false"); opener.focus(); }
  }
  document.getElementById("sheet-close").addEventListener("click", close);
  sheet.addEventListener("click", (event) => { if (event.target === sheet) close(); });
  sheet.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
    if (event.key === "Tab") { // stays inside: close button and table
      event.preventDefault();
      (document.activeElement === body ? document.getElementById("sheet-close") : body).focus();
    }
  });
  all("[data-show]").forEach((button) => button.addEventListener("click", async () => {
    opener = button;
    const limit = 500, listed = rows(await csv(button.dataset.show), limit);
    const table = document.createElement("table"), head = table.createTHead().insertRow(), lines = table.createTBody();
    listed[0].forEach((name) => { const cell = document.createElement("th"); cell.scope = "col"; cell.textContent = name; head.append(cell); });
    listed.slice(1).forEach((row) => { const line = lines.insertRow(); row.forEach((value) => { line.insertCell().textContent = value; }); });
    document.getElementById("sheet-title").textContent = button.dataset.show + (listed.length > limit ? `, first ${limit} rows (the CSV holds all)` : "");
    body.replaceChildren(table);
    sheet.hidden = false;
    button.setAttribute("aria-expanded", "true");
    document.getElementById("sheet-close").focus();
  }));
  window.addEventListener("beforeprint", () => all("details").forEach((part) => { part.open = true; }));
  const drawAgain = () => drawCharts().then(() => { document.documentElement.dataset.ready = "yes"; });
  phone.addEventListener("change", drawAgain);
  drawAgain();
})();
