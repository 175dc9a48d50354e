// What the loss is made of: four terms as a staircase from zero to the total, and what hiding saves.

const TERMS = [
  ["task benefit", "the wanted age is not seen as 1"],
  ["mean correction", "overlaps help or mask it"],
  ["projection interference", "lone inputs, seen at other ages"],
  ["composition interference", "overlaps among what is seen"],
];

// loss / p of the four terms now, or null with the reason.
function termsNow(page, state) {
  const history = page.historyOf.get(state.network);
  const p = page.networks.p[state.network];
  const recorded = state.record !== null && history ? history.terms && history.terms[state.record] : undefined;
  const terms = recorded === undefined ? page.networks.terms[state.network] : recorded;
  if (terms && p) return { values: terms.map((each) => each / p), reason: "" };
  if (recorded === null) {
    const loss = history.loss[state.record];
    return { values: null, loss: loss === null || !p ? null : loss / p, reason: "The terms were not recorded along training; the loss was." };
  }
  return { values: null, loss: page.networks.loss_per_p[state.network], reason: page.networks.terms_reason[state.network] };
}

// nu sum_(s != k) relu(-a_s)^2: what the hidden half would cost a readout that saw both signs, each input alone.
function savedByHiding(scene) {
  const { collection, projections, rectified, edges } = scene;
  if (!rectified || edges.some((each) => each !== 0) || collection.n_outputs > 1 || collection.n_features > 1 || collection.second_moment === null || collection.delay === null) return null;
  const hidden = projections.map((each, lag) => (lag === collection.delay ? 0 : Math.max(-each[0][0], 0) ** 2));
  return collection.second_moment * hidden.reduce((a, b) => a + b, 0);
}

function drawTerms(now, saved, width) {
  const pitch = 50;
  const rows = now.values ? stairs(now.values) : [];
  if (!now.values && Number.isFinite(now.loss)) rows.push({ name: "loss", note: "all of it together", from: 0, to: now.loss, kind: "total" });
  if (saved !== null) rows.push({ name: "avoided by hiding", note: "price if both signs were seen", from: 0, to: saved, kind: "saved" });
  const height = pitch * rows.length + 30;
  const counted = rows.filter((each) => each.kind !== "saved").flatMap((each) => [each.from, each.to]);
  const low = Math.min(0, ...counted);
  const high = Math.max(0, ...(counted.length ? counted : [saved ?? 1])) || 1;
  const [left, right] = [3, 62];
  const x = (value) => left + ((value - low) / (high - low)) * (width - left - right);
  const svg = canvas(width, height, "The terms of the loss; the numbers are in the table below", hatching("terms-hatch"));
  svg.append(draw("line", { class: "axis", x1: x(0), x2: x(0), y1: 24, y2: height - 8 }));
  rows.forEach((row, place) => svg.append(...termRow(fitting(row, width), place * pitch + 6, x, width - right + 8, place, rows, pitch)));
  return svg;
}

// On a narrow screen a note that would be cut off is left out: its name says nearly as much.
function fitting(row, width) {
  return 7.3 * row.name.length + 6.3 * row.note.length + 16 > width ? { ...row, note: "" } : row;
}

function stairs(values) {
  let at = 0;
  const rows = values.map((value, place) => {
    const row = { name: TERMS[place][0], note: TERMS[place][1], from: at, to: at + value, kind: "term", colour: seriesColour(place), value };
    at += value;
    return row;
  });
  return [...rows, { name: "loss", note: "their sum", from: 0, to: at, kind: "total", value: at }];
}

function termRow(row, top, x, end, place, rows, pitch) {
  const [from, to] = [x(row.from), Math.min(x(row.to), end - 4)];
  const bar = { x: Math.min(from, to), y: top + 20, width: Math.max(Math.abs(to - from), 1.5), height: 15 };
  const value = row.value ?? row.to - row.from;
  const parts = [
    draw("text", { class: "row-name", x: 8, y: top + 13 }, row.name, draw("tspan", { class: "row-note", dx: 8 }, row.note)),
    draw("rect", { ...bar, class: `term ${row.kind}`, fill: row.colour ?? "var(--ink)", "data-term": row.name }, draw("title", {}, `${row.name}: ${format(value)}`)),
  ];
  if (row.kind === "saved") parts.push(draw("rect", { ...bar, class: "bar-hatch", fill: "url(#terms-hatch)" }));
  const next = rows[place + 1];
  if (next && next.kind === "term") parts.push(draw("line", { class: "step", x1: x(row.to), x2: x(row.to), y1: top + 20, y2: top + 20 + pitch + 15 }));
  const sign = row.kind === "term" && value > 0 ? "+" : "";
  const beyond = x(row.to) > end ? " →" : "";
  const numberAt = Math.max(from, to) + 6;
  parts.push(draw("text", { class: "value", x: numberAt, y: top + 32 }, `${sign}${format(value, 2)}${beyond}`));
  return parts;
}

function termsTable(now, saved) {
  const rows = now.values ? now.values.map((each, place) => [TERMS[place][0], format(each)]) : TERMS.map(([name]) => [name, "none"]);
  rows.push(["loss", format(now.values ? now.values.reduce((a, b) => a + b, 0) : now.loss)]);
  if (saved !== null) rows.push(["avoided by hiding", format(saved)]);
  return table("Loss per active input, loss / p", ["term", "loss / p"], rows);
}
