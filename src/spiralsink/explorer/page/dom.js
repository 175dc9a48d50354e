// Elements, numbers and tables. Text from the payload reaches the page through text nodes only.

const SVG = "http://www.w3.org/2000/svg";

function byId(id) {
  return document.getElementById(id);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((each) => each !== null && each !== undefined));
  return element;
}

function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function draw(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function canvas(width, height, label, ...children) {
  return draw("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label }, ...children);
}

// A number to read: three digits that matter, a true minus, "none" where there is none.
function format(value, digits = 3) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "none";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size >= 1e5 || size < 1e-4 ? value.toExponential(digits - 1) : significant(value, size, digits);
  return text.replaceAll("-", "−");
}

function significant(value, size, digits) {
  const places = Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  return value.toFixed(Math.min(places, 6));
}

// A probability, without zeros at its end.
function compact(value) {
  return value === null || value === undefined ? "none" : String(Number(value.toPrecision(3)));
}

function fixed(value, places = 2) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "none";
  const text = value.toFixed(places);
  return (Number(text) === 0 ? (0).toFixed(places) : text).replace("-", "−");
}

function degrees(value) {
  return value === null || value === undefined ? "none" : `${Math.round(value)}°`;
}

function percent(value) {
  return value === null || value === undefined ? "none" : `${Math.round(100 * value)} %`;
}

// "w_0" and "a_(s+1)" with their subscripts lowered, comparisons as one sign; everything else as it is.
function withSubscripts(given) {
  const text = given.replaceAll("<=", "≤").replaceAll(">=", "≥");
  const fragment = document.createDocumentFragment();
  let from = 0;
  for (const found of text.matchAll(/\b([A-Za-z])_(?:\(([\w+−-]+)\)|(\w+))/g)) {
    fragment.append(text.slice(from, found.index), found[1], make("sub", {}, found[2] ?? found[3]));
    from = found.index + found[0].length;
  }
  fragment.append(text.slice(from));
  return fragment;
}

function say(id, ...parts) {
  byId(id).replaceChildren(...parts.map((each) => (typeof each === "string" ? withSubscripts(each) : each)));
}

function table(caption, head, rows) {
  const cells = (row) =>
    row.map((each, place) => make(place ? "td" : "th", place ? {} : { scope: "row" }, each instanceof Node ? each : String(each)));
  return make(
    "table",
    {},
    make("caption", {}, withSubscripts(caption)),
    make("thead", {}, make("tr", {}, ...head.map((each) => make("th", { scope: "col" }, withSubscripts(each))))),
    make("tbody", {}, ...rows.map((row) => make("tr", {}, ...cells(row)))),
  );
}

// Tables are filled when somebody opens them: a page of 5000 networks would be slow otherwise.
function tableIn(id, build) {
  const host = byId(id);
  const details = host.closest("details");
  host.build = build;
  if (!details.ontoggle) details.ontoggle = () => details.open && host.replaceChildren(host.build());
  if (details.open) host.replaceChildren(build());
}

function options(select, entries, chosen) {
  const same = select.children.length === entries.length &&
    entries.every((each, place) => select.children[place].value === each.value && select.children[place].textContent === each.label);
  if (!same) select.replaceChildren(...entries.map((each) => make("option", { value: each.value }, each.label)));
  select.value = chosen;
  select.disabled = entries.length < 2;
}

function button(label, action, attributes = {}) {
  return make("button", { type: "button", ...attributes, on: { click: action } }, label);
}

function stillness() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

function announce(text) {
  byId("live").textContent = text;
}
