const views = {};
const widest = { map: 760, roles: 640, spectrum: 480 };

const options = {
  ast: true,
  actions: false,
  renderer: "svg",
  defaultStyle: false,
  config: survey.config,
  tooltip: { disableDefaultStyle: true, offsetX: 14, offsetY: 14 },
};

function chartRows(quantity) {
  const shown = (layer, number) => (quantity.share ? shareOf(layer, number) : number);
  return layersOfModel()
    .filter((layer) => {
      const value = reading(quantity.name, layer);
      return value !== null && !(quantity.log && value <= 0);
    })
    .map((layer) => {
      const about = survey.layers[layer];
      const [order, place] = placeOf(layer);
      const row = { i: layer, layer: about.name, role: about.role, role_order: survey.roles.indexOf(about.role), order, place };
      row.apart = Boolean(about.apart);
      row.verdict = survey.verdicts[about.verdicts[0]];
      for (const part of ["value", "low", "high", "chance"]) row[part] = shown(layer, reading(quantity.name, layer, part));
      row.percentile = reading(quantity.name, layer, "percentile");
      return row;
    });
}

const inner = (element) => Math.max(240, element.clientWidth);

// Charts are shared by all quantities of one kind; this one's words are put in.
function chartOf(quantity, name) {
  let text = JSON.stringify(survey.charts[quantity.kind][name]);
  for (const word of ["title", "format", "ticks"]) text = text.replaceAll(`"{${word}}"`, () => JSON.stringify(quantity[word]));
  return JSON.parse(text);
}

function mapSpec(quantity, rows) {
  const placed = rows.filter((row) => !survey.aside.includes(row.role));
  const columns = new Set(placed.map((row) => row.place)).size || 1;
  const labels = 110;
  const step = Math.max(6, Math.min(74, (inner(byId("map")) - labels) / columns));
  const spec = chartOf(quantity, "map");
  spec.width = { step };
  spec.height = { step: Math.max(16, Math.min(40, 0.75 * step + 8)) };
  setParam(spec, "digits", step >= 38);
  setParam(spec, "beside", step >= 38 ? 11 - step / 2 : 0);
  setParam(spec, "glyph", Math.min(70, 0.4 * step * step));
  setAxis(spec, survey.models[state.model].axis);
  return [spec, placed];
}

function depthSpec(quantity, rows) {
  const placed = rows.filter((row) => !survey.aside.includes(row.role));
  const panels = new Set(placed.map((row) => row.role)).size || 1;
  const room = inner(byId("depth")) - 40;
  const columns = Math.max(1, Math.min(panels, Math.floor(room / 130)));
  const even = Math.ceil(panels / Math.ceil(panels / columns));
  const spec = chartOf(quantity, "depth");
  spec.columns = even;
  spec.spec.width = Math.min(560, Math.floor(room / even) - 20);
  spec.spec.height = panels > 2 ? 130 : 190;
  // A mark without a single number would leave its scale without an end.
  spec.spec.layer = spec.spec.layer.filter(({ name }) => !name || placed.some((row) => row[name] !== null));
  setAxis(spec.spec, survey.models[state.model].axis);
  return [spec, placed];
}

function rolesSpec(quantity, rows) {
  const spec = chartOf(quantity, "roles");
  spec.width = Math.min(widest.roles, inner(byId("roles")) - 96);
  return [spec, rows];
}

function setParam(spec, name, value) {
  spec.params.find((param) => param.name === name).value = value;
}

function setAxis(spec, title) {
  for (const layer of spec.layer) if (layer.encoding?.x) layer.encoding.x.title = title;
}

let drawing = 0;

async function drawLayers() {
  if (!survey.quantities.length || !survey.models.length) return;
  const turn = ++drawing;
  const quantity = survey.quantities[state.quantity];
  const rows = chartRows(quantity);
  const made = { map: mapSpec, depth: depthSpec, roles: rolesSpec };
  for (const [id, build] of Object.entries(made)) {
    const [spec, shown] = build(quantity, rows);
    if (!shown.length) {
      views[id]?.finalize();
      delete views[id];
      byId(id).textContent = "No layer has this number.";
      continue;
    }
    setParam(spec, "chosen", state.chosen);
    spec.datasets = { ...spec.datasets, layers: shown };
    const { view } = await vegaEmbed(byId(id), spec, options);
    if (turn !== drawing) return view.finalize();
    views[id]?.finalize();
    views[id] = view;
    view.addEventListener("click", (_, item) => choose(item?.datum?.i ?? -1));
    view.addSignalListener("chosen", (_, layer) => choose(layer));
  }
}

async function drawSpectrum() {
  const data = survey.spectra[state.chosen];
  const box = byId("spectrum");
  const key = byId("spectrum-key");
  views.spectrum?.finalize();
  delete views.spectrum;
  if (!data) {
    box.replaceChildren();
    key.textContent = "No eigenvalues were kept with these readings.";
    return;
  }
  const chosen = state.chosen;
  const spec = structuredClone(survey.spectrum);
  const rows = ([x, y]) => x.map((value, index) => ({ x: value, y: y[index] }));
  const beyond = data.spikes ?? 0;
  const own = rows(data.points);
  // What a bulk was fitted to, where that isn't the layer's own spectrum, has the spikes.
  const fitted = data.balanced ? rows(data.balanced) : own;
  spec.datasets = {
    points: data.balanced ? own : own.filter((point) => point.y > beyond),
    balanced: data.balanced ? fitted.filter((point) => point.y > beyond) : [],
    spikes: fitted.filter((point) => point.y <= beyond),
    tail: rows(data.tail),
    chance: rows(data.chance),
    bulk: data.bulk ? rows(data.bulk) : [],
    edge: data.bulk ? [{ x: data.edge, says: `edge, ${data.says}` }] : [],
  };
  // A mark without a single number would leave its scale without an end.
  spec.layer = spec.layer.filter((layer) => spec.datasets[layer.data.name].length);
  spec.width = Math.min(widest.spectrum, inner(box) - 62);
  spec.height = Math.round(0.74 * spec.width);
  const { view } = await vegaEmbed(box, spec, options);
  if (chosen !== state.chosen) return view.finalize();
  views.spectrum = view;
  const alpha = numberText(reading("power_law.alpha", chosen));
  const words = [keyWords("dots", "eigenvalues")];
  if (data.tail[0].length) words.push(keyWords("tail", `fitted tail, alpha ${alpha}`));
  words.push(...bulkWords(data, chosen));
  if (data.chance[0].length) words.push(keyWords("chance", "Gaussian matrix of this shape and norm"));
  key.replaceChildren(...words);
}

function bulkWords(data, layer) {
  const spikes = reading("marchenko_pastur.spikes", layer);
  if (!data.bulk) return spikes === null ? [] : [keyWords("", `spikes, counted slice by slice: ${countText(spikes)}`)];
  return [
    ...(data.balanced ? [keyWords("scaled", "eigenvalues with kernel positions of one variance")] : []),
    keyWords("bulk", `bulk fitted ${data.balanced ? "to those" : "to them"}, edge at ${numberText(data.edge)}`),
    keyWords(data.spikes ? "spike" : "", `${data.says} beyond the edge`),
  ];
}

function keyWords(kind, text) {
  return make("span", {}, kind ? make("i", { class: `swatch ${kind}` }) : "", text);
}

on("chosen", () => {
  for (const id of ["map", "depth", "roles"]) {
    const view = views[id];
    if (view && view.signal("chosen") !== state.chosen) view.signal("chosen", state.chosen).run();
  }
  drawSpectrum();
});
on("model", drawLayers);
on("quantity", drawLayers);

const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

function listenToKeys(id) {
  byId(id).addEventListener("keydown", (event) => {
    const move = moves[event.key];
    if (!move || state.chosen < 0) return;
    event.preventDefault();
    choose(neighbour(state.chosen, ...move));
  });
}

function redrawOnResize() {
  let width = byId("map").clientWidth;
  let waiting = 0;
  new ResizeObserver(() => {
    if (Math.abs(byId("map").clientWidth - width) < 12) return;
    width = byId("map").clientWidth;
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      drawLayers();
      drawSpectrum();
    }, 120);
  }).observe(byId("map"));
}
