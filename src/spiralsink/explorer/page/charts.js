// Plotly, for the two large charts: parsed when the page has been painted and the browser is idle.

function activatePlotly(app) {
  const begin = () => {
    const block = byId("plotly");
    if (!block || !block.textContent.trim()) return;
    const script = document.createElement("script");
    script.textContent = block.textContent;
    block.remove();
    document.head.append(script);
    performance.mark("plotly-ready");
    app.plotly = globalThis.Plotly;
    renderCharts(app, true);
    performance.mark("charts-drawn");
    document.documentElement.dataset.charts = "ready";
  };
  const wait = () => ("requestIdleCallback" in globalThis ? requestIdleCallback(begin, { timeout: 1500 }) : setTimeout(begin, 200));
  // the block stands last on the page and may still be arriving
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", wait);
  else wait();
}

function renderCharts(app, whole = false) {
  if (!app.plotly) return;
  drawDiagram(app, whole);
  drawPopulation(app, whole);
}

function chartLayout(extra) {
  const line = { linecolor: variable("--line"), tickcolor: variable("--line"), gridcolor: variable("--line"), zerolinecolor: variable("--line") };
  const axes = Object.fromEntries(Object.entries(extra).filter(([name]) => /^[xy]axis/.test(name)).map(([name, axis]) => [name, { ...line, ...axis }]));
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: variable("--sans"), size: 12.5, color: variable("--ink") },
    hoverlabel: { bgcolor: variable("--paper"), bordercolor: variable("--soft"), font: { color: variable("--ink") } },
    hovermode: "closest",
    dragmode: false,
    ...extra,
    ...axes,
  };
}

const CHART_OPTIONS = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"], scrollZoom: false, displayModeBar: false };

// Powers of ten with 2 and 5 between them, as numbers and not as "10^-2".
function logTicks(low, high) {
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const step of [1, 2, 5]) if (step * 10 ** power >= low * 0.99 && step * 10 ** power <= high * 1.01) found.push(step * 10 ** power);
  }
  const kept = found.length > 9 ? found.filter((each) => /^1|^0\.0*1/.test(String(each))) : found;
  return { tickvals: kept, ticktext: kept.map((each) => String(Number(each.toPrecision(2)))) };
}

function plain(text) {
  return String(text).replace(/[<>&]/g, (each) => ({ "<": "&lt;", ">": "&gt;", "&": "&amp;" })[each]);
}

// What is drawn last lies on top, to be seen and to be clicked.
function bestLast(page, networks) {
  const best = page.networks.best;
  return [...networks.filter((each) => !best[each]), ...networks.filter((each) => best[each])];
}

function networkHover(page, network) {
  const { networks } = page;
  const collection = page.collections[networks.collection[network]];
  const lines = [plain(collection.label), plain(networkLabel(page, network)), `p = ${compact(networks.p[network])}, span ${degrees(networks.eigenangle_span[network])}, radius ${format(networks.spectral_radius[network])}`];
  return [...lines, plain([networks.regime[network], networks.status[network]].filter(Boolean).join(", ")), "click to load it"].join("<br>");
}
