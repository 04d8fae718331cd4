function showModelParts() {
  for (const part of document.querySelectorAll("[data-model]")) part.hidden = Number(part.dataset.model) !== state.model;
  for (const button of document.querySelectorAll("[data-show-model]")) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.showModel) === state.model));
  }
}

function remembered(key, value) {
  // A page opened from a file may have no storage.
  try {
    if (value === undefined) return localStorage.getItem(key);
    localStorage.setItem(key, value);
  } catch {
    return null;
  }
  return value;
}

function startTheme() {
  const names = ["auto", "light", "dark"];
  const button = byId("theme");
  const show = (name) => {
    if (name === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = name;
    button.textContent = `Theme: ${name}`;
    button.dataset.name = name;
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    const next = names[(names.indexOf(button.dataset.name) + 1) % names.length];
    show(next);
    remembered("theodolite-theme", next);
  });
  const before = remembered("theodolite-theme");
  show(names.includes(before) ? before : "auto");
}

function startPage() {
  startTheme();
  byId("layers").hidden = survey.layers.length === 0;
  on("model", showModelParts);
  byId("quantity").replaceChildren(...survey.quantities.map((quantity, index) => make("option", { value: index }, quantity.title)));
  byId("quantity").addEventListener("change", (event) => {
    state.quantity = Number(event.target.value);
    tell("quantity");
  });
  const layerById = new Map(survey.layers.map((layer, index) => [layer.id, index]));
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("[data-choose], [data-show-model]");
    if (!link) return;
    if (link.dataset.showModel !== undefined) return showModel(Number(link.dataset.showModel));
    choose(layerById.get(link.dataset.choose) ?? -1);
    byId("layers").scrollIntoView({ block: "start" });
  });
  for (const id of ["map", "depth", "roles"]) listenToKeys(id);
  startTable();
  if (!survey.models.length) return;
  showModel(0);
  redrawOnResize();
}

startPage();
