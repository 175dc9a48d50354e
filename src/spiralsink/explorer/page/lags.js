// What the readout sees of an input of every age: a bar for each lag, or a small panel of W_y^T W_s.

const WRITTEN_CELLS = 6;

function drawLags(scene, layout, step) {
  return scene.projections[0].length === 1 && scene.projections[0][0].length === 1
    ? drawBars(scene, layout, step)
    : drawPanels(scene, layout.width, layout.height, step);
}

// The heights are those of the plane beside it: its layout gives the scale.
function drawBars(scene, layout, step) {
  const { width, height, y } = layout;
  const lags = scene.collection.n_lags;
  const delay = scene.collection.delay;
  const [left, right] = [54, 10];
  const pitch = (width - left - right) / lags;
  const bar = Math.min(0.62 * pitch, 26);
  const svg = canvas(width, height, "Projections by age; the numbers are in the table below", hatching("lags-hatch"));
  const zero = Math.min(Math.max(y(0), 0), height);
  const edge = Math.min(Math.max(y(edgeOf(scene) ?? 0), 0), height);
  if (scene.rectified) svg.append(draw("rect", { class: "free", x: left, y: edge, width: width - left, height: height - edge }));
  for (const value of ticks(layout)) {
    svg.append(draw("line", { class: "grid", x1: left, x2: width, y1: y(value), y2: y(value) }));
    svg.append(draw("text", { class: "tick", x: left - 6, y: y(value) + 4, "text-anchor": "end" }, format(value, 2)));
  }
  svg.append(draw("line", { class: "axis", x1: left, x2: width, y1: zero, y2: zero }));
  if (edgeOf(scene) && edge > 0 && edge < height) svg.append(draw("line", { class: "edge", x1: left, x2: width, y1: edge, y2: edge }));
  if (scene.rectified && height - edge > 46) svg.append(draw("text", { class: "zone", x: width - 10, y: height - 12, "text-anchor": "end" }, "hidden: the readout sees 0"));
  for (let lag = 0; lag < lags; lag++) {
    const middle = left + (lag + 0.5) * pitch;
    svg.append(oneBar(scene, layout, { lag, middle, bar, step }));
    const every = pitch < 16 ? 2 : 1;
    if (lag % every && lag !== delay) continue;
    const below = scene.projections[lag][0][0] >= 0;
    const classes = lag === delay ? "age strong" : "age";
    const place = Math.min(below ? zero + 16 : zero - 7, height - 4);
    svg.append(draw("text", { class: classes, x: middle, y: place, "text-anchor": "middle" }, String(lag)));
  }
  if (delay !== null && delay < lags) svg.append(...target(layout, left + (delay + 0.5) * pitch, delay));
  return svg;
}

function oneBar(scene, layout, { lag, middle, bar, step }) {
  const { height, y } = layout;
  const value = scene.projections[lag][0][0];
  const hidden = isHidden(scene, 0, value);
  const zero = y(0);
  const end = Math.min(Math.max(y(value), 6), height - 6);
  const cut = Math.abs(end - y(value)) > 1;
  const box = { x: middle - bar / 2, y: Math.min(zero, end), width: bar, height: Math.max(Math.abs(end - zero), 1) };
  const colour = ageColour(lag, scene.collection.n_lags);
  const faded = step !== null && lag > step;
  const classes = ["bar-of", hidden && "hidden-bar", faded && "faded", step === lag && "lit"].filter(Boolean).join(" ");
  const group = draw("g", { class: classes, "data-lag": lag });
  group.append(draw("title", {}, `age ${lag}: the readout ${hidden ? "shows 0 for" : "sees"} ${format(value)}`));
  group.append(draw("rect", { ...box, fill: colour, "fill-opacity": hidden ? 0.32 : 1, stroke: colour, class: "bar-body" }));
  if (hidden) group.append(draw("rect", { ...box, fill: "url(#lags-hatch)", class: "bar-hatch" }));
  if (cut) {
    const at = value < 0 ? height - 10 : 14;
    group.append(draw("text", { class: "over", x: middle, y: value < 0 ? at - 8 : at + 10, "text-anchor": "middle" }, fixed(value, 1)));
  }
  group.append(draw("rect", { class: "reach", x: middle - Math.max(bar, 12) / 2, y: 0, width: Math.max(bar, 12), height }));
  return group;
}

function target({ y, height }, middle, delay) {
  const at = y(1);
  if (at > 8 && at < height) {
    const diamond = draw("path", { class: "target", d: `M${middle} ${at - 7}l7 7l-7 7l-7 -7Z` });
    const text = draw("text", { class: "name", x: middle + 12, y: at + 4 }, `wanted: 1 at age ${delay}`);
    return [diamond, text];
  }
  return [draw("text", { class: "name", x: middle, y: 14, "text-anchor": "middle" }, `↑ wanted: 1 at age ${delay}`)];
}

// Round numbers within the picture, about fifty points apart.
function ticks(layout) {
  const [, low] = layout.invert(0, layout.height);
  const [, high] = layout.invert(0, 0);
  const rough = ((high - low) * 50) / layout.height;
  const power = 10 ** Math.floor(Math.log10(rough));
  const every = power * [1, 2, 5, 10].find((each) => each * power >= rough);
  const found = [];
  for (let at = Math.ceil(low / every); at * every <= high; at++) found.push(at * every);
  return found.filter((each) => layout.y(each) > 8 && layout.y(each) < layout.height - 4);
}

function drawPanels(scene, width, height, step) {
  const [outputs, features] = [scene.projections[0].length, scene.projections[0][0].length];
  const sizes = scene.projections.map((each) => Math.max(...each.flatMap((row) => [...row].map(Math.abs))));
  const [largest, wanted] = [Math.max(...sizes, 1e-12), sizeWanted(scene)];
  const limit = wanted > 0 ? Math.min(largest, 1.5 * wanted) : largest; // darker than that is dark enough
  const lags = lastFilled(scene, sizes, 0.01 * limit) + 1;
  const columns = bestColumns(lags, outputs / features, width, height - 26);
  const pitch = width / columns;
  const rows = Math.ceil(lags / columns);
  const tall = Math.min((height - 26) / rows, (pitch * outputs) / features + 26);
  const svg = canvas(width, height, "Panels of projections, one for each age; the numbers are in the table below", hatching("lags-hatch"));
  scene.projections.slice(0, lags).forEach((values, lag) => {
    const cell = Math.min((pitch - 12) / features, (tall - 28) / outputs);
    const [x, y] = [(lag % columns) * pitch + (pitch - cell * features) / 2, Math.floor(lag / columns) * tall + 22];
    const faded = step !== null && lag > step;
    const classes = ["heat", lag === scene.collection.delay && "wanted", faded && "faded", step === lag && "lit"].filter(Boolean);
    const panel = draw("g", { class: classes.join(" "), "data-lag": lag });
    panel.append(draw("text", { class: lag === scene.collection.delay ? "age strong" : "age", x: x + (cell * features) / 2, y: y - 6, "text-anchor": "middle" }, `age ${lag}`));
    panel.append(...cells(scene, values, { x, y, cell, limit, lag }));
    panel.append(draw("rect", { class: "rim", x, y, width: cell * features, height: cell * outputs }));
    svg.append(panel);
  });
  svg.append(...keyOfColours(limit, largest > limit, width, height, scene.rectified));
  return svg;
}

// The largest projection on the diagonal at the age that is wanted.
function sizeWanted({ collection, projections }) {
  if (collection.delay === null || collection.delay >= projections.length) return 0;
  return Math.max(...projections[collection.delay].map((row, output) => Math.abs(row[output] ?? 0)));
}

// Panels end one age after the last that holds anything to see.
function lastFilled({ collection, projections }, sizes, least) {
  const last = Math.max(sizes.findLastIndex((each) => each > least), collection.delay ?? 0);
  return Math.min(last + 1, projections.length - 1);
}

function bestColumns(count, ratio, width, height) {
  const size = (columns) => Math.min(width / columns - 12, (height / Math.ceil(count / columns) - 28) / ratio);
  return Array.from({ length: count }, (_, i) => i + 1).reduce((a, b) => (size(b) > size(a) ? b : a));
}

function cells(scene, values, { x, y, cell, limit, lag }) {
  if (values.length * values[0].length > 150) return [pixels(values, x, y, cell, limit)];
  const written = Math.max(values.length, values[0].length) <= WRITTEN_CELLS && cell >= 24;
  return values.flatMap((row, output) =>
    Array.from(row).flatMap((value, feature) => {
      const box = { x: x + feature * cell, y: y + output * cell, width: cell, height: cell };
      const drawn = [draw("rect", { ...box, class: "cell", fill: signedColour(value, limit) })];
      drawn[0].append(draw("title", {}, `age ${lag}, feature ${letter(feature)} on output ${letter(output)}: ${format(value)}`));
      if (isHidden(scene, output, value, 0.02 * limit)) drawn.push(draw("rect", { ...box, fill: "url(#lags-hatch)", class: "bar-hatch" }));
      const classes = Math.abs(value) > 0.6 * limit ? "cell-text strong" : "cell-text";
      if (written) drawn.push(draw("text", { class: classes, x: box.x + cell / 2, y: box.y + cell / 2 + 3.5, "text-anchor": "middle" }, fixed(value, 1)));
      return drawn;
    }),
  );
}

function pixels(values, x, y, cell, limit) {
  const image = make("canvas", { width: values[0].length, height: values.length });
  const context = image.getContext("2d");
  values.forEach((row, output) => row.forEach((value, feature) => {
    context.fillStyle = signedColour(value, limit);
    context.fillRect(feature, output, 1, 1);
  }));
  const size = { x, y, width: cell * values[0].length, height: cell * values.length };
  return draw("image", { ...size, class: "pixels", href: image.toDataURL(), preserveAspectRatio: "none" });
}

function keyOfColours(limit, beyond, width, height, rectified) {
  const size = 96;
  const from = width - size - 56;
  const steps = Array.from({ length: 24 }, (_, i) =>
    draw("rect", { x: from + (i * size) / 24, y: height - 12, width: size / 24 + 0.5, height: 8, fill: signedColour(((i - 11.5) / 11.5) * limit, limit) }),
  );
  const text = (x, label, anchor) => draw("text", { class: "tick", x, y: height - 4, "text-anchor": anchor }, label);
  const note = rectified ? [text(8, "hatched: hidden", "start")] : [];
  return [...steps, text(from - 6, `${beyond ? "≤ " : ""}${fixed(-limit, 1)}`, "end"), text(from + size + 6, `${beyond ? "≥ " : ""}${fixed(limit, 1)}`, "start"), ...note];
}
