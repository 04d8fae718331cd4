const page = JSON.parse(byId("survey").textContent);

const options = {
  ast: true,
  actions: false,
  renderer: "svg",
  defaultStyle: false,
  config: page.config,
  tooltip: { disableDefaultStyle: true, offsetX: 14, offsetY: 14 },
};

startTheme();
for (const [id, spec] of Object.entries(page.charts)) vegaEmbed(byId(id), spec, options);
