// The claims, each with its verdict, its figure, its code and its networks.

const MARKS = { holds: "✓", fails: "✗", inconclusive: "?" };

function drawClaims(app) {
  const { page } = app;
  byId("claims-section").hidden = !page.claims.length;
  if (!page.claims.length) return;
  const head = ["claim", "measured", "verdict", "look at"].map((each) => make("th", { scope: "col" }, each));
  const rows = page.claims.map((claim) => claimRow(app, claim));
  const caption = make("caption", {}, verdictCount(page.claims));
  byId("claims").replaceChildren(make("table", { class: "verdicts" }, caption, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows)));
}

function verdictCount(claims) {
  const words = { holds: ["holds", "hold"], fails: ["fails", "fail"], inconclusive: ["inconclusive", "inconclusive"] };
  return Object.entries(words).map(([word, [one, many]]) => [claims.filter((each) => each.verdict === word).length, one, many])
    .filter(([count]) => count).map(([count, one, many]) => `${count} ${count === 1 ? one : many}`).join(", ");
}

function claimRow(app, claim) {
  const verdict = MARKS[claim.verdict] ? claim.verdict : "inconclusive";
  const badge = make("span", { class: `badge ${verdict}` }, make("span", { "aria-hidden": "true" }, `${MARKS[verdict]} `), verdict);
  const name = make("th", { scope: "row" }, make("strong", {}, claim.id), make("span", { class: "statement" }, withSubscripts(claim.statement)));
  const measured = make("td", { "data-label": "measured" }, make("span", {}, withSubscripts(claim.measured || "nothing"), expectedOf(claim)));
  const reason = claim.reason && verdict !== "holds" ? make("span", { class: "about" }, withSubscripts(claim.reason)) : null;
  return make("tr", {}, name, measured, make("td", { "data-label": "verdict" }, make("span", {}, badge, reason)), make("td", { "data-label": "look at" }, linksOf(app, claim)));
}

function expectedOf(claim) {
  return claim.expected ? make("span", { class: "about" }, "expected: ", withSubscripts(claim.expected)) : null;
}

// Addresses come from files: those of a report or of a figure become links, and nothing else.
const ADDRESS = /^(?:report\.html|figures\/[A-Za-z0-9][A-Za-z0-9._-]*\.(?:png|svg|pdf))(?:#[A-Za-z0-9_-]+)?$/;

function safeAddress(address) {
  return ADDRESS.test(address) ? address : null;
}

function linksOf(app, claim) {
  const { page } = app;
  const host = make("span", { class: "links" });
  const link = (address, label) => safeAddress(address) && host.append(make("a", { href: address, "aria-label": `${label} of ${claim.id}` }, label));
  link(claim.figure, "figure");
  link(claim.page, "numbers");
  // the report shows the code of a measurement in a place of its own
  const code = /#claim-/.test(claim.page) ? `${claim.page}-measurement` : "";
  link(code, "code");
  for (const id of claim.collections) {
    const place = page.collections.findIndex((each) => each.id === id);
    if (place < 0 || !page.members[place].length) continue;
    const show = () => {
      showNetwork(app, page.members[place].find((each) => page.networks.best[each]) ?? page.members[place][0]);
      byId("picture").scrollIntoView({ behavior: stillness() ? "auto" : "smooth" });
      byId("picture").focus({ preventScroll: true });
    };
    host.append(button(page.collections[place].label, show, { class: "quiet", "aria-label": `show ${page.collections[place].label}` }));
  }
  if (claim.code && !safeAddress(code)) host.append(make("code", {}, claim.code));
  return host;
}
