// Every network as a point; a click loads it.

const COLUMNS = {
  p: "activity probability p", loss_per_p: "loss / p", loss: "loss", eigenangle_span: "eigenangle span (°)", spectral_radius: "spectral radius",
  free_fraction: "free fraction", sharpness: "sharpness", n_represented: "features represented",
};
const LOGARITHMIC = ["p", "loss", "loss_per_p", "sharpness"];
const REGIME_STYLES = { sparse: [1, 0], dense: [0, 1], between: [2, 2], unrepresented: [3, 6], "": [5, 3] };
const STATUS_STYLES = { converged: [0, 0], unconverged: [1, 1], dead: [3, 6], diverged: [4, 4], unstable: [2, 2], inaccurate: [5, 3] };
const MOST_ROWS = 500;

// The columns that have any number, with their names.
function axesOfPage(page) {
  const known = Object.entries(COLUMNS).filter(([name]) => page.networks[name].some((each) => each !== null));
  const extra = Object.entries(page.networks.extra ?? {}).filter(([, values]) => values.some((each) => each !== null));
  return { ...Object.fromEntries(known), ...Object.fromEntries(extra.map(([name]) => [name, name])) };
}

function hasPopulation(page) {
  return Object.keys(axesOfPage(page)).length > 0;
}

function columnOf(page, name) {
  return COLUMNS[name] ? page.networks[name] : page.networks.extra[name];
}

function drawPopulation(app, whole) {
  const { page, state } = app;
  if (!page.networks.collection.length || !hasPopulation(page)) return;
  const collection = page.networks.collection[state.network];
  const wanted = [collection, state.x, state.y, state.by].join("|");
  clearTimeout(app.marking);
  if (whole || app.drawnPopulation !== wanted) {
    app.drawnPopulation = wanted;
    const host = byId("population");
    const traces = populationTraces(page, collection, state);
    app.plotly.react(host, [...traces, markOf(app)], populationLayout(page, collection, state), CHART_OPTIONS);
    if (!host.bound) {
      host.bound = true;
      host.on("plotly_click", (event) => {
        const network = event.points[0].customdata;
        if (Number.isInteger(network)) showNetwork(app, network);
      });
    }
    tableIn("population-table", () => populationTable(page, collection));
  } else if (app.marked !== state.network) {
    const mark = markOf(app);
    const place = byId("population").data.length - 1;
    // one redraw for a slider that is dragged
    app.marking = setTimeout(() => app.plotly.restyle("population", { x: [mark.x], y: [mark.y] }, [place]), 120);
  }
  app.marked = state.network;
}

function shownOf(page, collection, state) {
  const [x, y] = [columnOf(page, state.x), columnOf(page, state.y)];
  return bestLast(page, page.members[collection].filter((each) => x[each] !== null && y[each] !== null));
}

function populationTraces(page, collection, state) {
  const members = shownOf(page, collection, state);
  if (!["regime", "status"].includes(state.by)) return [measured(page, members, state)];
  const styles = state.by === "regime" ? REGIME_STYLES : STATUS_STYLES;
  const words = [...new Set(members.map((each) => page.networks[state.by][each]))].sort();
  return words.map((word) => {
    const [colour, symbol] = styles[word] ?? [6, 5];
    const places = members.filter((each) => page.networks[state.by][each] === word);
    return trace(page, places, state, `${plain(word || "no regime")} (${places.length})`, { color: seriesColour(colour), symbol: SYMBOLS[symbol] });
  });
}

function measured(page, members, state) {
  const values = columnOf(page, state.by);
  const marker = { color: members.map((each) => values[each]), colorscale: "Viridis", showscale: true, colorbar: { title: { text: plain(axesOfPage(page)[state.by]), side: "right" }, thickness: 12, outlinewidth: 0 } };
  return trace(page, members, state, plain(state.by), marker);
}

function trace(page, members, state, name, marker) {
  const size = members.map((each) => (page.networks.best[each] ? 11 : 6));
  const opacity = members.map((each) => (page.networks.best[each] ? 1 : 0.5));
  return {
    type: "scatter", mode: "markers", name, x: members.map((each) => columnOf(page, state.x)[each]), y: members.map((each) => columnOf(page, state.y)[each]),
    customdata: members, text: members.map((each) => networkHover(page, each)), hovertemplate: "%{text}<extra></extra>",
    marker: { size, opacity, line: { width: 0.7, color: variable("--paper") }, ...marker },
  };
}

function markOf(app) {
  const { page, state } = app;
  const at = (name) => [columnOf(page, name)[state.network]];
  const marker = { size: 19, color: "rgba(0,0,0,0)", line: { width: 2.4, color: variable("--ink") } };
  return { type: "scatter", mode: "markers", name: "shown above", x: at(state.x), y: at(state.y), hoverinfo: "skip", marker };
}

function populationLayout(page, collection, state) {
  const axis = (name) => {
    const values = shownOf(page, collection, state).map((each) => columnOf(page, name)[each]);
    const logarithmic = LOGARITHMIC.includes(name) && values.length && values.every((each) => each > 0);
    const ticks = logarithmic ? { type: "log", ...logTicks(Math.min(...values), Math.max(...values)) } : {};
    return { title: { text: plain(axesOfPage(page)[name]), standoff: 8, font: { size: 12.5 } }, zeroline: false, automargin: true, fixedrange: true, ...ticks };
  };
  return chartLayout({ height: 480, margin: { l: 60, r: 14, t: 10, b: 90 }, xaxis: axis(state.x), yaxis: axis(state.y), showlegend: true, legend: { orientation: "h", y: -0.2, x: 0 } });
}

function fillPopulation(app) {
  const { page, state } = app;
  if (!hasPopulation(page)) return;
  const axes = axesOfPage(page);
  const choice = (id, label, entries) => {
    const select = make("select", { id, on: { change: (event) => update(app, { [id.slice(3)]: event.target.value }) } });
    options(select, entries.map(([value, text]) => ({ value, label: text })), state[id.slice(3)]);
    return make("label", { class: "field" }, make("span", {}, label), select);
  };
  if (!byId("by-x")) {
    byId("population-options").replaceChildren(choice("by-x", "across", Object.entries(axes)), choice("by-y", "up", Object.entries(axes)), choice("by-by", "colour", [["regime", "regime"], ["status", "status"], ...Object.entries(axes)]));
  }
  for (const name of ["x", "y", "by"]) byId(`by-${name}`).value = state[name];
  const collection = page.collections[page.networks.collection[state.network]];
  const shown = shownOf(page, page.networks.collection[state.network], state).length;
  const missing = page.members[page.networks.collection[state.network]].length - shown;
  const none = missing ? ` ${missing} have no such number and are not drawn.` : "";
  const large = collection.branch ? "large where no branch is lower" : "the best of each sparsity large";
  say("population-caption", `${collection.about} Each point is one network of “${collection.label}”, ${large}; the ring is the one above. Click one to load it.${none} ${collection.sampling}`);
}

function populationTable(page, collection) {
  const axes = Object.keys(axesOfPage(page));
  const members = page.members[collection].slice(0, MOST_ROWS);
  const rows = members.map((each) => [networkLabel(page, each), page.networks.regime[each] || "none", page.networks.status[each] || "none", ...axes.map((name) => format(columnOf(page, name)[each]))]);
  const part = members.length < page.members[collection].length ? `, the first ${MOST_ROWS} of ${page.members[collection].length}` : "";
  return table(`Networks of ${page.collections[collection].label}${part}`, ["network", "regime", "status", ...axes.map((name) => axesOfPage(page)[name])], rows);
}
