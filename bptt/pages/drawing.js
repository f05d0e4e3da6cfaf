// Shared by the pages: elements, charts and maps in SVG, all from numbers in the page's data.
const DATA = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function drawn(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// A character as a reader sees it: spaces and control characters have no shape of their own.
function visible(symbol) {
  if (symbol === " ") return "␣";
  if (symbol === "\n") return "↵";
  if (symbol === "\t") return "⇥";
  if (/[\p{C}\p{Z}]/u.test(symbol)) return `U+${symbol.codePointAt(0).toString(16).padStart(4, "0")}`;
  return symbol;
}

function short(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  return size >= 1e4 || size < 1e-3 ? value.toExponential(1) : String(Number(value.toPrecision(4)));
}

// The width of a chart in this element, in pixels; before the page is laid out it has none.
const chartWidth = (id) => Math.max(240, Math.min(520, byId(id).clientWidth));

// Axes of a chart: `x` and `y` turn values into places. Ticks are [value, label].
function chart(label, width, height, xRange, yRange, xTicks, yTicks, xTitle) {
  const left = 44, right = width - 16, top = 10, bottom = height - 36;
  const x = (value) => left + ((right - left) * (value - xRange[0])) / (xRange[1] - xRange[0] || 1);
  const y = (value) => bottom - ((bottom - top) * (value - yRange[0])) / (yRange[1] - yRange[0] || 1);
  const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img",
    "aria-label": label });
  for (const [value, name] of yTicks) {
    svg.append(drawn("line", { class: "grid", x1: left, x2: right, y1: y(value), y2: y(value) }));
    svg.append(drawn("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, name));
  }
  for (const [value, name] of xTicks)
    svg.append(drawn("text", { x: x(value), y: bottom + 16, "text-anchor": "middle" }, name));
  svg.append(drawn("text", { x: (left + right) / 2, y: height - 4, "text-anchor": "middle" }, xTitle));
  return { svg, x, y, left, right, top, bottom };
}

function path(points) {
  return points.map(([x, y], n) => `${n ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}

// A map of a matrix's entries whose cells can be pointed at, or walked over with the arrow keys.
function entryMap(name, shape, cell, fill, onPoint) {
  const [rows, columns] = shape;
  const svg = drawn("svg", { viewBox: `0 0 ${columns * cell} ${rows * cell}`,
    width: columns * cell, height: rows * cell, role: "img", tabindex: "0" });
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++)
      svg.append(drawn("rect", { x: j * cell, y: i * cell, width: cell - 1, height: cell - 1,
        rx: 2, ...fill(i, j) }));
  const cursor = drawn("rect", { class: "cursor", width: cell - 1, height: cell - 1, rx: 2,
    visibility: "hidden" });
  svg.append(cursor);
  let at = [0, 0];
  const go = (i, j) => {
    at = [Math.max(0, Math.min(rows - 1, i)), Math.max(0, Math.min(columns - 1, j))];
    cursor.setAttribute("x", at[1] * cell);
    cursor.setAttribute("y", at[0] * cell);
    cursor.setAttribute("visibility", "visible");
    onPoint(...at);
  };
  const point = (event) => {
    const box = svg.getBoundingClientRect();
    go(Math.floor(((event.clientY - box.top) / box.height) * rows),
      Math.floor(((event.clientX - box.left) / box.width) * columns));
  };
  svg.addEventListener("pointermove", point);
  svg.addEventListener("pointerdown", point);
  svg.addEventListener("focus", () => go(...at));
  svg.addEventListener("blur", () => cursor.setAttribute("visibility", "hidden"));
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    go(at[0] + step[0], at[1] + step[1]);
  });
  return svg;
}
