// A text under a network: everything shown belongs to the character that is pointed at.
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const STATES = new Int8Array(bytes(DATA.states).buffer);
const NORMS = new Float32Array(bytes(DATA.norms).buffer);
const STEPS = DATA.bits.length, H = DATA.hidden;
const NAMES = Object.keys(DATA.shapes);
const marks = DATA.windows.map((window) =>
  Object.fromEntries(NAMES.map((name) => [name, placesOf(window.touched[name], name)])));
let at = Math.min(STEPS - 1, DATA.window - 1), unit = 0;

function placesOf(marked, name) {
  if (typeof marked !== "string") return marked;
  const packed = bytes(marked), size = DATA.shapes[name][0] * DATA.shapes[name][1], places = [];
  for (let n = 0; n < size; n++) if ((packed[n >> 3] >> (n & 7)) & 1) places.push(n);
  return places;
}

const symbol = (t) => visible(DATA.symbols[DATA.text[t]]);
const activation = (t, n) => STATES[t * H + n] / DATA.levels;
const norm = (t, lag) => NORMS[t * DATA.lags + lag];
const windowOf = (t) => Math.floor(t / DATA.window);
const count = (number) => number.toLocaleString("en");
const theme = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const letters = DATA.text.map((_, t) => {
  const mark = DATA.symbols[DATA.text[t]] === "\n" ? "↵\n" : symbol(t).replace("␣", " ");
  const span = element("span", { "data-t": t }, mark);
  byId("text").append(span);
  return span;
});

// The colour of a character: how strong, and of which kind.
function tint(t, kind) {
  if (kind === "surprise") return t ? ["--hot", Math.min(1, DATA.bits[t - 1] / 8)] : ["--hot", 0];
  if (t >= STEPS) return ["--hot", 0];
  if (kind === "unit") return [activation(t, unit) < 0 ? "--cold" : "--hot", Math.abs(activation(t, unit))];
  const beyond = DATA.clip === null ? 0 : DATA.windows[windowOf(t)].perStep[t % DATA.window];
  return ["--hot", beyond ? Math.min(1, 0.3 + 0.1 * Math.log2(beyond)) : 0];
}

function colourText() {
  const kind = byId("colour").value;
  byId("unit-label").hidden = kind !== "unit";
  letters.forEach((span, t) => {
    const [colour, strength] = tint(t, kind);
    span.style.background = strength ? `rgba(var(${colour}), ${(0.6 * strength).toFixed(3)})` : "";
  });
}

function drawStates() {
  const canvas = byId("states");
  [canvas.width, canvas.height] = [STEPS, H];
  const tall = Math.max(120, Math.min(360, 3 * H));
  canvas.style.width = `${Math.max(byId("scroll").clientWidth, 2 * STEPS)}px`;
  canvas.style.height = `${tall}px`;
  canvas.setAttribute("aria-label", `Hidden states: ${H} units, ${STEPS} ${DATA.units}`);
  const paint = canvas.getContext("2d"), image = paint.createImageData(STEPS, H);
  const parts = (name) => theme(name).split(",").map(Number);
  const hot = parts("--hot"), cold = parts("--cold");
  for (let t = 0; t < STEPS; t++)
    for (let n = 0; n < H; n++) {
      const value = activation(t, n), colour = value < 0 ? cold : hot;
      image.data.set([...colour, Math.round(255 * Math.abs(value))], 4 * (n * STEPS + t));
    }
  paint.putImageData(image, 0, 0);
}

function placeMarkers() {
  const canvas = byId("states"), width = canvas.clientWidth / STEPS, height = canvas.clientHeight / H;
  Object.assign(byId("column").style, { left: `${at * width}px`, top: 0, width: `${Math.max(3, width)}px`, height: "100%" });
  Object.assign(byId("row").style, { top: `${unit * height}px`, left: 0, height: `${Math.max(3, height)}px`, width: "100%" });
  byId("activation").textContent =
    `Unit ${unit} after “${symbol(at)}”: ${activation(at, unit).toFixed(2)}`;
  const box = byId("scroll"), middle = at * width;
  if (middle < box.scrollLeft || middle > box.scrollLeft + box.clientWidth)
    box.scrollLeft = middle - box.clientWidth / 2;
}

function showGuesses() {
  const next = DATA.text[at + 1], list = element("ol", { class: "guesses" });
  const guesses = [...DATA.guesses[at]];
  if (!guesses.some(([index]) => index === next)) guesses.push([next, 2 ** -DATA.bits[at]]);
  for (const [index, probability] of guesses) {
    const name = visible(DATA.symbols[index]), came = index === next;
    list.append(element("li", came ? { class: "came" } : {},
      element("span", { class: "guess" }, name),
      element("span", { class: "bar-box" },
        element("span", { class: "bar-fill", style: `width:${(100 * probability).toFixed(2)}%` })),
      element("span", { class: "percent" }, `${probability < 0.001 ? "<0.1" : (100 * probability).toFixed(1)}%${came ? " ✓" : ""}`)));
  }
  byId("guesses").replaceChildren(list);
}

const means = Array.from({ length: DATA.lags }, (_, lag) => {
  let sum = 0;
  for (let t = lag; t < STEPS; t++) sum += norm(t, lag);
  return sum / (STEPS - lag);
});

function showNorms() {
  const lags = Math.min(at + 1, DATA.lags);
  const own = Array.from({ length: lags }, (_, lag) => norm(at, lag));
  const powers = [...own, ...means].filter((size) => size > 0).map(Math.log10);
  const low = Math.floor(Math.min(0, ...powers)), high = Math.ceil(Math.max(low + 1, ...powers));
  const every = Math.ceil((high - low) / 6), ticks = [], lagTicks = [];
  for (let power = high; power >= low; power -= every) ticks.push([power, `1e${power}`]);
  const stride = Math.max(1, Math.ceil(DATA.lags / 50)) * 10;
  for (let lag = 0; lag < DATA.lags; lag += stride) lagTicks.push([lag, String(lag)]);
  const { svg, x, y, top, bottom, right } = chart(
    `Gradient norm against lag: ${short(own[0])} at lag 0, ${short(own.at(-1))} at lag ${lags - 1}`,
    chartWidth("norms"), 230, [0, Math.max(1, DATA.lags - 1)], [low, high], lagTicks, ticks, "lag");
  const line = (sizes, kind) => svg.append(drawn("path", { class: `series ${kind}`,
    d: path(sizes.map((size, lag) => [x(lag), y(Math.log10(size))]).filter(([, place]) => Number.isFinite(place))) }));
  const cut = at % DATA.window; // the lag of the first state in the window: training goes back no further
  if (cut + 1 < DATA.lags) {
    svg.append(drawn("rect", { class: "cut", x: x(cut), y: top, width: right - x(cut), height: bottom - top }));
    const late = x(cut) > (x(0) + right) / 2;
    svg.append(drawn("text", { x: x(cut) + (late ? -6 : 6), y: top + 14, "text-anchor": late ? "end" : "start" },
      "before the window"));
  }
  line(means, "theirs");
  line(own, "plain");
  if (own.length === 1) svg.append(drawn("circle", { class: "dot", cx: x(0), cy: y(Math.log10(own[0])), r: 3 }));
  byId("norms").replaceChildren(svg);
}

function entry(name, place) {
  const columns = DATA.shapes[name][1], i = Math.floor(place / columns), j = place % columns;
  const named = (index) => `“${visible(DATA.symbols[index])}”`;
  return { Whx: `dWhx[${i}, ${named(j)}]`, Wha: `dWha[${i}, ${j}]`, Wya: `dWya[${named(i)}, ${j}]`,
    bh: `dbh[${i}]`, by: `dby[${named(i)}]` }[name];
}

function touchedMap(name, places) {
  const flat = DATA.shapes[name][1] === 1; // biases are drawn as rows
  const [rows, columns] = flat ? [1, DATA.shapes[name][0]] : DATA.shapes[name];
  const cell = Math.max(1, Math.min(4, Math.floor(300 / Math.max(rows, columns))));
  const canvas = element("canvas", { width: columns * cell, height: Math.max(8, rows * cell), class: "touched",
    role: "img", "aria-label": `Touched entries of d${name}` });
  const paint = canvas.getContext("2d"), side = Math.max(3, cell);
  paint.fillStyle = theme("--bad");
  for (const place of places) {
    const x = (place % columns) * cell, y = Math.floor(place / columns) * cell;
    paint.fillRect(Math.min(x, canvas.width - side), Math.min(y, canvas.height - side), side, flat ? 8 : side);
  }
  return canvas;
}

function showClip() {
  const box = byId("clip");
  if (DATA.clip === null) {
    box.replaceChildren(element("p", {}, "The run was trained without a running clip."));
    return;
  }
  const n = windowOf(at), window = DATA.windows[n], found = marks[n], end = window.start + window.perStep.length;
  const total = NAMES.reduce((sum, name) => sum + found[name].length, 0);
  const entries = NAMES.reduce((sum, name) => sum + DATA.shapes[name][0] * DATA.shapes[name][1], 0);
  const here = window.perStep[at - window.start];
  const parts = [element("p", {},
    `Window ${n + 1}, ${DATA.units} ${window.start + 1} to ${end}: the clip at ${DATA.clip} touches ` +
    `${count(total)} of ${count(entries)} entries; at this character's step, ${count(here)}.`)];
  if (total) {
    const named = NAMES.flatMap((name) => found[name].slice(0, 9).map((place) => entry(name, place))).slice(0, 9);
    parts.push(element("p", { class: "soft" }, named.join(", ") + (total > named.length ? ", …" : "")));
  }
  const maps = element("div", { class: "maps" });
  for (const name of NAMES)
    if (found[name].length)
      maps.append(element("figure", { class: "map" }, element("figcaption", {}, `d${name} `,
        element("small", {}, `${count(found[name].length)} of ${count(DATA.shapes[name][0] * DATA.shapes[name][1])}`)),
      touchedMap(name, found[name])));
  const others = DATA.windows.map((_, k) => k).filter((k) => NAMES.some((name) => marks[k][name].length));
  parts.push(maps, element("p", { class: "soft" }, others.length
    ? `Windows in which it touches entries: ${others.map((k) => k + 1).join(", ")} of ${DATA.windows.length}.`
    : `It touches nothing in any of the ${DATA.windows.length} windows.`));
  box.replaceChildren(...parts);
}

function go(t) {
  letters[at].classList.remove("chosen");
  letters[at + 1].classList.remove("following");
  at = Math.max(0, Math.min(STEPS - 1, t));
  letters[at].classList.add("chosen");
  letters[at + 1].classList.add("following");
  const said = `${at + 1} of ${STEPS}: “${symbol(at)}”, then “${symbol(at + 1)}”, which had probability ` +
    `${short(2 ** -DATA.bits[at])} (${DATA.bits[at].toFixed(2)} bits)`;
  byId("reading").textContent = said;
  byId("text").setAttribute("aria-valuenow", at + 1);
  byId("text").setAttribute("aria-valuetext", said);
  placeMarkers();
  showGuesses();
  showNorms();
  showClip();
}

function choose(n) {
  unit = Math.max(0, Math.min(H - 1, Math.floor(n) || 0));
  byId("unit").value = unit;
  colourText();
  placeMarkers();
}

function pointAt(event) {
  const t = event.target.dataset?.t;
  if (t !== undefined && Number(t) !== at) go(Number(t));
}

for (const kind of ["pointerover", "pointerdown"]) byId("text").addEventListener(kind, pointAt);
byId("text").addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -10, ArrowDown: 10, Home: -STEPS, End: STEPS }[event.key];
  if (step === undefined) return;
  event.preventDefault();
  go(at + step);
});
byId("states").addEventListener("pointerdown", (event) => {
  const box = byId("states").getBoundingClientRect();
  byId("colour").value = "unit";
  choose(((event.clientY - box.top) / box.height) * H);
  go(Math.floor(((event.clientX - box.left) / box.width) * STEPS));
});
byId("colour").addEventListener("change", colourText);
byId("unit").addEventListener("input", () => choose(Number(byId("unit").value)));

function drawAll() {
  drawStates();
  colourText();
  go(at);
}

byId("about").textContent =
  `${DATA.run}, weights of iteration ${count(DATA.iteration)}: ${H} hidden units, ${DATA.symbols.length} ` +
  `symbols, trained in windows of ${DATA.window}. The text is ${DATA.name}, ${count(STEPS + 1)} ${DATA.units}, ` +
  `read at ${(DATA.bits.reduce((sum, bits) => sum + bits) / STEPS).toFixed(2)} bits per character.` +
  (DATA.lanes > 1 ? ` In training, the clip acted on sums over ${DATA.lanes} streams; here there is one.` : "");
byId("unit").max = H - 1;
byId("text").setAttribute("aria-valuemax", STEPS);
if (DATA.clip === null) byId("colour").querySelector("[value=clip]").remove();
addEventListener("resize", drawAll);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
drawAll();
