// The balanced gauge of a stable linear recurrence: reachability and observability Gramians equal and diagonal. The same
// network as before, every output and projection unchanged; only angles and sideways lengths depend on the gauge.

const MINIMAL = 1e-10;

function balanced(weights) {
  const reach = gramian(weights.W_h, weights.W_x);
  const observe = gramian(transpose(weights.W_h), weights.W_y);
  if (!reach || !observe) return null;
  const lower = cholesky(reach);
  if (!lower) return null;
  const { values, vectors } = symmetricEigen(multiply(transpose(lower), multiply(observe, lower)));
  if (!(values.at(-1) > MINIMAL * MINIMAL * values[0])) return null;
  // S = sigma^(1/2) U^T L^-1 and its inverse L U sigma^(-1/2), sigma^2 the eigenvalues
  const scale = values.map((each) => Math.pow(each, 0.25));
  const back = multiply(lower, vectors).map((row) => row.map((each, j) => each / scale[j]));
  const there = transpose(multiply(observe, back)).map((row, i) => row.map((each) => each / scale[i] ** 2));
  if (![...back, ...there].every((row) => row.every(Number.isFinite))) return null;
  const moved = {
    W_x: multiply(there, weights.W_x),
    W_h: multiply(there, multiply(weights.W_h, back)),
    W_y: multiply(transpose(back), weights.W_y),
  };
  return { ...weights, ...moved, b_h: there.map((row) => dot(row, weights.b_h)) };
}

// sum_s A^s B B^T (A^T)^s by doubling; null when it does not converge.
function gramian(A, B) {
  let sum = multiply(B, transpose(B));
  let power = A;
  for (let doubling = 0; doubling < 40; doubling++) {
    const more = multiply(power, multiply(sum, transpose(power)));
    const size = Math.max(...sum.map((row) => Math.max(...row.map(Math.abs))));
    const change = Math.max(...more.map((row) => Math.max(...row.map(Math.abs))));
    if (!Number.isFinite(change) || change > 1e30) return null;
    sum = sum.map((row, i) => row.map((each, j) => each + more[i][j]));
    if (change <= 1e-17 * size) return sum;
    power = multiply(power, power);
  }
  return null;
}

function cholesky(matrix) {
  const n = matrix.length;
  const lower = matrix.map(() => new Float64Array(n));
  const largest = Math.max(...matrix.map((row, i) => row[i]));
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = matrix[i][j];
      for (let k = 0; k < j; k++) rest -= lower[i][k] * lower[j][k];
      if (i !== j) lower[i][j] = rest / lower[j][j];
      else if (rest > MINIMAL * MINIMAL * largest) lower[i][i] = Math.sqrt(rest);
      else return null;
    }
  }
  return lower;
}
