// The payload of the page: collections, the networks of each, and weights cut out of base64 where they are needed.

function readPayload() {
  const page = JSON.parse(byId("payload").textContent);
  page.groups = groupCollections(page.collections);
  page.members = page.collections.map(() => []);
  page.networks.collection.forEach((collection, network) => page.members[collection].push(network));
  page.activities = page.members.map((members) => {
    const found = new Set(members.map((each) => page.networks.p[each]));
    return [...found].sort((a, b) => (a ?? 0) - (b ?? 0));
  });
  page.historyOf = new Map(page.histories.map((history) => [history.network, history]));
  return page;
}

// What stands in "network": collections that differ in their delay only are one entry; "delay" chooses among them.
function groupCollections(collections) {
  const groups = new Map();
  collections.forEach((collection, place) => {
    let label = collection.label.replace(/(,\s*)?\bdelay \d+\b/, "").trim() || collection.label;
    const taken = () => groups.get(label)?.find((each) => collections[each].delay === collection.delay);
    if (taken() !== undefined) label += differenceOf(collection, collections[taken()]);
    for (let count = 2, plain = label; taken() !== undefined; count++) label = `${plain} (${count})`;
    if (!groups.has(label)) groups.set(label, []);
    groups.get(label).push(place);
  });
  for (const places of groups.values()) places.sort((a, b) => (collections[a].delay ?? -1) - (collections[b].delay ?? -1));
  return [...groups].map(([label, places]) => ({ label, places }));
}

function differenceOf(collection, other) {
  const words = ["horizon", "amplitude"].filter((name) => collection[name] !== other[name]).map((name) => `${name} ${collection[name] || "unknown"}`);
  return words.length ? `, ${words.join(", ")}` : "";
}

// `count` float32 numbers from place `offset`, without decoding what lies before and behind them.
function readFloats(base64, offset, count) {
  const start = 4 * offset;
  const first = Math.floor(start / 3);
  const last = Math.ceil((start + 4 * count) / 3);
  const text = atob(base64.slice(4 * first, 4 * last));
  const bytes = new DataView(new ArrayBuffer(4 * count));
  for (let place = 0; place < 4 * count; place++) bytes.setUint8(place, text.charCodeAt(start - 3 * first + place));
  return Float64Array.from({ length: count }, (_, place) => bytes.getFloat32(4 * place, true));
}

function weightCount(collection) {
  const { n_features: features, n_hidden: hidden, n_outputs: outputs, n_lags: lags } = collection;
  if (collection.recurrence === "given") return lags * hidden * features + hidden * outputs + outputs;
  return hidden * (features + hidden + outputs + 1) + outputs;
}

// The weights of a network, or those at a record of its training.
function readWeights(page, network, record = null) {
  const collection = page.collections[page.networks.collection[network]];
  const history = record === null ? null : page.historyOf.get(network);
  const count = weightCount(collection);
  const kept = history && history.offset !== null;
  const offset = kept ? history.offset + record * count : page.networks.offset[network];
  const numbers = readFloats(page.weights, offset, count);
  const { n_features: features, n_hidden: hidden, n_outputs: outputs, n_lags: lags } = collection;
  let at = 0;
  const matrix = (rows, columns) => Array.from({ length: rows }, () => numbers.subarray(at, (at += columns)));
  if (collection.recurrence === "given") {
    const directions = Array.from({ length: lags }, () => matrix(hidden, features));
    return { directions, W_y: matrix(hidden, outputs), b_y: numbers.subarray(at) };
  }
  const found = { W_x: matrix(hidden, features), W_h: matrix(hidden, hidden), W_y: matrix(hidden, outputs) };
  found.b_h = numbers.subarray(at, at + hidden);
  found.b_y = numbers.subarray(at + hidden);
  return found;
}

// Networks of a collection at an activity, the lowest loss first.
function networksAt(page, collection, p) {
  const { loss, best } = page.networks;
  const found = page.members[collection].filter((each) => page.networks.p[each] === p);
  return found.sort((a, b) => best[b] - best[a] || (loss[a] ?? Infinity) - (loss[b] ?? Infinity) || a - b);
}

function nearestActivity(activities, p) {
  if (p === null || p === undefined) return activities[0];
  const distance = (each) => (each === null ? Infinity : Math.abs(Math.log(each / p)));
  return activities.reduce((a, b) => (distance(b) < distance(a) ? b : a));
}
