// What is drawn of one network: directions, projections, and the plane that they are seen in.

const SHOWN_FEATURES = 10;
const MOST_BALANCED = 20; // hidden units; more would hold up a slider
const CLIPPED_AT = 4; // times the length of the arrow of the age that the task wants

function sceneOf(page, state) {
  const collection = page.collections[page.networks.collection[state.network]];
  const trained = readWeights(page, state.network, state.record);
  // a readout tied to as many directions as there are units leaves rotations only: the picture is the network's own
  const fixedByTie = collection.tied && collection.n_features >= collection.n_hidden && collection.n_hidden > 1;
  const large = collection.n_hidden > MOST_BALANCED;
  const exchangeable = collection.recurrence === "linear" && !fixedByTie && !large;
  const gauged = exchangeable && state.gauge !== "trained" ? balanced(trained) : null;
  const weights = gauged ?? trained;
  const directions = featureDirections(weights, collection.recurrence, collection.n_lags);
  const original = gauged ? featureDirections(trained, collection.recurrence, collection.n_lags) : directions;
  const projections = projectionsOf(original, trained.W_y);
  const single = collection.n_outputs === 1 ? 0 : state.output;
  const scene = { collection, single, directions, projections, exchangeable, gauge: gauged ? "balanced" : "as trained" };
  const cuts = collection.readout === "relu" ? edgesOf(trained, collection.recurrence) : null;
  const edges = cuts ?? new Float64Array(collection.n_outputs);
  return { ...scene, large, rectified: cuts !== null, edges, ...planeOf({ ...scene, edges }, weights.W_y) };
}

// The plane: the readout points up where there is one to look at; heights are then what it sees, a_s.
function planeOf({ collection, single, directions, edges }, W_y) {
  const arrows = chooseArrows(collection, single, directions);
  const { right, up, exact } = axesOf(collection, single, W_y, arrows.map((each) => each.vector));
  const readouts = transpose(W_y);
  const unit = single === null || !norm(readouts[single]) ? 1 : norm(readouts[single]);
  const flat = (vector) => [unit * dot(vector, right), unit * dot(vector, up)];
  for (const arrow of arrows) arrow.point = flat(arrow.vector);
  const turn = handedness(arrows, collection.delay);
  if (single !== null) for (const arrow of arrows) arrow.point[0] *= turn;
  const held = arrows.reduce((sum, each) => sum + dot(each.point, each.point), 0) / unit ** 2;
  const whole = arrows.reduce((sum, each) => sum + dot(each.vector, each.vector), 0);
  const lines = (single === null ? readouts : [readouts[single]]).map(flat);
  if (single !== null) for (const line of lines) line[0] *= turn;
  const bounds = (single === null ? Array.from(edges) : [edges[single]]).map((each) => each * unit ** 2);
  const window = windowOf(arrows, collection);
  const far = 2 * Math.min(window.longest, window.limit);
  const hides = exact && freePolygon(lines, bounds, [-far, -far], [far, far]).length > 0;
  return { arrows, lines, bounds, exact, hides, share: whole > 0 ? Math.min(held / whole, 1) : 1, ...window };
}

// The arrows of the features that can be told apart: all of them up to ten, otherwise the longest at the wanted age.
function chooseArrows(collection, single, directions) {
  const at = Math.min(collection.delay ?? 0, directions.length - 1);
  const size = (feature) => norm(directions[at].map((row) => row[feature]));
  let features = Array.from({ length: collection.n_features }, (_, feature) => feature);
  if (features.length > SHOWN_FEATURES) {
    features = features.sort((a, b) => size(b) - size(a)).slice(0, SHOWN_FEATURES);
    if (single !== null && single < collection.n_features && !features.includes(single)) features[SHOWN_FEATURES - 1] = single;
    features.sort((a, b) => a - b);
  }
  return directions.flatMap((each, lag) =>
    features.map((feature) => ({ lag, feature, vector: Float64Array.from(each, (row) => row[feature]) })),
  );
}

function axesOf(collection, single, W_y, cloud) {
  const n = collection.n_hidden;
  const axis = (place) => Float64Array.from({ length: n }, (_, i) => Number(i === place));
  const readout = single === null ? null : transpose(W_y)[single];
  if (readout && norm(readout) > 0) {
    const up = readout.map((each) => each / norm(readout));
    if (n === 1) return { up, right: axis(-1), exact: true };
    if (n === 2) return { up, right: Float64Array.of(up[1], -up[0]), exact: true };
    return { up, right: principalAxis(without(cloud, up)) ?? axis(-1), exact: true };
  }
  if (n <= 2) return { right: axis(0), up: axis(1), exact: true };
  const first = principalAxis(cloud) ?? axis(0);
  return { right: first, up: principalAxis(without(cloud, first)) ?? axis(-1), exact: false };
}

// Mirror images are the same network: features come up to the readout from the left, always.
function handedness(arrows, delay) {
  const at = (lag) => arrows.filter((each) => each.lag === lag).reduce((sum, each) => sum + each.point[0], 0);
  const k = delay ?? 0;
  const before = k > 0 ? at(k - 1) : 0;
  const turned = at(k + 1) - before || -at(0);
  return turned < 0 ? -1 : 1;
}

// The square that is drawn, and the length past which arrows are broken off.
function windowOf(arrows, collection) {
  const wanted = arrows.filter((each) => each.lag === (collection.delay ?? 0)).map((each) => norm(each.point));
  const lengths = arrows.map((each) => norm(each.point)).sort((a, b) => a - b);
  const typical = Math.max(...wanted, lengths[Math.floor(lengths.length / 2)], 1e-12);
  const longest = lengths.at(-1) || 1;
  const limit = longest > 1.5 * CLIPPED_AT * typical ? CLIPPED_AT * typical : Infinity;
  return { limit, longest };
}

// The height in the plane below which the readout shows 0; null where there is no single one.
function edgeOf({ rectified, single, edges }) {
  return rectified && single !== null ? edges[single] : null;
}

function isHidden({ rectified, edges }, output, value, least = 0) {
  return rectified && value < edges[output] - least;
}

function clipped(point, limit) {
  const length = norm(point);
  return length > limit ? point.map((each) => (each * limit) / length) : point;
}

// Corners of {h : W_y^T h <= bounds} within a rectangle; none when nothing is left of it.
function freePolygon(lines, bounds, low, high) {
  let corners = [low, [high[0], low[1]], high, [low[0], high[1]]];
  for (const [line, normal] of lines.entries()) {
    const kept = [];
    corners.forEach((start, place) => {
      const end = corners[(place + 1) % corners.length];
      const [here, there] = [start, end].map((each) => dot(normal, each) - bounds[line]);
      if (here <= 0) kept.push(start);
      if (here * there < 0) kept.push(start.map((each, i) => each + ((end[i] - each) * here) / (here - there)));
    });
    corners = kept;
    if (corners.length < 3) return [];
  }
  const twice = corners.reduce((sum, [x, y], i) => {
    const [nx, ny] = corners[(i + 1) % corners.length];
    return sum + x * ny - nx * y;
  }, 0);
  return Math.abs(twice) > 1e-6 * (high[0] - low[0]) * (high[1] - low[1]) ? corners : [];
}
