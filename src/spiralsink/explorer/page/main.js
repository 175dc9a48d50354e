// Drawing what the state says, and the start of the page.

const app = { page: null, state: null, scene: null, layout: null, plotly: null, timer: null };

function render(app, before) {
  const { page, state } = app;
  const changed = (...names) => !before || names.some((name) => before[name] !== state[name]);
  if (changed("theme")) applyTheme(state.theme);
  if (state.network === null) return void renderCharts(app, changed("theme"));
  const last = app.scene;
  if (changed("network", "record", "gauge", "output")) app.scene = sceneOf(page, state);
  if (changed("network", "output")) fillControls(app);
  if (app.jump) glide(app, last);
  else drawPictures(app);
  app.jump = false;
  if (changed("network", "record", "theme", "gauge", "output")) drawWhy(app);
  writeCaptions(app);
  if (changed("network", "output", "record")) writeReading(app);
  if (changed("network", "gauge", "record", "output")) fillTables(app);
  if (changed("network", "x", "y", "by")) fillPopulation(app);
  if (changed("network", "theme", "at", "x", "y", "by")) renderCharts(app, changed("theme"));
  if (before) announce(spoken(app, before));
}

function drawPictures(app) {
  app.gliding = null;
  showPictures(app, app.scene);
}

function showPictures(app, scene) {
  const { state } = app;
  const [plane, lags] = [byId("plane"), byId("lags")];
  const width = plane.clientWidth;
  if (width < 60) return; // not laid out
  const height = Math.min(width, Math.max(300, Math.min(560, Math.round(0.56 * innerHeight))));
  app.layout = planeLayout(scene, width, height);
  plane.replaceChildren(drawPlane(scene, app.layout, state.step));
  lags.replaceChildren(drawLags(scene, besideOf(app.layout, lags.clientWidth, lags.getBoundingClientRect().top > plane.getBoundingClientRect().bottom), state.step));
  placeDots(app, 1, null, state.step);
}

// Beside the plane the heights are the same; below it, the same range in less room.
function besideOf(layout, width, below) {
  if (!below) return { ...layout, width };
  const share = 240 / layout.height;
  const y = (value) => share * layout.y(value);
  return { ...layout, width, height: 240, y, invert: (px, py) => layout.invert(px, py / share) };
}

function drawWhy(app) {
  const { page, state, scene } = app;
  const now = termsNow(page, state);
  const saved = savedByHiding(scene);
  byId("terms").replaceChildren(drawTerms(now, saved, byId("terms").clientWidth));
  say("terms-note", "loss / p");
  say("terms-caption", [measuredOn(scene.collection), now.reason].filter(Boolean).join(" "));
  say("why-caption", whyCaption(app, now, saved));
  tableIn("terms-table", () => termsTable(now, saved));
  drawTraining(app);
}

function nameOfNear({ page, state }, near) {
  const { collection, p } = page.networks;
  return collection[near] === collection[state.network] ? `p = ${compact(p[near])}` : page.collections[collection[near]].label;
}

function drawTraining(app) {
  const { page, state } = app;
  const record = page.historyOf.get(state.network);
  byId("scrub").hidden = !record;
  byId("history-table").closest("details").hidden = !record;
  byId("history").hidden = !record;
  byId("history-options").hidden = !record;
  const near = nearestHistory(page, state.network);
  if (!record) {
    say("history-note", "");
    say("history-caption", near === null ? (app.scene.collection.branch ? "Nothing was trained: these are optima of the exact loss." : "No training of these networks is on this page.") : "The training of this network is not on this page.");
    const load = near === null ? [] : [button(`Show one that is (${nameOfNear(app, near)})`, () => showNetwork(app, near), { id: "near" })];
    byId("history-key").replaceChildren(...load);
    return;
  }
  const width = byId("history").clientWidth;
  byId("history").replaceChildren(drawHistory(page, state.network, state.record, width, Math.min(280, Math.max(200, 0.55 * width))));
  const slider = byId("record");
  slider.max = record.step.length - 1;
  slider.value = state.record ?? record.step.length - 1;
  slider.setAttribute("aria-valuetext", `step ${record.step[slider.value]}`);
  byId("record-value").replaceChildren(String(record.step[slider.value]));
  say("history-note", "loss / p, by training step");
  say("history-caption", record.offset === null ? "Weights along training were not kept, so the plane stays at the end of training." : "Move the slider: the plane shows the network as it was at that step.");
  byId("history-key").replaceChildren(...historyKey(page, state.network));
  tableIn("history-table", () => historyTable(page, state.network));
}

function fillTables(app) {
  const { scene } = app;
  tableIn("plane-table", () => {
    const rows = scene.arrows.map((each) => [`${scene.collection.n_features > 1 ? letter(each.feature) : ""}${each.lag}`, format(each.point[0]), format(each.point[1]), format(norm(each.point))]);
    return table(scene.single === null ? "Tips of the arrows, in hidden units" : "Tips of the arrows, in units of the readout", ["age", "sideways", "up", "length"], rows);
  });
  tableIn("lags-table", () => {
    const rows = scene.projections.flatMap((each, lag) => each.flatMap((row, output) => Array.from(row, (value, feature) => [String(lag), letter(output).replace(":", ""), letter(feature).replace(":", ""), format(value, 4)])));
    return table("Projections", ["age", "output", "feature", "projection"], rows);
  });
  byId("gauge").hidden = !scene.exchangeable;
  byId("gauge").value = app.state.gauge;
}

// What stands below the pictures, built once: whoever has the focus keeps it when the picture changes.
function bindOptions(app) {
  const gauge = make("select", { on: { change: (event) => update(app, { gauge: event.target.value }) }, id: "gauge", "aria-label": "gauge" });
  options(gauge, [{ value: "balanced", label: "balanced gauge" }, { value: "trained", label: "as trained" }], app.state.gauge);
  const copy = button("Copy as Python", () => copyCode(app), { id: "copy", class: "quiet" });
  byId("plane-options").append(gauge, ...exportButtons(app, "plane"), copy);
  for (const id of ["lags", "terms", "history"]) byId(`${id}-options`).append(...exportButtons(app, id));
}

function spoken(app, before) {
  const { page, state } = app;
  if (before.step !== state.step && state.step !== null) return byId("lags-caption").textContent;
  if (before.network === state.network) return "";
  return `${page.collections[page.networks.collection[state.network]].label}, ${networkLabel(page, state.network)}, p = ${compact(page.networks.p[state.network])}`;
}

function applyTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  byId("theme").replaceChildren(scheme() === "dark" ? "Light" : "Dark");
  byId("theme").setAttribute("aria-pressed", String(scheme() === "dark"));
}

function hideWhatIsEmpty(page) {
  const none = !page.networks.collection.length;
  for (const element of document.querySelectorAll("#controls, .look, .why")) element.hidden = none;
  const { terms, loss_per_p: loss } = page.networks;
  const measured = page.histories.length > 0 || terms.some(Boolean) || loss.some((each) => each !== null);
  document.querySelector(".why").hidden = !measured;
  byId("population-title").closest("section").hidden = none || !hasPopulation(page);
  byId("diagram-section").hidden = !page.diagrams.length;
  say("sampling", ...page.collections.filter((each) => each.sampling).map((each) => `${each.label}: ${each.sampling} `));
}

function start() {
  app.page = readPayload();
  hideWhatIsEmpty(app.page);
  app.state = readFragment(app.page, location.hash);
  if (app.state.network !== null) {
    bindControls(app);
    bindOptions(app);
    byId("picture").addEventListener("pointerover", (event) => light(event.target.closest("[data-lag]")?.dataset.lag));
  }
  bindKeys(app);
  bindCursor(app);
  render(app, null);
  performance.mark("plane-drawn");
  requestAnimationFrame(() => requestAnimationFrame(() => {
    performance.mark("plane-painted");
    drawClaims(app);
    activatePlotly(app);
  }));
  addEventListener("popstate", () => {
    const before = app.state;
    app.state = readFragment(app.page, location.hash);
    render(app, before);
  });
  new ResizeObserver(() => app.scene && byId("plane").clientWidth !== app.layout.width && (drawPictures(app), drawWhy(app))).observe(byId("plane"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => render(app, { ...app.state, theme: null }));
}

function bindCursor(app) {
  byId("at").addEventListener("input", (event) => {
    const [low, high] = reachOf(diagramOf(app.page, app.state));
    moveCursor(app, Math.exp(low + (Number(event.target.value) / 1000) * (high - low)), "replace");
  });
}

function light(lag) {
  for (const element of document.querySelectorAll("#plane [data-lag], #lags [data-lag]")) element.classList.toggle("pointed", element.dataset.lag === lag);
}

globalThis.spiralsink = { app, readWeights, featureDirections, projectionsOf, balanced, sceneOf, ageColour, update };
start();
