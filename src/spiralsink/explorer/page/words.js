// Captions, for somebody who has not read the paper; they follow what is shown.

function writeReading(app) {
  const { scene } = app;
  const blocks = [whatIsAnArrow(scene), whatIsShaded(scene), whatChanges(app), why(app)];
  byId("reading").replaceChildren(...blocks.map(([title, text]) => make("div", {}, make("h3", {}, withSubscripts(title)), make("p", {}, withSubscripts(text)))));
}

function whatIsAnArrow({ collection, single }) {
  const carried = {
    linear: "Each step turns and stretches it by the recurrent weights W_h.",
    relu: "Each step cuts off what is negative and applies the recurrent weights W_h.",
    tanh: "Each step applies the recurrent weights W_h, near the state at rest.",
    given: "It was measured: the mean over many moments of real sequences.",
  }[collection.recurrence];
  const height = single === null ? "" : " Its height is what the readout sees of it.";
  return ["An arrow is a feature direction", `Let a single input of size 1 arrive. After s steps its trace in the hidden state is the arrow w_s; s is its age, or lag. ${carried}${height}`];
}

function whatIsShaded(scene) {
  const { collection, rectified, exact, hides, single } = scene;
  if (!rectified && collection.readout === "relu") return ["Nothing is shaded: it never settles", "Without inputs the state of this network grows or goes on moving, so that what its ReLU readout hides differs from step to step."];
  if (!rectified) return ["Nothing is shaded: this readout sees all", "A linear readout sees what lies above the line as positive and what lies below as negative. Only an arrow along the line is silent, so no input can wait for free."];
  const choose = "Choose one output above to see its half.";
  if (single === null && !exact) return ["Each output has a hidden half", `Each readout is a ReLU: what is negative for it becomes 0. In ${collection.n_hidden} dimensions these halves cannot be drawn together. ${choose}`];
  if (single === null && !hides) return ["Nothing is hidden from all outputs", `Each readout is a ReLU: what is negative for it becomes 0. No direction is so for all ${collection.n_outputs} outputs at once, so nothing is shaded. ${choose}`];
  if (single === null) return ["The shaded part is hidden from every output", `Each readout is a ReLU: what is negative for it becomes 0. In the shaded part that is so for all ${collection.n_outputs} outputs.`];
  const edge = edgeOf(scene);
  if (edge) return ["The shaded part is hidden", `The readout is a ReLU: below the dashed line it shows 0, the interference-free space. ${biasedBy(scene, edge)}`];
  return ["The shaded half is hidden", "The readout is a ReLU: what points below the line drives it negative, and it shows 0. This is the interference-free space: an input that waits there causes no error, as long as it is alone."];
}

function biasedBy(scene, edge) {
  const none = scene.projections.every((each) => !each[scene.single].some((value) => isHidden(scene, scene.single, value)));
  const where = `Biases put that line at ${format(edge)} instead of 0`;
  if (none) return `${where}, which no arrow falls below: nothing is hidden here.`;
  return edge > 0 ? `${where}, so what is weak is hidden, too.` : `${where}: what is above it lowers the readout in plain sight.`;
}

function whatChanges(app) {
  const { page, state, scene } = app;
  const k = scene.collection.delay;
  if (scene.collection.recurrence === "given") {
    const due = k === null ? "" : ` At age ${k} an arrow should point at the readout of its own output.`;
    return ["What to look for", `Arrows of two ages along one line share it, and the network mixes them up. How fast arrows shrink with age is how fast it forgets.${due}`];
  }
  if (k === null) return ["What the cue changes", "The input has to wait for a cue at a time nobody knows. What the readout sees of it before that is an error; what it sees at the cue is the answer."];
  if (k === 0) return ["Nothing has to wait here", "With delay 0 every input is wanted at once. Features compete for directions in the same instant: superposition in space, without time."];
  const span = page.networks.eigenangle_span[state.network];
  const here = span === null || span === undefined || scene.collection.n_features > 1 ? "" : ` This network turns ${degrees(span)} within ${k} steps.`;
  if (scene.collection.readout !== "relu") return ["No transition without a hidden half", `A linear readout gains nothing by going round below the line: at every sparsity the arrows come up, turning, and sink back, a spiral sink.${here}`];
  if (scene.collection.n_features > 1) return ["What changes as inputs get sparser", `Dense inputs overlap, so all that is kept stays partly in sight. Sparse inputs come alone: what waits can go where its own and the other outputs see nothing, and come up at age ${k} only.${here}`];
  if (scene.collection.recurrence !== "linear") return ["What changes as inputs get sparser", `Dense inputs: the arrows rise and sink smoothly, as in a linear network. Sparse inputs: all of them wait below the line, one comes up at age ${k}, and the recurrence erases it at the next step.`];
  const crossings = page.diagrams.find((each) => each.collections.includes(scene.collection.id))?.crossings ?? [];
  const crossing = crossings.find((each) => each.from === "dense" && each.to === "sparse");
  const [near, round] = (crossing?.spans ?? []).map((each) => (each === null ? "" : `, ${degrees(each)}`));
  const jump = crossing ? ` At p = ${compact(crossing.p)} the best network jumps.` : "";
  return [crossing ? "What changes at the transition" : "What changes as inputs get sparser", `Dense inputs: arrows come up the short way${near ?? ""}, always partly in sight. Sparse inputs: they go the long way round${round ?? ""}, mostly below the line, and come up for age ${k}.${jump}${here}`];
}

function why(app) {
  const { page, state, scene } = app;
  const p = page.networks.p[state.network];
  const k = scene.collection.delay;
  if (scene.collection.recurrence === "given") return ["What the arrows leave out", "In a network that is not linear a direction depends on what else was heard. report.html, in the same folder, says by how much, and whether responses add up."];
  if (p === null || k === null) return ["Why", "Whatever the readout sees too early or too late is an error. Directions it cannot see are the cheapest place to wait."];
  const company = 1 - (1 - p) ** (scene.collection.n_features * (k + 1) - 1);
  const share = `At p = ${compact(p)} an input has company in memory ${percent(company)} of the time. `;
  if (scene.collection.readout !== "relu") return ["Why", `${share}What the readout sees at the wrong age is an error, sparse or dense; turning away and fading keeps the sum of it small.`];
  if (k === 0) return ["Why", `At p = ${compact(p)} an input comes together with another ${percent(company)} of the time. Alone, it disturbs an output only where its arrow has a part along that readout; opposite parts are cut to 0. So more features fit than there are dimensions.`];
  if (scene.collection.n_features > 1) return ["Why", `At p = ${compact(p)} each feature is active 1 step in ${format(1 / p, 2)}. On its own, what waits below the line of an output costs it nothing; only what two of them add up to can reach it.`];
  const hides = page.networks.regime[state.network] === "sparse" || (page.networks.regime[state.network] !== "dense" && company < 0.6);
  const trade = "Alone, a trace below the line costs nothing; in company it pulls down what the readout should report. ";
  const prices = pricesAt(page, scene, p);
  if (prices) return ["Why", `${share}${trade}Which weighs more decides. Best loss / p here: hiding ${format(prices.sparse)}, staying in sight ${format(prices.dense)}.`];
  return ["Why", `${share}${trade}${hides ? "Here hiding wins." : "Here it is cheaper to stay in sight and fade."}`];
}

// What the best network of either kind costs at p, where a diagram of these networks knows both.
function pricesAt(page, { collection }, p) {
  const diagram = page.diagrams.find((each) => each.collections.includes(collection.id));
  const price = (name) => {
    const branch = diagram?.branches.find((each) => each.name === name);
    return branch ? atP(branch, "loss_per_p", p) : null;
  };
  const [sparse, dense] = [price("sparse"), price("dense")];
  return sparse === null || dense === null ? null : { sparse, dense };
}

const REGIMES = { sparse: "sparse regime", dense: "dense regime", between: "between the regimes", unrepresented: "feature not represented" };

function writeCaptions(app) {
  const { page, state, scene } = app;
  const { networks } = page;
  const n = state.network;
  const facts = [REGIMES[networks.regime[n]], networks.status[n] === "converged" ? "" : networks.status[n]].filter(Boolean);
  say("plane-note", facts.join(" · "));
  say("plane-caption", `${rankOf(page, n)}${planeCaption(scene, networks, n)}`);
  say("lags-caption", lagsCaption(scene, state.step));
  say("lags-note", scene.projections[0].length * scene.projections[0][0].length > 1 ? "A_s = W_y^T W_s".replace("W_y^T", "W_y ᵀ") : "a_s, by age s");
}

function rankOf(page, n) {
  const { networks } = page;
  if (networks.best[n] || networks.loss_per_p[n] === null) return "";
  if (page.collections[networks.collection[n]].branch) return "Another branch has a lower loss at this p. ";
  const best = networksAt(page, networks.collection[n], networks.p[n])[0];
  return best === n || !networks.best[best] ? "" : `Not the best seed: loss / p ${format(networks.loss_per_p[n])} against ${format(networks.loss_per_p[best])}. `;
}

function planeCaption(scene, networks, n) {
  const parts = [];
  const numbers = [];
  if (networks.eigenangle_span[n] !== null && scene.collection.delay) numbers.push(`turns ${degrees(networks.eigenangle_span[n])} in ${scene.collection.delay} steps`);
  if (networks.spectral_radius[n] !== null) numbers.push(`keeps ${percent(networks.spectral_radius[n])} of its length at each step`);
  const unbiased = scene.edges.every((each) => each === 0);
  if (networks.free_fraction[n] !== null && scene.rectified && unbiased) numbers.push(`hides ${percent(networks.free_fraction[n])} of what waits`);
  if (numbers.length) parts.push(`This network ${numbers.join(", ")}.`);
  const convention = scene.single === null ? "angles and lengths are a convention." : "heights are facts, sideways lengths a convention.";
  if (scene.exchangeable) parts.push(`Drawn ${scene.gauge === "balanced" ? "in the balanced gauge" : "as trained"}: ${convention}`);
  if (scene.large && scene.collection.recurrence === "linear") parts.push("Drawn as trained: angles and lengths are a convention.");
  if (scene.share < 0.999) parts.push(`The plane holds ${percent(scene.share)} of the squared length.`);
  const drawn = new Set(scene.arrows.map((each) => each.feature)).size;
  if (drawn < scene.collection.n_features) parts.push(`The ${drawn} longest of ${scene.collection.n_features} features are drawn.`);
  if (scene.limit < Infinity) parts.push("Arrows with two strokes are longer than drawn, by the factor at their tip.");
  return parts.join(" ");
}

function lagsCaption(scene, step) {
  const k = scene.collection.delay;
  const single = scene.projections[0].length === 1 && scene.projections[0][0].length === 1;
  if (!single) return `Rows are outputs, columns are features.${k === null ? "" : ` Wanted: 1 on the diagonal at age ${k}, else ${scene.rectified ? "0 or hidden" : "0"}.`}${emptyLater(scene)}`;
  if (step === null) {
    const hidden = scene.rectified ? " Hatched bars are hidden: there it shows 0." : "";
    return `The height of each arrow on the left, by age.${hidden}`;
  }
  const value = scene.projections[step][0][0];
  const when = step === 0 ? "The input arrives" : `${step} ${step === 1 ? "step" : "steps"} later`;
  const seen = isHidden(scene, 0, value) ? `its trace pulls the readout to ${fixed(value - scene.edges[0])}, which shows 0: hidden` : `the readout sees ${fixed(value)}`;
  const wanted = k === step ? ", and now it is wanted" : k !== null && step < k ? `; ${k - step} to go` : "";
  return `${when}: ${seen}${wanted}.`;
}

function emptyLater({ projections }) {
  const drawn = document.querySelectorAll("#lags .heat").length;
  return drawn && drawn < projections.length ? " At later ages nothing is left." : "";
}

// What the loss was measured on.
function measuredOn({ task, horizon, amplitude }) {
  const range = /^Uniform\(low=([\d.]+), high=([\d.]+)\)$/.exec(amplitude);
  const law = range ? `uniform from ${Number(range[1])} to ${Number(range[2])}` : amplitude;
  const parts = [task && `Task: ${task}`, horizon && `horizon: ${horizon}`, law && `amplitudes: ${law}`].filter(Boolean);
  return parts.length ? `${parts.join("; ")}.` : "";
}

function whyCaption(app, now, saved) {
  const { scene } = app;
  const lines = ["Every error is one of four kinds. Seeing an input at the wrong age costs even when it is alone; overlapping inputs cost or help when several are on their way at once."];
  if (now.values) {
    const [wanted, corrected, alone, together] = now.values;
    lines.push(`Here lone inputs cost ${format(wanted + alone, 2)}, overlaps ${corrected + together < 0 ? "save" : "cost"} ${format(Math.abs(corrected + together), 2)}.`);
    const loss = app.page.networks.loss_per_p[app.state.network];
    const sum = wanted + corrected + alone + together;
    if (app.state.record === null && loss !== null && Math.abs(sum - loss) > 0.002 * Math.abs(loss)) lines.push(`The terms are exact; in training ${format(loss)} was measured.`);
  }
  if (saved !== null && saved > 0) lines.push(`If the readout saw both signs, inputs at the wrong age would cost ${format(saved, 2)} more, each alone.`);
  return lines.join(" ");
}
