// One colour for every age, as in the printed figures: viridis from dark to light, cut before the end that vanishes on
// the paper. Terms, regimes and statuses are Okabe and Ito's colours, each with a mark or a dash of its own.

const VIRIDIS = ("440154 470d60 48186a 482374 472d7b 453781 424086 3e4989 3b528b 375b8d 33638d 2f6b8e 2c728e 297a8e 26828e " +
  "23898e 21918c 1f988b 1fa088 22a785 28ae80 32b67a 3fbc73 4ec36b 5ec962 70cf57 84d44b 98d83e addc30 c2df23 d8e219 ece51b fde725")
  .split(" ").map((hex) => [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)));
const AGE_RANGE = { light: [0, 0.86], dark: [0.28, 1] };
const PURPLE_TO_ORANGE = { light: [[84, 39, 136], [247, 247, 247], [179, 88, 6]], dark: [[178, 160, 222], [38, 40, 46], [240, 150, 60]] };
const SERIES = {
  light: ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"],
  dark: ["#56a8e0", "#f0834a", "#35c296", "#dd9bc0", "#e69f00", "#8accf2", "#ffffff"],
};
const DASHES = ["none", "7 2.5", "2 2", "8 2.5 2 2.5", "4 4"];
const SYMBOLS = ["circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x"];

function scheme() {
  const chosen = document.documentElement.dataset.theme;
  return chosen || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

function between(stops, share) {
  const at = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const from = Math.min(Math.floor(at), stops.length - 2);
  const mixed = stops[from].map((each, i) => Math.round(each + (at - from) * (stops[from + 1][i] - each)));
  return `rgb(${mixed.join(",")})`;
}

function ageColour(lag, nLags) {
  const [low, high] = AGE_RANGE[scheme()];
  return between(VIRIDIS, low + (high - low) * (lag / Math.max(nLags - 1, 1)));
}

function signedColour(value, limit) {
  return between(PURPLE_TO_ORANGE[scheme()], 0.5 + (0.5 * value) / limit);
}

function seriesColour(place) {
  return SERIES[scheme()][place % 7];
}

function variable(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
