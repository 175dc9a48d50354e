// One impulse, step by step: a dot that goes from the tip of one arrow to the tip of the next.

const PACE = 900; // milliseconds a step
const TRAVEL = 520;

function togglePlay(app) {
  if (app.timer) return stopPlay(app);
  const last = app.scene.collection.n_lags - 1;
  const from = app.state.step === null || app.state.step >= last ? 0 : app.state.step + 1;
  update(app, { step: from }, "none");
  app.timer = setInterval(() => {
    if (app.state.step === null || app.state.step >= last) return stopPlay(app);
    moveStep(app, 1, "none");
    return null;
  }, PACE);
  byId("play").replaceChildren("Stop");
}

function stopPlay(app) {
  clearInterval(app.timer);
  app.timer = null;
  byId("play").replaceChildren(app.scene ? "▶ Send an impulse" : "");
  if (app.scene) remember(app, "replace");
}

function moveStep(app, by, how = "replace") {
  const last = app.scene.collection.n_lags - 1;
  const before = app.state.step;
  const next = before === null ? (by > 0 ? 0 : last) : Math.min(Math.max(before + by, 0), last);
  update(app, { step: next }, how);
  if (before !== null && next === before + 1 && !stillness()) travel(app, before, next);
}

function placeDots(app, share, before, step) {
  const host = byId("impulse");
  if (!host || step === null) return;
  const arrows = app.scene.arrows;
  const place = (lag) => arrows.filter((each) => each.lag === lag).map((each) => clipped(each.point, app.scene.limit));
  const ends = place(step);
  const starts = before === null ? ends : place(before);
  const dots = ends.map((end, i) => {
    const [px, py] = end.map((each, axis) => starts[i][axis] + share * (each - starts[i][axis]));
    return draw("circle", { class: "dot", cx: app.layout.x(px), cy: app.layout.y(py), r: 7 });
  });
  host.replaceChildren(...dots);
}

function travel(app, before, step) {
  const started = performance.now();
  const frame = (now) => {
    if (app.state.step !== step) return;
    const share = Math.min((now - started) / TRAVEL, 1);
    placeDots(app, 1 - (1 - share) ** 3, before, step);
    if (share < 1) requestAnimationFrame(frame);
  };
  placeDots(app, 0, before, step);
  requestAnimationFrame(frame);
}
