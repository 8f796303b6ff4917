"use strict";
// A moment of the timeline: who was what then, the lines around, the two calls. All text is set as text.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const axis = document.getElementById("axis");
  const svg = document.getElementById("drawing");
  const cursor = document.getElementById("cursor");
  const panel = document.getElementById("moment");
  const rows = [...document.querySelectorAll(".happened tr[data-at]")];
  const timeOf = (element) => Number(element.dataset.at);
  const errors = [...document.querySelectorAll(".error")].sort((a, b) => timeOf(a) - timeOf(b));
  document.documentElement.classList.add("js");
  let moment = null;
  let stop = null;
  let zoom = 1;

  const clock = (offset) => new Date(data.start + offset).toISOString().slice(11, 23);
  const element = (tag, text, className) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  // the last place in a list that is not after a moment
  const last = (list, at) => {
    let low = 0;
    let high = list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (list[middle][0] <= at) low = middle + 1; else high = middle;
    }
    return low - 1;
  };
  const holder = (spans, at) => {
    const index = last(spans, at);
    return index >= 0 && at < spans[index][1] ? spans[index] : null;
  };
  const rowTimes = rows.map((row) => [timeOf(row)]);

  const fill = (at, chosen) => {
    panel.hidden = false;
    const list = element("dl");
    const say = (name, text) => list.append(element("dt", name), element("dd", text));
    for (const [name, spans] of data.keys) {
      const held = holder(spans, at);
      say(name, held ? `${held[2]} (since ${clock(held[0])})` : "nobody");
    }
    for (const [name, spans] of data.able) {
      const held = holder(spans, at);
      if (held) say("able to grant", held[2] ? name : `${name}, when it was last heard of`);
    }
    const save = last(data.saves, at);
    if (save >= 0) {
      const [when, who, value, revision] = data.saves[save];
      const left = value === null ? "deleted" : `up to ${clock(value)}, ${Math.round(value - at)} ms ahead`;
      say("window", `${left}; saved by ${who || "somebody"} at ${clock(when)} (revision ${revision})`);
    } else say("window", "none was saved yet");
    const beside = element("div");
    const during = (each) => timeOf(each) <= at && at <= Number(each.dataset.until);
    const wrong = chosen && chosen.classList.contains("error") ? chosen : errors.find(during);
    for (const each of errors) each.classList.toggle("here", each === wrong);
    const folded = chosen && chosen.closest("details");
    if (folded) folded.open = true;
    if (wrong) {
      const said = [...wrong.childNodes].filter((node) => node.nodeName !== "UL").map((node) => node.textContent);
      const calls = element("ul");
      for (const call of wrong.querySelectorAll("li")) calls.append(element("li", call.textContent));
      beside.append(element("strong", said.join("")), calls);
    }
    const lines = element("ul");
    const here = last(rowTimes, at);
    for (let i = Math.max(0, here - 3); i <= Math.min(rows.length - 1, here + 3); i += 1) {
      const [time, who, what, where] = [...rows[i].cells].map((cell) => cell.textContent);
      lines.append(element("li", `${time} ${who}: ${what} [${where}]`, i === here ? "here" : ""));
    }
    rows.forEach((row, i) => row.classList.toggle("here", i === here));
    beside.append(lines);
    panel.replaceChildren(element("h2", `At ${clock(at)}`), list, beside);
  };

  const select = (at, { scroll = true, chosen = null } = {}) => {
    moment = Math.max(0, Math.min(data.length, at));
    stop = null;
    const x = `${(moment * 100) / data.length}%`;
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    if (scroll) {
      const left = (moment / data.length) * svg.getBoundingClientRect().width;
      if (left < axis.scrollLeft + 20 || left > axis.scrollLeft + axis.clientWidth - 20) axis.scrollLeft = left - axis.clientWidth / 2;
    }
    fill(moment, chosen);
  };
  const setZoom = (to) => {
    const middle = moment === null ? (axis.scrollLeft + axis.clientWidth / 2) / svg.getBoundingClientRect().width : moment / data.length;
    zoom = Math.max(1, Math.min(512, to));
    svg.style.width = `${zoom * 100}%`;
    axis.scrollLeft = middle * svg.getBoundingClientRect().width - axis.clientWidth / 2;
  };
  const next = (list, by) => {
    const at = moment === null ? -1 : moment;
    const here = list.indexOf(stop); // several may have one moment
    const found = here >= 0 ? list[here + by]
      : by > 0 ? list.find((each) => timeOf(each) > at) : list.filter((each) => timeOf(each) < at).pop();
    if (!found) return;
    select(timeOf(found), { chosen: found });
    stop = found;
    history.replaceState(null, "", `#${found.id}`);
  };

  const KEYS = {
    n: () => next(errors, 1), p: () => next(errors, -1),
    ArrowRight: () => next(rows, 1), j: () => next(rows, 1), ArrowLeft: () => next(rows, -1), k: () => next(rows, -1),
    "+": () => setZoom(zoom * 2), "=": () => setZoom(zoom * 2), "-": () => setZoom(zoom / 2),
    Home: () => select(0), End: () => select(data.length),
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  for (const button of document.querySelectorAll("[data-key]")) {
    button.addEventListener("click", () => KEYS[button.dataset.key]());
  }
  svg.addEventListener("click", (event) => {
    if (event.target.closest("a")) return;
    const box = svg.getBoundingClientRect();
    select(((event.clientX - box.left) / box.width) * data.length, { scroll: false });
  });
  // a link to a moment moves the picture, which is in view, and not the page
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-at]");
    if (!link) return;
    event.preventDefault();
    select(timeOf(link));
    history.replaceState(null, "", link.getAttribute("href"));
  });
  const follow = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (!target || target.dataset.at === undefined) return;
    select(timeOf(target), { chosen: target });
    stop = target;
  };
  addEventListener("hashchange", follow);
  addEventListener("beforeprint", () => { for (const each of document.querySelectorAll("details")) each.open = true; });
  follow();
})();
