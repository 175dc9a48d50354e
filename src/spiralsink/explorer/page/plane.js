// The plane: an arrow for every age, the readout, and the half that it cannot see.

const MARGIN = 1.2;

// The square in units of what is drawn, so that the middle shows every arrow and names have room.
function frameOf(scene) {
  const shown = scene.arrows.map((each) => clipped(each.point, scene.limit));
  const xs = [0, ...shown.map((each) => each[0])];
  const ys = [0, ...shown.map((each) => each[1])];
  const edge = edgeOf(scene);
  const near = edge !== null && Math.abs(edge) < 1.2 * Math.max(...shown.map(norm));
  if (near) ys.push(edge);
  const [low, high] = [[Math.min(...xs), Math.min(...ys)], [Math.max(...xs), Math.max(...ys)]];
  const side = Math.max(high[0] - low[0], high[1] - low[1], 1e-9) * MARGIN;
  const middle = low.map((each, i) => (each + high[i]) / 2);
  // some of the half below the line stays in view, also where nothing is in it
  if (scene.single !== null) middle[1] = Math.min(middle[1], (near ? edge : 0) + side * 0.3);
  return { low: middle.map((each) => each - side / 2), side };
}

function planeLayout(scene, width, height) {
  const frame = frameOf(scene);
  const size = Math.min(width, height);
  const scale = size / frame.side;
  const x = (value) => (value - frame.low[0]) * scale + (width - size) / 2;
  const y = (value) => height - (value - frame.low[1]) * scale - (height - size) / 2;
  return { width, height, scale, x, y, invert: (px, py) => [(px - x(0)) / scale, (y(0) - py) / scale] };
}

function drawPlane(scene, layout, step) {
  const { width, height, x, y } = layout;
  const label = `Plane of feature directions, ${scene.arrows.length} arrows; the numbers are in the table below`;
  const svg = canvas(width, height, label, hatching("plane-hatch"));
  const corners = [layout.invert(0, height), layout.invert(width, 0)];
  const free = scene.rectified && scene.exact ? freePolygon(scene.lines, scene.bounds, corners[0], corners[1]) : [];
  if (free.length) {
    const outline = free.map(([px, py]) => `${x(px).toFixed(1)},${y(py).toFixed(1)}`).join(" ");
    svg.append(draw("polygon", { class: "free", id: "free-space", points: outline }));
  }
  svg.append(draw("line", { class: "axis", x1: 0, x2: width, y1: y(0), y2: y(0) }));
  if (edgeOf(scene)) svg.append(draw("line", { class: "edge", id: "plane-edge", x1: 0, x2: width, y1: y(edgeOf(scene)), y2: y(edgeOf(scene)) }));
  svg.append(draw("line", { class: "axis faint", x1: x(0), x2: x(0), y1: 0, y2: height }));
  if (free.length && scene.single !== null) svg.append(...nameHalves(scene, layout));
  svg.append(...drawReadouts(scene, layout));
  svg.append(...drawTrails(scene, layout));
  svg.append(...drawArrows(scene, layout, step));
  svg.append(draw("g", { id: "impulse" }));
  return svg;
}

function hatching(id) {
  const line = draw("path", { d: "M0 6L6 0M-1.5 1.5L1.5 -1.5M4.5 7.5L7.5 4.5", class: "hatch" });
  return draw("defs", {}, draw("pattern", { id, width: 6, height: 6, patternUnits: "userSpaceOnUse" }, line));
}

// Each half is named on the side where the tips leave more room.
function nameHalves(scene, { height, width, x, y }) {
  const half = y(edgeOf(scene) ?? 0);
  const tips = scene.arrows.map((each) => clipped(each.point, scene.limit)).map(([px, py]) => [x(px), y(py)]);
  const room = (px, py) => Math.min(...tips.map((tip) => Math.hypot((tip[0] - px) / 2, tip[1] - py)));
  const name = (text, at, classes) => {
    const reach = 10 + 3.2 * text.length;
    const left = room(reach, at) >= room(width - reach, at);
    return draw("text", { class: classes, x: left ? 10 : width - 10, y: at, "text-anchor": left ? "start" : "end" }, text);
  };
  const names = [name("hidden: the readout sees 0", height - 12, "zone")];
  if (half > 40 && half < height + 8) names.push(name("seen", half - 8, "zone seen"));
  return names;
}

function drawReadouts(scene, layout) {
  const several = scene.lines.length > 1;
  const features = new Set(scene.arrows.map((each) => each.feature));
  return scene.lines.flatMap((line, place) => {
    const length = norm(line);
    if (!(length > 0) || (scene.lines.length > SHOWN_FEATURES && !features.has(place))) return [];
    const reach = 2 * Math.max(layout.width, layout.height) / layout.scale;
    const [dx, dy] = line.map((each) => (each / length) * reach);
    const attributes = { class: several ? "readout several" : "readout", id: `readout-${place}` };
    const ray = draw("line", { ...attributes, x1: layout.x(0), y1: layout.y(0), x2: layout.x(dx), y2: layout.y(dy) });
    if (several || Math.abs(dx) > 1e-6 * reach) return [ray];
    // on the side of the line where the wanted arrow, whose name stands high up, is not
    const wanted = scene.arrows.find((each) => each.lag === scene.collection.delay);
    const right = (wanted && layout.x(wanted.point[0]) < layout.x(0) - 0.5 && layout.x(0) < layout.width - 70) || layout.x(0) < 70;
    return [ray, draw("text", { class: "name", x: layout.x(0) + (right ? 8 : -8), y: 16, "text-anchor": right ? "start" : "end" }, "readout ↑")];
  });
}

function drawTrails(scene, { x, y }) {
  const features = [...new Set(scene.arrows.map((each) => each.feature))];
  return features.map((feature) => {
    const path = scene.arrows.filter((each) => each.feature === feature).map((each) => clipped(each.point, scene.limit));
    const d = path.map(([px, py], place) => `${place ? "L" : "M"}${x(px).toFixed(1)} ${y(py).toFixed(1)}`).join("");
    return draw("path", { class: "trail", d });
  });
}

function drawArrows(scene, layout, step) {
  const { x, y, scale } = layout;
  const lags = scene.collection.n_lags;
  const several = scene.collection.n_features > 1;
  const taken = [];
  const drawn = scene.arrows.map((arrow) => {
    const [px, py] = clipped(arrow.point, scene.limit);
    const whole = norm(arrow.point);
    const cut = whole > scene.limit;
    const wanted = arrow.lag === scene.collection.delay;
    const faded = step !== null && arrow.lag > step;
    const late = scene.collection.delay !== null && arrow.lag > scene.collection.delay + 2;
    const classes = ["arrow", wanted && "wanted", late && "late", faded && "faded", step === arrow.lag && "lit"].filter(Boolean);
    const colour = ageColour(arrow.lag, lags);
    const group = draw("g", { class: classes.join(" "), "data-lag": arrow.lag, "data-feature": arrow.feature });
    group.append(draw("title", {}, `age ${arrow.lag}: length ${format(whole)}, at (${format(arrow.point[0])}, ${format(arrow.point[1])})`));
    group.append(...shaft([x(0), y(0)], [x(px), y(py)], colour, cut));
    const text = tipText(arrow, several, cut ? whole / scene.limit : null);
    const place = tipPlace([x(0), y(0)], [x(px), y(py)], text, taken, wanted, layout);
    if (place) group.append(draw("text", { class: "tip", x: place[0], y: place[1] }, text));
    return group;
  });
  return drawn.reverse(); // young ones, drawn first, end on top
}

// A line with a head; two strokes across it say that the arrow goes on.
function shaft(from, to, colour, cut) {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const length = Math.hypot(dx, dy);
  if (length < 5) return [draw("circle", { cx: to[0], cy: to[1], r: 3.5, fill: colour })];
  const [ux, uy] = [dx / length, dy / length];
  const head = Math.min(12, 0.6 * length);
  const at = (along, across) => `${(from[0] + ux * along - uy * across).toFixed(1)} ${(from[1] + uy * along + ux * across).toFixed(1)}`;
  const parts = [
    draw("path", { class: "shaft", d: `M${at(0, 0)}L${at(length - 0.8 * head, 0)}`, stroke: colour }),
    draw("path", { class: "point", d: `M${at(length, 0)}L${at(length - head, 0.42 * head)}L${at(length - 0.78 * head, 0)}L${at(length - head, -0.42 * head)}Z`, fill: colour }),
  ];
  if (cut) {
    for (const along of [0.78 * length, 0.78 * length + 6]) {
      parts.push(draw("path", { class: "break", d: `M${at(along - 3, -7)}L${at(along + 3, 7)}` }));
    }
  }
  return parts;
}

function tipText(arrow, several, times) {
  const name = several ? `${letter(arrow.feature)}${arrow.lag}` : String(arrow.lag);
  return times === null ? name : `${name} ×${format(times, 2)}`;
}

function letter(feature) {
  return feature < 26 ? String.fromCharCode(65 + feature) : `${feature}:`;
}

// Beyond the tip, kept inside, and left out where another name stands.
function tipPlace(from, to, text, taken, wanted, { width, height }) {
  const length = Math.hypot(to[0] - from[0], to[1] - from[1]);
  if (length < 0.05 * Math.min(width, height) && !wanted) return null;
  const [ux, uy] = [(to[0] - from[0]) / (length || 1), (to[1] - from[1]) / (length || 1)];
  const half = 3.7 * text.length + 2;
  let [px, py] = [to[0] + ux * (half + 5), to[1] + uy * 13 + 4];
  px = Math.min(Math.max(px, half + 2), width - half - 2);
  py = Math.min(Math.max(py, 14), height - 6);
  // the line of the readout runs straight up through the tip that it wants
  if (Math.abs(px - from[0]) < half + 3 && to[1] < from[1]) px = from[0] + (to[0] < from[0] - 0.5 ? -1 : 1) * (half + 4);
  const crowded = taken.some(([ox, oy, other]) => Math.abs(px - ox) < half + other && Math.abs(py - oy) < 13);
  if (crowded) return null;
  taken.push([px, py, half]);
  return [px, py];
}
