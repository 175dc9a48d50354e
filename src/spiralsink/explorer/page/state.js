// What is shown, in one object, and its copy in the fragment of the address.

const START = { network: null, record: null, step: null, output: null, gauge: "balanced", theme: "", at: null, x: "p", y: "loss_per_p", by: "regime" };
const NUMBERS = { r: "record", s: "step", o: "output", at: "at" };
const NAMES = { g: "gauge", theme: "theme", x: "x", y: "y", by: "by" };

function writeFragment(page, state) {
  const parts = [];
  const put = (key, value) => parts.push(`${key}=${encodeURIComponent(value)}`);
  if (state.network !== null) {
    put("c", page.collections[page.networks.collection[state.network]].id);
    put("n", page.networks.source[state.network]);
  }
  for (const [key, name] of Object.entries({ ...NUMBERS, ...NAMES })) if (state[name] !== START[name]) put(key, state[name]);
  return `#${parts.join("&")}`;
}

function readFragment(page, fragment) {
  const given = new Map();
  for (const part of fragment.replace(/^#/, "").split("&")) {
    const [key, value] = part.split("=");
    if (value !== undefined) given.set(key, decoded(value));
  }
  const state = { ...START, network: page.first ?? (page.networks.collection.length ? 0 : null) };
  const collection = page.collections.findIndex((each) => each.id === given.get("c"));
  const members = page.members[collection] ?? [];
  const found = members.find((each) => String(page.networks.source[each]) === given.get("n")) ?? members.find((each) => page.networks.best[each]);
  if (found !== undefined) state.network = found;
  const named = given.has("n") && found !== undefined && String(page.networks.source[found]) !== given.get("n");
  missing(given.has("c") && (named || found === undefined));
  for (const [key, name] of Object.entries(NUMBERS)) {
    const value = given.has(key) ? Number(given.get(key)) : NaN;
    if (Number.isFinite(value) && value >= 0) state[name] = name === "at" ? value : Math.floor(value);
  }
  for (const [key, name] of Object.entries(NAMES)) if (given.has(key)) state[name] = given.get(key);
  return allowed(page, state);
}

// The address named a network that is not on this page.
function missing(is) {
  byId("missing").hidden = !is;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

// What a fragment typed by hand, or another network, does not allow falls back to the start.
function allowed(page, state) {
  const found = { ...state };
  if (!["balanced", "trained"].includes(found.gauge)) found.gauge = START.gauge;
  if (!["", "light", "dark"].includes(found.theme)) found.theme = START.theme;
  const columns = Object.keys(axesOfPage(page));
  for (const name of ["x", "y"]) if (!columns.includes(found[name])) found[name] = columns.includes(START[name]) ? START[name] : columns[0];
  if (!["regime", "status", ...columns].includes(found.by)) found.by = START.by;
  if (found.at !== null && !(found.at > 0 && found.at <= 1)) found.at = null;
  if (found.network === null) return { ...found, record: null, step: null, output: null };
  const collection = page.collections[page.networks.collection[found.network]];
  const records = page.historyOf.get(found.network)?.step.length ?? 0;
  if (found.record !== null && found.record >= records) found.record = null;
  if (found.step !== null && found.step >= collection.n_lags) found.step = null;
  if (collection.n_outputs === 1 || (found.output !== null && found.output >= collection.n_outputs)) found.output = null;
  return found;
}

function remember(app, how) {
  if (how === "none") return;
  const fragment = writeFragment(app.page, app.state);
  if (fragment === location.hash) return;
  history[how === "push" ? "pushState" : "replaceState"](null, "", fragment);
}

// The one way in which anything changes. `how` is "push" (a step to go back from), "replace" or "none".
function update(app, changes, how = "push") {
  const before = app.state;
  const moved = changes.network !== undefined && changes.network !== before.network;
  app.state = allowed(app.page, { ...before, ...(moved ? { record: null, step: null } : {}), ...changes });
  remember(app, how);
  render(app, before);
}

function showNetwork(app, network, how = "push") {
  if (app.timer) stopPlay(app);
  app.jump = how === "push"; // a slider is followed at once
  update(app, { network, at: null }, how);
}
