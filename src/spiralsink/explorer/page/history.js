// Loss and terms along training, with a line at the record that is shown.

function drawHistory(page, network, record, width, height) {
  const history = page.historyOf.get(network);
  const p = page.networks.p[network] || 1;
  const series = seriesOf(history, p);
  const [left, right, top, bottom] = [46, 12, 10, 26];
  const steps = history.step;
  const [low, high] = rangeOf(series);
  const x = (step) => left + ((step - steps[0]) / (steps.at(-1) - steps[0] || 1)) * (width - left - right);
  const y = (value) => top + ((high - Math.min(value, high * 1.05 - low * 0.05)) / (high - low)) * (height - top - bottom);
  const svg = canvas(width, height, "Loss along training; the numbers are in the table below");
  const layout = { width, height, y, invert: (_, py) => [0, high - ((py - top) / (height - top - bottom)) * (high - low)] };
  for (const value of ticks(layout)) {
    svg.append(draw("line", { class: "grid", x1: left, x2: width - right, y1: y(value), y2: y(value) }));
    svg.append(draw("text", { class: "tick", x: left - 6, y: y(value) + 4, "text-anchor": "end" }, format(value, 2)));
  }
  if (low < 0) svg.append(draw("line", { class: "axis", x1: left, x2: width - right, y1: y(0), y2: y(0) }));
  for (const step of [steps[0], steps[Math.floor(steps.length / 2)], steps.at(-1)]) {
    const anchor = step === steps[0] ? "start" : step === steps.at(-1) ? "end" : "middle";
    svg.append(draw("text", { class: "tick", x: x(step), y: height - 8, "text-anchor": anchor }, String(step)));
  }
  for (const each of series) {
    const known = each.values.map((value, place) => [value, place]).filter(([value]) => value !== null);
    const d = known.map(([value, place], i) => `${i ? "L" : "M"}${x(steps[place]).toFixed(1)} ${y(value).toFixed(1)}`).join("");
    svg.append(draw("path", { class: `curve ${each.kind}`, d, stroke: each.colour, "stroke-dasharray": each.dash }));
  }
  const at = steps[record ?? steps.length - 1];
  svg.append(draw("line", { class: "now", id: "history-now", x1: x(at), x2: x(at), y1: top, y2: height - bottom }));
  for (const each of series) {
    const value = each.values[record ?? steps.length - 1];
    if (value !== null) svg.append(draw("circle", { cx: x(at), cy: y(value), r: each.kind === "total" ? 4.5 : 3.2, fill: each.colour }));
  }
  return svg;
}

function seriesOf(history, p) {
  const total = { name: "loss", kind: "total", colour: "var(--ink)", dash: "none", values: history.loss.map((each) => (each === null ? null : each / p)) };
  if (!history.terms) return [total];
  const terms = TERMS.map(([name], place) => ({
    name, kind: "term", colour: seriesColour(place), dash: DASHES[place], values: history.terms.map((each) => each && each[place] / p),
  }));
  return [...terms, total];
}

// The first records of a training can be a thousand times larger than the rest, which is what is to be seen.
function rangeOf(series) {
  const known = series.flatMap((each) => each.values.filter((value) => value !== null));
  const later = series.flatMap((each) => each.values.slice(Math.floor(each.values.length / 8)).filter((value) => value !== null));
  const low = Math.min(0, ...later);
  const high = Math.min(Math.max(...known), 1.6 * Math.max(...later));
  return [low < 0 ? 1.08 * low : 0, high > 0 ? 1.08 * high : 1];
}

function historyKey(page, network) {
  const history = page.historyOf.get(network);
  const entries = seriesOf(history, 1).map((each) => {
    const line = draw("path", { d: "M0 6H22", class: `curve ${each.kind}`, stroke: each.colour, "stroke-dasharray": each.dash });
    return make("span", { class: "key" }, draw("svg", { width: 22, height: 12, "aria-hidden": "true" }, line), each.name);
  });
  return entries.length > 1 ? entries : [];
}

function historyTable(page, network) {
  const history = page.historyOf.get(network);
  const series = seriesOf(history, page.networks.p[network] || 1);
  const rows = history.step.map((step, place) => [String(step), ...series.map((each) => format(each.values[place]))]);
  return table("Loss per active input, loss / p, along training", ["step", ...series.map((each) => each.name)], rows);
}

// The nearest network of the collection whose training was kept, for those whose was not.
function nearestHistory(page, network) {
  const { collection, p } = page.networks;
  const found = page.histories.map((each) => each.network).filter((each) => collection[each] === collection[network]);
  const distance = (each) => Math.abs(Math.log((p[each] || 1) / (p[network] || 1)));
  if (!found.length) return page.histories.find((each) => each.offset !== null)?.network ?? null; // elsewhere on the page
  return found.reduce((a, b) => (distance(b) < distance(a) ? b : a));
}
