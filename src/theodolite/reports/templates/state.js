const survey = JSON.parse(byId("survey").textContent);

const state = { model: 0, chosen: -1, quantity: 0 };
const listeners = { chosen: [], model: [], quantity: [] };

const on = (what, listener) => listeners[what].push(listener);
const tell = (what) => listeners[what].forEach((listener) => listener());

const modelOf = (layer) => survey.models.findIndex((model) => layer >= model.start && layer < model.stop);

function layersOfModel() {
  const { start, stop } = survey.models[state.model];
  return Array.from({ length: stop - start }, (_, offset) => start + offset);
}

function reading(name, layer, part = "value") {
  const column = survey.readings[name];
  return column?.[part]?.[layer] ?? null;
}

const readingText = (name, value, digits = 3) =>
  survey.readings[name]?.counts && Number.isInteger(value) ? countText(value) : numberText(value, digits);

function shareOf(layer, number) {
  const { count } = survey.layers[layer];
  return number === null || !count ? null : number / count;
}

// Percentiles are known from one end to the other and stop there.
function percentileText(value) {
  if (value === null || value === undefined) return "–";
  if (value <= survey.resolution + 1e-6) return `≤ ${value.toFixed(1)}`;
  if (value >= 100 - survey.resolution - 1e-6) return `≥ ${value.toFixed(1)}`;
  return value < 10 || value > 90 ? value.toFixed(1) : value.toFixed(0);
}

const placeOf = (layer) => survey.models[modelOf(layer)].places[layer - survey.models[modelOf(layer)].start];

const verdictText = (layer) => survey.layers[layer].verdicts.map((verdict) => survey.verdicts[verdict]).join(", ");

function choose(layer) {
  if (layer < 0 || layer >= survey.layers.length || layer === state.chosen) return;
  const model = modelOf(layer);
  if (model !== state.model) showModel(model, layer);
  state.chosen = layer;
  tell("chosen");
}

function showModel(model, layer = null) {
  state.model = model;
  state.chosen = layer ?? firstToShow();
  tell("model");
  tell("chosen");
}

// A layer with a finding says more than the first one of the file.
function firstToShow() {
  const layers = layersOfModel();
  const found = layers.find((layer) => !survey.layers[layer].apart && survey.layers[layer].verdicts[0] < survey.questions.length);
  return found ?? layers.find((layer) => !survey.layers[layer].apart) ?? layers[0] ?? -1;
}

function neighbour(layer, across, along) {
  const [order] = placeOf(layer);
  const here = new Set(layersOfModel().map((one) => survey.layers[one].role));
  const roles = survey.roles.filter((role) => here.has(role));
  const role = survey.layers[layer].role;
  const distance = (one) => Math.abs(placeOf(one)[0] - order);
  if (along) {
    const same = layersOfModel().filter((one) => survey.layers[one].role === role);
    same.sort((a, b) => placeOf(a)[0] - placeOf(b)[0]);
    return same[same.indexOf(layer) + along] ?? layer;
  }
  const next = roles[roles.indexOf(role) + across];
  if (next === undefined) return layer;
  const there = layersOfModel().filter((one) => survey.layers[one].role === next);
  return there.reduce((best, one) => (distance(one) < distance(best) ? one : best), there[0]);
}
