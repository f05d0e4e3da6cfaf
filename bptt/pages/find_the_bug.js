// The exercises: one at a time, with what was chosen in each.
const answers = DATA.exercises.map(() => ({ missed: new Set(), found: false, shown: false }));
let current = 0;

const strength = (error) => Math.max(0.15, Math.min(0.85, 0.6 + 0.12 * Math.log10(error)));
const inPlace = (code) => code.length - code.trimStart().length;

function showCode(exercise, answer) {
  const list = byId("code");
  list.replaceChildren();
  exercise.code.forEach((code, n) => {
    const solved = (answer.found || answer.shown) && n === exercise.line;
    // Continued below its beginning where the screen is narrow.
    const text = element("span", { class: "text", style: `padding-left: ${inPlace(code) + 2}ch` });
    if (solved) text.append(element("del", {}, code.trimStart()), element("ins", {}, exercise.right));
    else text.append(code.trimStart());
    const number = element("span", { class: "number" }, String(DATA.first + n));
    const item = element("li");
    if (code.trim() === "" || code.trim().startsWith("#")) {
      item.append(element("span", { class: "line comment" }, number, text, element("span", { class: "mark" })));
    } else {
      const missed = answer.missed.has(n);
      const mark = element("span", { class: "mark", "aria-hidden": "true" },
        solved ? "✓" : missed ? "✗" : "");
      const said = solved ? ", the wrong line" : missed ? ", this line is right" : "";
      const button = element("button", { type: "button", "data-line": n,
        class: `line ${solved ? "found" : missed ? "missed" : ""}`,
        "aria-label": `Line ${DATA.first + n}: ${code.trim()}${said}` }, number, text, mark);
      button.addEventListener("click", () => choose(n));
      item.append(button);
    }
    list.append(item);
  });
}

function choose(n) {
  const exercise = DATA.exercises[current], answer = answers[current];
  if (answer.found || answer.shown) return;
  if (n === exercise.line) answer.found = true;
  else answer.missed.add(n);
  show();
  document.querySelector(`[data-line="${n}"]`).focus();
  byId("feedback").scrollIntoView({ block: "nearest" });
}

function showFeedback(exercise, answer) {
  const box = byId("feedback");
  const put = (kind, strong, text) =>
    box.replaceChildren(element("p", { class: kind }, element("strong", {}, strong), ` ${text}`));
  if (answer.found) put("yes", "Found.", exercise.why);
  else if (answer.shown) put("no", `It is line ${DATA.first + exercise.line}.`, exercise.why);
  else if (answer.missed.size)
    put("no", `Line ${DATA.first + [...answer.missed].pop()} is right.`, `Hint: ${exercise.hint}`);
  else box.replaceChildren();
  byId("reveal").disabled = answer.found || answer.shown;
}

function showLosses(exercise) {
  const right = DATA.rightLosses[exercise.clip], wrong = exercise.losses;
  const most = Math.max(...right) + 1.5;
  const least = Math.floor(Math.min(...right, ...wrong) * 2) / 2;
  const ends = [right.at(-1), wrong.at(-1)].map((loss) => loss.toFixed(2));
  const ticks = [];
  for (let bits = Math.ceil(least); bits <= most; bits++) ticks.push([bits, String(bits)]);
  const { svg, x, y, right: edge } = chart(
    `Loss in bits per character. With the right line it ends at ${ends[0]}, with the wrong one at ${ends[1]}.`,
    chartWidth("losses"), 220, [0, DATA.iterations], [least, most],
    [0, 100, 200, 300].filter((n) => n <= DATA.iterations).map((n) => [n, String(n)]), ticks, "iteration");
  const line = (losses, kind) => svg.append(drawn("path", { class: `series ${kind}`,
    d: path(losses.map((loss, n) => [x((n + 0.5) * DATA.block), Math.max(2, y(loss))])) }));
  line(wrong, "ours");
  line(right, "theirs"); // dashed, so that both are seen where they are one
  const legend = (text, kind, row) => svg.append(drawn("text", { class: kind, x: edge, y: 22 + 17 * row,
    "text-anchor": "end" }, text));
  const broke = wrong.length < right.length;
  legend(`- - right line: ${ends[0]} at the end`, "theirs", 0);
  legend(`— wrong line: ${broke ? "broke down" : `${ends[1]} at the end`}`, "ours", 1);
  byId("losses").replaceChildren(svg);
}

function compact(error) {
  if (error >= 9.5) return error.toExponential(0).replace("+", "");
  if (error >= 0.95) return error.toFixed(0);
  return error >= 0.095 ? error.toFixed(1).slice(1) : error.toExponential(0);
}

function showLags(exercise) {
  const rows = Object.entries(exercise.lags);
  const head = element("tr", {}, element("th", { scope: "col" }, "lag"));
  rows[0][1].forEach((_, lag) => head.append(element("th", { scope: "col" }, String(lag))));
  const table = element("table", { class: "lags" }, head);
  for (const [name, errors] of rows) {
    const row = element("tr", {}, element("th", { scope: "row" }, name));
    for (const error of errors)
      row.append(error <= DATA.right
        ? element("td", { class: "fine", "aria-label": "right" }, "✓")
        : element("td", { class: "wrong", style: `--strength:${strength(error).toFixed(2)}` }, compact(error)));
    table.append(row);
  }
  byId("lags").replaceChildren(element("div", { class: "wide" }, table));
}

function place(name, i, j) {
  if (name === "Whx") return `Whx[${i}, ${visible(DATA.symbols[j])}]`;
  if (name === "Wya") return `Wya[${visible(DATA.symbols[i])}, ${j}]`;
  if (name === "by") return `by[${visible(DATA.symbols[i])}]`;
  return name === "bh" ? `bh[${i}]` : `Wha[${i}, ${j}]`;
}

function showEntries(exercise) {
  const maps = byId("entries");
  maps.replaceChildren();
  byId("reading").textContent = "";
  for (const name of ["Whx", "Wha", "bh", "by", "Wya"]) { // the tallest last
    const [rows, columns] = DATA.shapes[name];
    const errors = exercise.errors[name], computed = exercise.computed[name];
    const expected = DATA.expected[exercise.clip][name];
    const wrong = errors.filter((error) => error > DATA.right).length;
    const flat = columns === 1; // biases are drawn as rows
    const index = (i, j) => (flat ? j : i * columns + j);
    const fill = (i, j) => {
      const error = errors[index(i, j)];
      return error > DATA.right
        ? { class: "bad", style: `fill-opacity:${strength(error).toFixed(2)}` } : { class: "right" };
    };
    const say = (i, j) => {
      const n = index(i, j), error = errors[n];
      byId("reading").textContent =
        `d${place(name, flat ? j : i, flat ? 0 : j)}: computed ${short(computed[n])}, expected ` +
        `${short(expected[n])}, ${error > DATA.right ? "wrong" : "right"}`;
    };
    const svg = entryMap(name, flat ? [1, rows] : [rows, columns], 13, fill, say);
    svg.setAttribute("aria-label", `d${name}: ${wrong} of ${errors.length} entries are wrong`);
    const caption = element("figcaption", {}, `d${name} `,
      element("small", {}, wrong ? `${wrong} of ${errors.length} wrong` : "all right"));
    maps.append(element("figure", { class: "map" }, caption, svg));
  }
}

function showScore() {
  const found = answers.filter((answer) => answer.found);
  const first = found.filter((answer) => answer.missed.size === 0).length;
  byId("score").textContent = `Found ${found.length} of ${answers.length}, ${first} at the first try.`;
}

function show() {
  const exercise = DATA.exercises[current], answer = answers[current];
  byId("title").textContent = `Exercise ${current + 1}, clip = ${Number(exercise.clip)}`;
  byId("progress").textContent = `${current + 1} of ${answers.length}`;
  byId("previous").disabled = current === 0;
  byId("next").disabled = current === answers.length - 1;
  byId("made").textContent =
    `${DATA.sizes.H} hidden units, ${DATA.symbols.length} characters, windows of ${DATA.sizes.T}, the clip ` +
    `at ${Number(exercise.clip)}. Both curves were trained from the same weights when this page was made; ` +
    `they are means of ${DATA.block} iterations. Gradients are compared after ${DATA.sizes.measuredAt} ` +
    "iterations with the right line; an error counts as wrong above " + `${DATA.right} of the largest entry.`;
  showCode(exercise, answer);
  showFeedback(exercise, answer);
  showScore();
}

function open(n) {
  current = Math.max(0, Math.min(DATA.exercises.length - 1, n));
  const exercise = DATA.exercises[current];
  show();
  showLosses(exercise);
  showLags(exercise);
  showEntries(exercise);
}

byId("previous").addEventListener("click", () => open(current - 1));
byId("next").addEventListener("click", () => open(current + 1));
byId("reveal").addEventListener("click", () => {
  answers[current].shown = true;
  show();
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "ArrowLeft") open(current - 1);
  else if (event.key === "ArrowRight") open(current + 1);
  else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    const lines = [...document.querySelectorAll("button.line")];
    const at = lines.indexOf(document.activeElement);
    if (at < 0) return;
    event.preventDefault();
    lines[Math.max(0, Math.min(lines.length - 1, at + (event.key === "ArrowDown" ? 1 : -1)))].focus();
  }
});
addEventListener("resize", () => showLosses(DATA.exercises[current]));
open(0);
