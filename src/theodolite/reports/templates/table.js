const rowHeight = 42;
const manyRows = 200;
const table = { sort: null, descending: false, shown: [], all: false, first: 0, still: false };

function tableColumns() {
  const text = (key, title, of, cell) => ({ key, title, of, cell, numeric: false });
  const columns = [
    text("name", "layer", (layer) => layer, (layer) => make("td", { class: "name", title: survey.layers[layer].name }, make("bdi", {}, survey.layers[layer].name))),
    text("verdict", "verdict", (layer) => survey.layers[layer].verdicts[0], verdictCell),
    text("role", "role", (layer) => survey.layers[layer].role, (layer) => make("td", {}, survey.layers[layer].role)),
    { key: "block", title: "block", numeric: true, of: (layer) => survey.layers[layer].block, cell: (layer) => make("td", { class: "n" }, survey.layers[layer].block ?? "–") },
    { key: "shape", title: "shape", numeric: true, of: (layer) => survey.layers[layer].parameters, cell: (layer) => make("td", { class: "n" }, shapeText(survey.layers[layer].shape)) },
  ];
  for (const column of survey.columns) {
    const of = (layer) => (column.share ? shareOf(layer, reading(column.name, layer)) : reading(column.name, layer));
    columns.push({ key: column.name, title: column.title, numeric: true, of, cell: (layer) => valueTableCell(column, of(layer), layer) });
  }
  return columns;
}

function valueTableCell(column, value, layer) {
  const low = reading(column.name, layer, "low");
  const high = reading(column.name, layer, "high");
  const percentile = reading(column.name, layer, "percentile");
  const interval = low === null ? "" : `${numberText(low)}–${numberText(high)}`;
  const small = [interval, percentile === null ? "" : `p ${percentileText(percentile).replace(" ", "")}`].filter(Boolean).join(" · ");
  const said = survey.readings[column.name]?.said?.[layer];
  return make("td", { class: "n", title: said ?? null }, column.share ? shareText(value) : readingText(column.name, value), small ? make("small", {}, small) : "");
}

function verdictCell(layer) {
  const about = survey.layers[layer];
  const words = make("span", {}, verdictText(layer), about.apart ? make("small", {}, `apart: ${about.apart}`) : "");
  return make("td", {}, make("span", { class: "verdict" }, sign(about.verdicts[0]), words));
}

const columns = tableColumns();

function drawHead() {
  const heads = columns.map((column) => {
    const sorted = table.sort === column ? (table.descending ? "descending" : "ascending") : null;
    const button = make("button", { type: "button", onclick: () => sortBy(column) }, column.title);
    return make("th", { scope: "col", class: column.numeric ? "n" : null, "aria-sort": sorted }, button);
  });
  byId("table").querySelector("thead").replaceChildren(make("tr", {}, ...heads));
}

function sortBy(column) {
  table.descending = table.sort === column ? !table.descending : false;
  table.sort = column;
  drawHead();
  selectRows();
}

function compare(a, b) {
  const [x, y] = [table.sort.of(a), table.sort.of(b)];
  if (x === y) return a - b;
  if (x === null) return 1;
  if (y === null) return -1;
  const order = typeof x === "string" ? x.localeCompare(y, "en") : x - y;
  return table.descending ? -order : order;
}

function selectRows() {
  const wanted = byId("find").value.trim().toLowerCase();
  const role = byId("role").value;
  const verdict = byId("verdict").value;
  const matches = (layer) => {
    const about = survey.layers[layer];
    if (wanted && !about.name.toLowerCase().includes(wanted)) return false;
    if (role && about.role !== role) return false;
    if (verdict === "apart") return Boolean(about.apart);
    return verdict === "" || (!about.apart && about.verdicts.includes(Number(verdict)));
  };
  const all = survey.models.length ? layersOfModel() : [];
  table.shown = all.filter(matches);
  if (table.sort) table.shown.sort(compare);
  byId("shown").textContent = `${table.shown.length} of ${all.length} layers`;
  drawRows();
}

// Long tables hold only the rows that can be seen, between two empty ones.
function drawRows() {
  const box = byId("table");
  const body = box.querySelector("tbody");
  const { shown } = table;
  const whole = table.all || shown.length <= manyRows;
  const first = whole ? 0 : Math.max(0, Math.floor(box.scrollTop / rowHeight) - 20);
  const last = whole ? shown.length : Math.min(shown.length, first + Math.ceil(box.clientHeight / rowHeight) + 40);
  box.firstElementChild.setAttribute("aria-rowcount", shown.length + 1);
  const focused = document.activeElement?.closest?.("#table tbody tr") !== null && body.contains(document.activeElement);
  body.replaceChildren(spacer(first), ...shown.slice(first, last).map((layer, offset) => tableRow(layer, first + offset)), spacer(shown.length - last));
  table.first = first;
  if (focused) body.querySelector(`tr[data-layer="${state.chosen}"]`)?.focus({ preventScroll: true });
}

function spacer(rows) {
  const row = make("tr", { class: "space", "aria-hidden": "true" }, make("td", { colspan: columns.length }));
  row.firstChild.style.height = `${rows * rowHeight}px`;
  row.hidden = rows === 0;
  return row;
}

function tableRow(layer, index) {
  const chosen = layer === state.chosen;
  const attributes = { "data-layer": layer, tabindex: chosen ? 0 : -1, "aria-selected": String(chosen), "aria-rowindex": index + 2 };
  return make("tr", attributes, ...columns.map((column) => column.cell(layer)));
}

function showChosenRow() {
  const box = byId("table");
  const index = table.shown.indexOf(state.chosen);
  for (const row of box.querySelectorAll("tbody tr[data-layer]")) {
    const chosen = Number(row.dataset.layer) === state.chosen;
    row.setAttribute("aria-selected", String(chosen));
    row.tabIndex = chosen || (index < 0 && row === box.querySelector("tr[data-layer]")) ? 0 : -1;
  }
  const { still } = table;
  table.still = false;
  if (index < 0 || still) return;
  const top = index * rowHeight;
  const head = box.querySelector("thead").offsetHeight;
  if (top < box.scrollTop) box.scrollTop = top;
  else if (top + rowHeight + head > box.scrollTop + box.clientHeight) box.scrollTop = top + rowHeight + head - box.clientHeight;
}

function moveInTable(event) {
  const steps = { ArrowUp: -1, ArrowDown: 1, PageUp: -10, PageDown: 10, Home: -table.shown.length, End: table.shown.length };
  const row = event.target.closest("tr[data-layer]");
  if (!row) return;
  const at = table.shown.indexOf(Number(row.dataset.layer));
  if (event.key === "Enter" || event.key === " ") choose(table.shown[at]);
  else if (event.key in steps) choose(table.shown[Math.max(0, Math.min(table.shown.length - 1, at + steps[event.key]))]);
  else return;
  event.preventDefault();
  drawRows();
  byId("table").querySelector(`tr[data-layer="${state.chosen}"]`)?.focus({ preventScroll: true });
}

function fillFilters() {
  const here = new Set(layersOfModel().map((layer) => survey.layers[layer].role));
  const roles = survey.roles.filter((role) => here.has(role));
  byId("role").replaceChildren(make("option", { value: "" }, "all"), ...roles.map((role) => make("option", { value: role }, role)));
}

function startTable() {
  const verdicts = survey.offered.map((index) => make("option", { value: index }, survey.verdicts[index]));
  byId("verdict").replaceChildren(make("option", { value: "" }, "all"), ...verdicts, make("option", { value: "apart" }, "named apart"));
  byId("find").addEventListener("input", selectRows);
  byId("role").addEventListener("change", selectRows);
  byId("verdict").addEventListener("change", selectRows);
  const box = byId("table");
  box.classList.toggle("wide", survey.columns.length > 6);
  box.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-layer]");
    if (row) choose(Number(row.dataset.layer));
  });
  box.addEventListener("keydown", moveInTable);
  box.addEventListener("scroll", () => {
    if (table.shown.length > manyRows && Math.abs(Math.floor(box.scrollTop / rowHeight) - 20 - table.first) > 12) drawRows();
  });
  addEventListener("beforeprint", () => { table.all = true; drawRows(); });
  addEventListener("afterprint", () => { table.all = false; drawRows(); });
  drawHead();
  on("model", () => {
    fillFilters();
    selectRows();
    box.scrollTop = 0;
    table.still = true;
  });
  on("chosen", showChosenRow);
}
