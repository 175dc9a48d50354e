// From one network to another: the arrows move there, so that one sees which of them goes which way round.

const GLIDE = 700; // milliseconds

function glide(app, from) {
  const to = app.scene;
  const sizes = (scene) => [scene.arrows.length, scene.projections.length, scene.projections[0].length, scene.single].join();
  if (!from || sizes(from) !== sizes(to) || stillness()) return drawPictures(app);
  const started = performance.now();
  const frame = (now) => {
    if (app.gliding !== frame) return;
    const share = Math.min(Math.max((now - started) / GLIDE, 0), 1);
    if (share === 1) return void drawPictures(app);
    showPictures(app, mixture(from, to, share * share * (3 - 2 * share)));
    requestAnimationFrame(frame);
  };
  app.gliding = frame;
  showPictures(app, mixture(from, to, 0));
  return requestAnimationFrame(frame);
}

function mixture(from, to, share) {
  const mix = (a, b) => a + share * (b - a);
  const arrows = to.arrows.map((each, place) => ({ ...each, point: turned(from.arrows[place].point, each.point, share) }));
  const projections = to.projections.map((each, lag) =>
    each.map((row, output) => Array.from(row, (value, feature) => mix(from.projections[lag][output][feature] ?? 0, value))),
  );
  const cut = from.limit < Infinity || to.limit < Infinity;
  const limit = cut ? mix(Math.min(from.limit, from.longest), Math.min(to.limit, to.longest)) : Infinity;
  return { ...to, arrows, projections, limit };
}

// Along the shorter arc; lengths grow and shrink by a constant factor.
function turned(from, to, share) {
  const [a, b] = [norm(from), norm(to)];
  if (!(a > 0) || !(b > 0)) return from.map((each, i) => each + share * (to[i] - each));
  const start = Math.atan2(from[1], from[0]);
  const turn = Math.atan2(from[0] * to[1] - from[1] * to[0], dot(from, to));
  const length = a * (b / a) ** share;
  return [length * Math.cos(start + share * turn), length * Math.sin(start + share * turn)];
}
