// The bar of controls: which network is shown, and the keys.

function fillControls(app) {
  const { page, state } = app;
  const n = state.network;
  const collection = page.networks.collection[n];
  const group = page.groups.findIndex((each) => each.places.includes(collection));
  const p = page.networks.p[n];
  options(byId("model"), page.groups.map((each, place) => ({ value: String(place), label: each.label })), String(group));
  const delays = page.groups[group].places.map((each) => ({ value: String(each), label: page.collections[each].delay === null ? "varies" : String(page.collections[each].delay) }));
  options(byId("delay"), delays, String(collection));
  const activities = page.activities[collection];
  const slider = byId("sparsity");
  slider.max = activities.length - 1;
  slider.value = activities.indexOf(p);
  slider.disabled = activities.length < 2;
  slider.closest(".field").hidden = page.networks.p.every((each) => each === null);
  byId("network").closest(".field").hidden = page.networks.seed.length < 2 || Boolean(page.collections[collection].branch);
  const spoken = p === null ? "no single sparsity" : `p = ${compact(p)}`;
  slider.setAttribute("aria-valuetext", spoken);
  byId("sparsity-value").replaceChildren(make("strong", {}, spoken), p === null || p > 0.99 ? "" : `, 1 step in ${1 / p < 9.5 ? compact(Number((1 / p).toPrecision(2))) : Math.round(1 / p)}`);
  options(byId("network"), networksAt(page, collection, p).map((each) => ({ value: String(each), label: networkLabel(page, each) })), String(n));
  const outputs = page.collections[collection].n_outputs;
  byId("output-field").hidden = outputs < 2;
  const choices = Array.from({ length: outputs }, (_, place) => ({ value: String(place), label: letter(place).replace(":", "") }));
  options(byId("output"), [{ value: "", label: "all" }, ...choices], state.output === null ? "" : String(state.output));
  byId("toggle").hidden = page.second === null || page.first === null;
  if (!byId("toggle").hidden) byId("toggle").replaceChildren(`⇄ ${otherName(page, n)}`);
  byId("play").replaceChildren(app.timer ? "Stop" : "▶ Send an impulse");
}

function networkLabel(page, network) {
  const { seed, best, loss_per_p: loss, status } = page.networks;
  const name = seed[network] === null ? `no. ${page.networks.source[network]}` : `seed ${seed[network]}`;
  const end = ["converged", "unconverged", ""].includes(status[network]) ? "" : `, ${status[network]}`;
  return `${name}${best[network] ? " (best)" : ""}${loss[network] === null ? "" : `: ${format(loss[network])}`}${end}`;
}

// Whether the network shown is of the regime of `first`; the button leads to the other one.
function otherOf(page, network) {
  const regimes = page.networks.regime;
  const like = (each) => network === each || (regimes[network] !== "" && regimes[network] === regimes[each]);
  return network === page.first || (network !== page.second && like(page.first)) ? page.second : page.first;
}

function otherName(page, network) {
  const other = otherOf(page, network);
  const word = { sparse: "Show it sparse", dense: "Show it dense" }[page.networks.regime[other]];
  return word ?? `Compare p = ${compact(page.networks.p[other])}`;
}

function bindControls(app) {
  const page = app.page;
  const current = () => page.networks.collection[app.state.network];
  const near = (collection) => networksAt(page, collection, nearestActivity(page.activities[collection], page.networks.p[app.state.network]))[0];
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  byId("model").addEventListener("change", (event) => {
    const places = page.groups[Number(event.target.value)].places;
    const delay = page.collections[current()].delay;
    showNetwork(app, near(places.find((each) => page.collections[each].delay === delay) ?? places[0]));
  });
  byId("delay").addEventListener("change", (event) => showNetwork(app, near(Number(event.target.value))));
  byId("sparsity").addEventListener("input", (event) => {
    measureRedraw(() => showNetwork(app, networksAt(page, current(), page.activities[current()][Number(event.target.value)])[0], "replace"));
  });
  byId("network").addEventListener("change", (event) => showNetwork(app, Number(event.target.value)));
  byId("output").addEventListener("change", (event) => update(app, { output: event.target.value === "" ? null : Number(event.target.value) }));
  byId("toggle").addEventListener("click", () => showNetwork(app, otherOf(page, app.state.network)));
  byId("play").addEventListener("click", () => togglePlay(app));
  byId("record").addEventListener("input", (event) => {
    const last = Number(event.target.max);
    const record = Number(event.target.value);
    measureRedraw(() => update(app, { record: record === last ? null : record }, "replace"));
  });
}

// Time from a movement to the next painted frame, kept where tests and benchmarks read it.
function measureRedraw(change) {
  const started = performance.now();
  change();
  performance.measure("redraw-script", { start: started, end: performance.now() });
  requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => performance.measure("redraw", { start: started, end: performance.now() });
    channel.port2.postMessage(null);
  });
}

function bindKeys(app) {
  const help = () => {
    const hidden = (byId("keys").hidden = !byId("keys").hidden);
    byId("help").setAttribute("aria-expanded", String(!hidden));
  };
  byId("help").addEventListener("click", help);
  byId("theme").addEventListener("click", () => update(app, { theme: scheme() === "dark" ? "light" : "dark" }, "replace"));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select, textarea, dialog, .js-plotly-plot")) return;
    if (event.key === "?" || (event.key === "Escape" && !byId("keys").hidden)) return void help();
    if (!app.scene) return;
    const pressable = event.target.closest("button, summary, a, input:not([type=range])");
    const action = {
      " ": () => !pressable && togglePlay(app),
      ArrowRight: () => !event.target.closest("input") && moveStep(app, 1),
      ArrowLeft: () => !event.target.closest("input") && moveStep(app, -1),
      s: () => !byId("toggle").hidden && byId("toggle").click(),
      Escape: () => (app.timer && stopPlay(app), update(app, { step: null }, "replace"), true),
    }[event.key];
    if (action && action() !== false) event.preventDefault();
  });
}
