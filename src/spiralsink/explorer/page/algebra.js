// The algebra of feature directions, in double precision from float32 weights.

const SETTLING_STEPS = 1000;

const PHI = {
  linear: (x) => x,
  relu: (x) => Math.max(x, 0),
  tanh: Math.tanh,
};

function multiply(a, b) {
  return a.map((row) => {
    const out = new Float64Array(b[0].length);
    for (let k = 0; k < row.length; k++) for (let j = 0; j < out.length; j++) out[j] += row[k] * b[k][j];
    return out;
  });
}

function transpose(a) {
  return Array.from(a[0], (_, j) => Float64Array.from(a, (row) => row[j]));
}

function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function norm(a) {
  return Math.sqrt(dot(a, a));
}

// The state that the silent network settles into from h = 0.
function restState(W_h, b_h, recurrence) {
  let rest = new Float64Array(b_h.length);
  if (b_h.every((each) => each === 0)) return rest;
  for (let step = 0; step < SETTLING_STEPS; step++) {
    const seen = rest.map(PHI[recurrence]);
    const next = rest.map((_, i) => dot(W_h[i], seen) + b_h[i]);
    if (next.every((each, i) => each === rest[i])) break;
    rest = next;
  }
  return rest;
}

function isRest(state, W_h, b_h, recurrence) {
  const seen = state.map(PHI[recurrence]);
  const size = Math.max(...state.map(Math.abs));
  return state.every((each, i) => Math.abs(dot(W_h[i], seen) + b_h[i] - each) <= 1e-6 * size);
}

// Where an input of age s is written, s = 0 .. nLags - 1, each (hidden, feature):
//   linear  W_h^s W_x
//   relu    D_0 = W_x, D_{s+1} = W_h (relu(rest + D_s) - relu(rest)): the response to a positive unit impulse
//   tanh    the Jacobian of h_{t+s} with respect to x_t at rest
function featureDirections(weights, recurrence, nLags) {
  if (recurrence === "given") return weights.directions.slice(0, nLags);
  const rest = recurrence === "linear" ? null : restState(weights.W_h, weights.b_h, recurrence);
  const phi = PHI[recurrence];
  const carry = {
    linear: (value) => value,
    relu: (value, i) => phi(rest[i] + value) - phi(rest[i]),
    tanh: (value, i) => (1 - phi(rest[i]) ** 2) * value,
  }[recurrence];
  const found = [weights.W_x];
  while (found.length < nLags) {
    const carried = found.at(-1).map((row, i) => row.map((value) => carry(value, i)));
    found.push(multiply(weights.W_h, carried));
  }
  return found;
}

// A_s = W_y^T W_s, each (output, feature).
function projectionsOf(directions, W_y) {
  const read = transpose(W_y);
  return directions.map((each) => multiply(read, each));
}

// Where each ReLU readout begins to see, as a projection: -(b_y + W_y^T rest), the state at rest being the origin. Null
// where the silent network does not settle.
function edgesOf(weights, recurrence) {
  const { W_h, W_y, b_h, b_y } = weights;
  const rest = recurrence === "given" ? null : restState(W_h, b_h, recurrence);
  if (rest && !isRest(rest, W_h, b_h, recurrence)) return null;
  return Float64Array.from(b_y, (bias, output) => 0 - bias - (rest ? rest.reduce((sum, each, i) => sum + each * W_y[i][output], 0) : 0));
}

// Eigenvalues and eigenvectors (columns) of a symmetric matrix, largest first, by Jacobi's rotations.
function symmetricEigen(matrix) {
  const n = matrix.length;
  const a = matrix.map((row) => Float64Array.from(row));
  const v = a.map((_, i) => Float64Array.from(a, (_, j) => Number(i === j)));
  const total = a.reduce((sum, row) => sum + dot(row, row), 0);
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) off += a[p][q] ** 2;
    if (off <= 1e-30 * total) break;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) rotate(a, v, p, q);
  }
  const order = a.map((_, i) => i).sort((i, j) => a[j][j] - a[i][i]);
  return { values: order.map((i) => a[i][i]), vectors: v.map((row) => Float64Array.from(order, (i) => row[i])) };
}

function rotate(a, v, p, q) {
  if (a[p][q] === 0) return;
  const ratio = (a[q][q] - a[p][p]) / (2 * a[p][q]);
  const t = Math.sign(ratio || 1) / (Math.abs(ratio) + Math.hypot(ratio, 1));
  const c = 1 / Math.hypot(t, 1);
  const s = t * c;
  for (const rows of [a, v]) for (const row of rows) turnPair(row, p, row, q, c, s);
  for (let k = 0; k < a.length; k++) turnPair(a[p], k, a[q], k, c, s);
}

function turnPair(first, i, second, j, c, s) {
  const x = first[i];
  const y = second[j];
  first[i] = c * x - s * y;
  second[j] = s * x + c * y;
}

// The direction of the largest variation of a cloud (rows), by powers of its covariance; null for no variation.
function principalAxis(cloud) {
  const flipped = transpose(cloud);
  const covariance = multiply(flipped, cloud);
  const trace = covariance.reduce((sum, row, i) => sum + row[i], 0);
  if (!(trace > 0)) return null;
  const first = covariance.reduce((a, b) => (dot(b, b) > dot(a, a) ? b : a));
  let axis = first.map((each) => each / norm(first));
  for (let step = 0; step < 500; step++) {
    const next = Float64Array.from(covariance, (row) => dot(row, axis));
    const length = norm(next);
    if (!(length > 0)) break;
    let change = 0;
    for (let i = 0; i < next.length; i++) {
      change = Math.max(change, Math.abs(next[i] / length - axis[i]));
      axis[i] = next[i] / length;
    }
    if (change < 1e-12) break;
  }
  return axis;
}

function without(cloud, axis) {
  return cloud.map((row) => {
    const along = dot(row, axis);
    return row.map((each, i) => each - along * axis[i]);
  });
}
