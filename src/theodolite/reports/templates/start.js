function showModelParts() {
  for (const part of document.querySelectorAll("[data-model]")) part.hidden = Number(part.dataset.model) !== state.model;
  for (const button of document.querySelectorAll("[data-show-model]")) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.showModel) === state.model));
  }
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
