// A picture or the code of what is shown, to take away.

const STYLES = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin",
  "opacity", "font-family", "font-size", "font-weight", "font-style", "paint-order", "visibility"];

function standalone(svg) {
  const copy = svg.cloneNode(true);
  const from = [svg, ...svg.querySelectorAll("*")];
  [copy, ...copy.querySelectorAll("*")].forEach((element, place) => {
    const style = getComputedStyle(from[place]);
    for (const name of STYLES) {
      const value = style.getPropertyValue(name);
      // a reference to a pattern is written out with the address of the page
      if (value && !value.includes("url(")) element.setAttribute(name, value);
    }
    element.removeAttribute("class");
  });
  const paper = draw("rect", { width: "100%", height: "100%", fill: variable("--paper") });
  copy.prepend(paper);
  copy.setAttribute("xmlns", SVG);
  return new XMLSerializer().serializeToString(copy);
}

function download(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function pictureName(app, id, kind) {
  const collection = app.scene.collection.id;
  return `${id}-${collection}-${app.page.networks.source[app.state.network]}.${kind}`;
}

function exportSvg(app, id) {
  download(new Blob([standalone(byId(id).querySelector("svg"))], { type: "image/svg+xml" }), pictureName(app, id, "svg"));
}

async function exportPng(app, id) {
  const svg = byId(id).querySelector("svg");
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(standalone(svg))}`;
  await image.decode();
  const scale = 3;
  const surface = make("canvas", { width: svg.width.baseVal.value * scale, height: svg.height.baseVal.value * scale });
  surface.getContext("2d").drawImage(image, 0, 0, surface.width, surface.height);
  surface.toBlob((blob) => download(blob, pictureName(app, id, "png")), "image/png");
}

function exportButtons(app, id) {
  return [
    button("SVG", () => exportSvg(app, id), { class: "quiet", "aria-label": "Save this picture as SVG" }),
    button("PNG", () => exportPng(app, id), { class: "quiet", "aria-label": "Save this picture as PNG" }),
  ];
}

function codeOf(app) {
  return app.scene.collection.code.replaceAll("{index}", String(app.page.networks.source[app.state.network]));
}

async function copyCode(app) {
  const text = codeOf(app);
  try {
    await navigator.clipboard.writeText(text);
    announce("Python copied");
    byId("copy").replaceChildren("Copied");
    setTimeout(() => byId("copy")?.replaceChildren("Copy as Python"), 1600);
  } catch {
    byId("copied-text").value = text;
    byId("copied").showModal();
    byId("copied-text").select();
  }
}
