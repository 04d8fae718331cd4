const marks = { true: "✓", false: "✗", null: "?" };

function showLayer() {
  const layer = state.chosen;
  const about = survey.layers[layer];
  byId("layer").hidden = !about;
  if (!about) return;
  byId("layer-name").replaceChildren(...breakable(about.name));
  const facts = [about.role];
  if (about.block !== null) facts.push(`block ${about.block}`);
  facts.push(shapeText(about.shape), `${countText(about.parameters)} parameters`, about.dtype);
  if (about.view && about.view !== "matrix") facts.push(`view ${about.view}`);
  byId("layer-facts").textContent = facts.filter(Boolean).join(" · ");
  const apart = about.apart ? make("span", { class: "muted" }, `(named apart: ${about.apart})`) : "";
  byId("layer-verdict").replaceChildren(sign(about.verdicts[0]), make("b", {}, verdictText(layer)), apart);
  byId("layer-answers").replaceChildren(...about.answers.map(answerRow));
  byId("values").replaceChildren(...survey.columns.map((column) => valueCell(column, layer)));
  byId("layer-readings").replaceChildren(readingsTable(layer));
  byId("said").textContent = `${about.name}: ${verdictText(layer)}`;
}

// A line may break behind the dots of a long name.
function breakable(name) {
  return name.split(/(?<=[._/#])/).flatMap((part, index) => (index ? [make("wbr"), part] : [part]));
}

function answerRow([index, holds, checks]) {
  const said = holds === null ? "undecided" : holds ? "yes" : "no";
  const list = make("ul", {}, ...checks.map(([check, says]) => make("li", { "data-mark": marks[check] }, says)));
  const { verdict } = survey.questions[index];
  const asks = `${verdict[0].toUpperCase()}${verdict.slice(1)}? ${said}`;
  return make("div", { class: "answer-row" }, make("b", {}, asks), list);
}

function gauge(percentile) {
  const bar = make("span", { class: "gauge", "aria-hidden": "true" }, make("i"));
  bar.firstChild.style.left = `${percentile}%`;
  return bar;
}

function valueCell(column, layer) {
  const value = reading(column.name, layer);
  const low = reading(column.name, layer, "low");
  const high = reading(column.name, layer, "high");
  const percentile = reading(column.name, layer, "percentile");
  const text = column.share ? shareText(shareOf(layer, value)) : readingText(column.name, value);
  const cell = make("dd", {}, text);
  if (value === null) cell.append(make("small", {}, survey.readings[column.name]?.said?.[layer] ?? "not measured"));
  if (low !== null && high !== null) cell.append(make("small", {}, `${numberText(low)} to ${numberText(high)}`));
  if (percentile !== null) cell.append(gauge(percentile), make("small", {}, `percentile ${percentileText(percentile)}`));
  return make("dl", {}, make("dt", {}, column.title), cell);
}

function readingsTable(layer) {
  const head = ["reading", "value", "interval", "chance", "percentile"];
  const tested = Object.values(survey.readings).some((column) => (column.p_value?.[layer] ?? null) !== null);
  if (tested) head.push("p-value");
  const rows = Object.entries(survey.readings).map(([name, column]) => {
    const low = column.low?.[layer] ?? null;
    const interval = low === null ? "" : `${numberText(low)} to ${numberText(column.high?.[layer])}`;
    const value = column.value?.[layer] ?? null;
    const unit = column.unit === "1" ? "" : ` ${column.unit}`;
    const said = column.said?.[layer];
    if (value === null && !said) return null;
    const chance = column.chance?.[layer] ?? null;
    return make(
      "tr",
      { title: column.reads || null },
      make("th", { scope: "row" }, name),
      make("td", { class: "n" }, value === null ? "–" : `${readingText(name, value, 5)}${unit}`, said ? make("small", {}, ` ${said}`) : ""),
      make("td", { class: "n" }, interval),
      make("td", { class: "n" }, chance === null ? "" : numberText(chance)),
      make("td", { class: "n" }, chance === null ? "" : percentileText(column.percentile?.[layer])),
      tested ? make("td", { class: "n" }, pValueText(column.p_value?.[layer])) : null,
    );
  });
  const cells = head.map((title, index) => make("th", { scope: "col", class: index ? "n" : null }, title));
  return make("table", { class: "plain" }, make("thead", {}, make("tr", {}, ...cells)), make("tbody", {}, ...rows.filter(Boolean)));
}

on("chosen", showLayer);
