// The phase diagram: span, radius and loss of every branch along p, trained networks, and a cursor for the rest.

const ROWS = [
  ["eigenangle_span", "eigenangle span (°)", "y"],
  ["spectral_radius", "spectral radius", "y2"],
  ["loss_per_p", "loss / p", "y3"],
];

const BRANCH_GAP = 0.1; // of ln p; beyond that a branch has ended
const BRANCH_COLOURS = { dense: [0, "solid"], sparse: [1, "solid"] };

// The diagram that the network shown belongs on, or else the first.
function diagramOf(page, state) {
  const id = state.network === null ? null : page.collections[page.networks.collection[state.network]].id;
  return page.diagrams.find((each) => each.collections.includes(id)) ?? page.diagrams[0] ?? null;
}

// Places of the collections of a diagram: those of trained networks, or those of the optima of its branches.
function placesOf(page, diagram, optima) {
  return page.collections.flatMap((each, place) => (diagram.collections.includes(each.id) && Boolean(each.branch) === optima ? [place] : []));
}

function pointsOf(page, diagram) {
  const members = placesOf(page, diagram, false).flatMap((place) => page.members[place]);
  return bestLast(page, members.filter((each) => page.networks.p[each] !== null));
}

function drawDiagram(app, whole) {
  const { page, state } = app;
  const diagram = diagramOf(page, state);
  if (!diagram) return;
  const host = byId("diagram");
  if (whole || app.drawnDiagram !== diagram) {
    app.drawnDiagram = diagram;
    const points = pointsOf(page, diagram);
    const traces = [...branchTraces(page, diagram, points.length > 0), ...pointTraces(page, points)];
    app.plotly.react(host, traces, diagramLayout(diagram), CHART_OPTIONS);
    if (!host.bound) bindDiagram(app, host);
    tableIn("diagram-table", () => diagramTable(diagram));
  }
  writeDiagram(app, diagram);
  requestAnimationFrame(() => placeCursor(app, diagram));
}

// Where networks lie on the lines, the pointer is for the networks.
function branchTraces(page, diagram, dotted) {
  const optima = placesOf(page, diagram, true);
  let others = 0;
  return diagram.branches.flatMap((branch) => {
    const line = branchLine(branch, others);
    others += Number(!BRANCH_COLOURS[branch.name]);
    const hover = dotted ? { hoverinfo: "skip" } : { hovertemplate: `${plain(branch.name)}<br>p = %{x:.3g}<br>%{y:.4g}<extra></extra>` };
    const members = optima.filter((place) => page.collections[place].branch === branch.name).flatMap((place) => page.members[place]);
    const customdata = branch.p.map((p) => nearestTo(page, members, p));
    return ROWS.map(([column, , axis], row) => ({
      type: "scatter", mode: "lines", customdata, name: plain(branch.name), legendgroup: branch.name, showlegend: row === 0,
      x: branch.p, y: branch[column], yaxis: axis, xaxis: "x", line, ...hover, opacity: branch.stable.some(Boolean) ? 1 : 0.7,
    }));
  });
}

// The two of the transition are solid and have the colours of their regimes; what is never attained is a thin line.
function branchLine(branch, others) {
  const known = BRANCH_COLOURS[branch.name];
  if (known) return { color: seriesColour(known[0]), width: 3, dash: known[1] };
  if (!branch.stable.some(Boolean)) return { color: variable("--edge"), width: 1.2, dash: "dot" };
  return { color: seriesColour([2, 3, 5, 4][others % 4]), width: 1.5, dash: ["dash", "dot", "dashdot", "longdash"][others % 4] };
}

function pointTraces(page, points) {
  const text = points.map((each) => networkHover(page, each));
  const size = points.map((each) => (page.networks.best[each] ? 9 : 4));
  const opacity = points.map((each) => (page.networks.best[each] ? 1 : 0.35));
  return points.length ? ROWS.map(([column, , axis], row) => ({
    type: "scatter", mode: "markers", name: "trained (large: best)", legendgroup: "trained", showlegend: row === 0, x: points.map((each) => page.networks.p[each]), y: points.map((each) => page.networks[column][each]),
    customdata: points, yaxis: axis, xaxis: "x", text, hovertemplate: "%{text}<extra></extra>",
    marker: { size, opacity, color: variable("--ink"), line: { width: 1, color: variable("--paper") } },
  })) : [];
}

function diagramLayout(diagram) {
  const all = diagram.branches.flatMap((each) => each.p);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const ranges = rangesOf(diagram);
  const shapes = diagram.crossings.map((each) => ({ type: "line", x0: each.p, x1: each.p, y0: 0, y1: 1, yref: "paper", line: { color: variable("--soft"), width: 1, dash: "dot" } }));
  const annotations = diagram.crossings.slice(0, 1).map((each) => ({ x: Math.log10(each.p), y: 1, yref: "paper", yanchor: "bottom", text: `transition, p = ${compact(each.p)}`, showarrow: false, font: { size: 12, color: variable("--soft") } }));
  const y = (place, domain) => ({ domain, title: { text: ROWS[place][1], font: { size: 12.5 }, standoff: 6 }, zeroline: false, nticks: 5, fixedrange: true, automargin: true });
  return chartLayout({
    height: 620, margin: { l: 58, r: 14, t: 30, b: 90 }, shapes, annotations,
    xaxis: { type: "log", range: [Math.log10(low) - 0.02, Math.log10(high) + 0.02], title: { text: "p   (sparse ←  → dense)", standoff: 8, font: { size: 12.5 } }, anchor: "y3", fixedrange: true, ...logTicks(low, high) },
    yaxis: { ...y(0, [0.7, 1]), tickvals: [90, 270, 450, 630], range: ranges[0] },
    yaxis2: { ...y(1, [0.36, 0.64]), range: ranges[1] },
    yaxis3: { ...y(2, [0, 0.3]), range: ranges[2] },
    legend: { orientation: "h", y: -0.16, x: 0, font: { size: 12 } },
  });
}

function rangesOf(diagram) {
  const losses = diagram.branches.filter((each) => each.name !== "escape").flatMap((each) => each.loss_per_p).filter((each) => each !== null);
  return [around(diagram, "eigenangle_span"), around(diagram, "spectral_radius"), [0, 1.15 * Math.max(...losses, 0.01)]];
}

// The range of the branches with a margin: a network that strayed does not squeeze the rest.
function around(diagram, column) {
  const known = diagram.branches.filter((each) => each.stable.some(Boolean)).flatMap((each) => each[column]).filter((each) => each !== null);
  if (!known.length) return null;
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const margin = 0.12 * (high - low) || 0.1 * Math.abs(high) || 1;
  return [low - margin, high + margin];
}

function cursorP(app) {
  return app.state.at ?? (app.state.network === null ? null : app.page.networks.p[app.state.network]);
}

function reachOf(diagram) {
  const all = diagram.branches.flatMap((each) => each.p);
  return [Math.log(Math.min(...all)), Math.log(Math.max(...all))];
}

function placeCursor(app, diagram) {
  const layout = byId("diagram")._fullLayout;
  const p = cursorP(app) ?? diagram.crossings[0]?.p ?? Math.exp(reachOf(diagram)[0]);
  const cursor = byId("cursor");
  const [low, high] = reachOf(diagram);
  byId("at").value = String(Math.round((1000 * (Math.log(p) - low)) / (high - low || 1)));
  byId("at").setAttribute("aria-valuetext", `p = ${compact(p)}`);
  byId("at-value").replaceChildren(`p = ${compact(p)}`);
  if (!layout?.xaxis?.l2p) return;
  const at = layout.xaxis._offset + layout.xaxis.l2p(Math.log10(p));
  cursor.style.transform = `translateX(${at.toFixed(1)}px)`;
  cursor.style.top = `${layout._size.t}px`;
  cursor.style.height = `${layout._size.h}px`;
  cursor.hidden = at < layout.xaxis._offset - 2 || at > layout.xaxis._offset + layout.xaxis._length + 2;
}

function distanceTo(page, network, p) {
  return Math.abs(Math.log(page.networks.p[network] / p));
}

function nearestTo(page, networks, p) {
  return networks.length ? networks.reduce((a, b) => (distanceTo(page, b, p) < distanceTo(page, a, p) ? b : a)) : null;
}

// The network of the diagram nearest to p: the optimum of the branch that is shown, as far as that goes, or else the
// best there, of the collection that is shown where several are as near.
function networkNear(page, diagram, p, shown) {
  const here = shown === null ? null : page.networks.collection[shown];
  const optima = placesOf(page, diagram, true);
  const own = optima.includes(here) ? nearestTo(page, page.members[here], p) : null;
  if (own !== null && distanceTo(page, own, p) < BRANCH_GAP) return own;
  const best = [...placesOf(page, diagram, false), ...optima].flatMap((place) => page.members[place]).filter((each) => page.networks.best[each] && page.networks.p[each] !== null);
  return nearestTo(page, [...best.filter((each) => page.networks.collection[each] === here), ...best], p);
}

function moveCursor(app, wanted, how) {
  const diagram = diagramOf(app.page, app.state);
  const [low, high] = reachOf(diagram).map(Math.exp);
  const p = Math.min(Math.max(wanted, low), high);
  const near = networkNear(app.page, diagram, p, app.state.network);
  measureRedraw(() => update(app, near === null ? { at: p } : { network: near, at: p }, how));
}

function bindDiagram(app, host) {
  host.bound = true;
  host.on("plotly_click", (event) => {
    const network = event.points[0].customdata;
    if (Number.isInteger(network)) showNetwork(app, network);
  });
  let dragging = false;
  const pAt = (event) => {
    const axis = host._fullLayout.xaxis;
    const at = event.clientX - host.getBoundingClientRect().left - axis._offset;
    return !dragging && (at < -4 || at > axis._length + 4) ? null : 10 ** axis.p2l(Math.min(Math.max(at, 0), axis._length));
  };
  host.addEventListener("pointerdown", (event) => {
    const p = pAt(event);
    const pointed = p !== null && Math.abs(Math.log(p / cursorP(app))) < 0.06;
    dragging = pointed && event.isPrimary;
  });
  host.addEventListener("pointermove", (event) => {
    const p = dragging ? pAt(event) : null;
    if (p !== null) moveCursor(app, p, "replace");
  });
  addEventListener("pointerup", () => (dragging = false));
  host.addEventListener("dblclick", (event) => pAt(event) !== null && moveCursor(app, pAt(event), "push"));
  addEventListener("resize", () => requestAnimationFrame(() => placeCursor(app, diagramOf(app.page, app.state))));
}

function atP(branch, column, p) {
  const order = branch.p.map((_, i) => i).sort((a, b) => branch.p[a] - branch.p[b]);
  const above = order.findIndex((i) => branch.p[i] >= p);
  if (above === 0) return branch.p[order[0]] === p ? branch[column][order[0]] : null;
  if (above < 0) return null;
  const [i, j] = [order[above - 1], order[above]];
  if (branch[column][i] === null || branch[column][j] === null) return null;
  const share = (p - branch.p[i]) / (branch.p[j] - branch.p[i]);
  return branch[column][i] + share * (branch[column][j] - branch[column][i]);
}

function writeDiagram(app, diagram) {
  const p = cursorP(app) ?? diagram.crossings[0]?.p ?? Math.exp(reachOf(diagram)[0]);
  const known = diagram.branches.map((each) => [each.name, atP(each, "loss_per_p", p), atP(each, "eigenangle_span", p)]).filter(([, loss]) => loss !== null);
  known.sort((a, b) => a[1] - b[1]);
  const text = known.map(([name, loss, span]) => `${name} ${format(loss)}${span === null ? "" : ` (${degrees(span)})`}`).join(", ");
  say("diagram-reading", make("strong", {}, `At p = ${compact(p)}: `), text ? `loss / p, lowest first: ${text}.` : "no branch is known here.");
  const first = diagram.crossings[0];
  const jump = first ? `At p = ${compact(first.p)} two of them cost the same, and the best network jumps from one to the other: ${degrees(first.spans?.[0])} becomes ${degrees(first.spans?.[1])}. ` : "";
  say("diagram-caption", `Every line is a branch of optima: a way to arrange the arrows that no small change improves. ${jump}${whatToDo(app.page, diagram)}`);
}

function whatToDo(page, diagram) {
  const points = pointsOf(page, diagram);
  if (points.length) return `Dots are trained networks; click one to load it, or drag the line.${leftOut(page, diagram, points)}`;
  if (placesOf(page, diagram, true).length) return "Nothing was trained: drag the line or click a branch, and the pictures above show its optimum there.";
  return "There are no networks on this page: the lines are optima of the exact loss.";
}

// What cannot be seen among the dots is counted: networks without a number, and those beyond the ends of an axis.
function leftOut(page, diagram, points) {
  const { networks } = page;
  const ranges = rangesOf(diagram);
  const parts = ROWS.map(([column, name], row) => {
    const none = points.filter((each) => networks[column][each] === null).length;
    const range = ranges[row] ?? [-Infinity, Infinity];
    const beyond = points.filter((each) => networks[column][each] !== null && !(networks[column][each] >= range[0] && networks[column][each] <= range[1])).length;
    const words = [none ? `${none} without one` : "", beyond ? `${beyond} off the scale` : ""].filter(Boolean).join(", ");
    return words && `${name.replace(" (°)", "")}: ${words}`;
  }).filter(Boolean);
  if (!parts.length) return "";
  const odd = points.map((each) => networks.status[each]).filter((each) => ["dead", "diverged", "unstable", "inaccurate"].includes(each));
  const kinds = [...new Set(odd)].map((word) => `${odd.filter((each) => each === word).length} ${word}`).join(", ");
  return ` Not all ${points.length} dots can be seen (${parts.join("; ")})${kinds ? `: ${kinds} among them` : ""}.`;
}

function diagramTable(diagram) {
  const rows = diagram.branches.flatMap((branch) =>
    branch.p.map((p, i) => [branch.name, format(p), format(branch.eigenangle_span[i]), format(branch.spectral_radius[i]), format(branch.loss_per_p[i]), branch.stable[i] ? "yes" : "no"]),
  );
  return table(`${diagram.label}, horizon ${diagram.horizon}`, ["branch", "p", "span (°)", "radius", "loss / p", "stable"], rows);
}
