const corpus = JSON.parse(byId("corpus").textContent);
const drawn = {};
let chosen = -1;

const options = {
  ast: true,
  actions: false,
  renderer: "svg",
  defaultStyle: false,
  config: corpus.config,
  tooltip: { disableDefaultStyle: true, offsetX: 14, offsetY: 14 },
};

const roomIn = (element) => Math.max(240, element.clientWidth);

async function drawDots() {
  const box = byId("dots");
  const spec = structuredClone(corpus.charts.dots);
  if (!corpus.drawn) {
    box.textContent = "No metric has a rank correlation here.";
    return;
  }
  const labels = Math.min(215, 7 * Math.max(...corpus.metrics.map(({ name }) => name.length)));
  spec.width = Math.max(160, Math.min(620, roomIn(box) - labels - 32));
  spec.params.find(({ name }) => name === "chosen").value = chosen;
  const { view } = await vegaEmbed(box, spec, options);
  drawn.dots?.finalize();
  drawn.dots = view;
  view.addEventListener("click", (_, item) => choose(item?.datum?.i ?? -1));
}

async function drawScatter() {
  const metric = corpus.metrics[chosen];
  const box = byId("scatter");
  const rows = corpus.models
    .map((model, index) => ({ model, who: corpus.groups[index], x: metric.values[index], y: corpus.quality[index] }))
    .filter(({ x, y }) => x !== null && y !== null);
  const text = JSON.stringify(corpus.charts.scatter).replaceAll('"{title}"', () => JSON.stringify(metric.name));
  const spec = JSON.parse(text);
  spec.datasets = { ...spec.datasets, models: rows };
  spec.width = Math.min(460, roomIn(box) - 62);
  const turn = chosen;
  const { view } = await vegaEmbed(box, spec, options);
  if (turn !== chosen) return view.finalize();
  drawn.scatter?.finalize();
  drawn.scatter = view;
}

function choose(index) {
  if (index < 0 || index >= corpus.metrics.length || index === chosen) return;
  chosen = index;
  byId("metric").value = index;
  byId("metric-name").textContent = corpus.metrics[index].name;
  byId("metric-says").textContent = corpus.metrics[index].says[0];
  for (const row of document.querySelectorAll("[data-row]")) row.setAttribute("aria-selected", String(Number(row.dataset.row) === index));
  drawn.dots?.signal("chosen", index).run();
  drawScatter();
}

async function startPage() {
  startTheme();
  byId("charts").hidden = corpus.metrics.length === 0;
  if (!corpus.metrics.length) return;
  byId("metric").replaceChildren(...corpus.metrics.map(({ name }, index) => make("option", { value: index }, name)));
  byId("metric").addEventListener("change", (event) => choose(Number(event.target.value)));
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("[data-metric]");
    if (!link) return;
    choose(Number(link.dataset.metric));
    byId("charts").scrollIntoView({ block: "start" });
  });
  byId("dots").addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    choose(chosen + step);
  });
  choose(0);
  await drawDots();
  let width = byId("dots").clientWidth;
  let waiting = 0;
  new ResizeObserver(() => {
    if (Math.abs(byId("dots").clientWidth - width) < 12) return;
    width = byId("dots").clientWidth;
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      drawDots();
      drawScatter();
    }, 120);
  }).observe(byId("dots"));
}

startPage();
