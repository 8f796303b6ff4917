"use strict";
// The state at the step selected, in a bar that stays; keys and links select a step. All text is set as text.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const bar = document.getElementById("bar");
  const which = document.getElementById("which");
  const panel = document.getElementById("state");
  const numbers = data.steps.map((step) => step.number);
  if (!numbers.length) return;
  document.documentElement.classList.add("js");
  bar.hidden = false;
  let selected = numbers[0];

  // --- state: replayed from the nearest one that is kept ------------------------------------------
  const EVERY = 200;
  const kept = [data.first.map((lane) => ({ ...lane }))];
  const stateAfter = (index) => {
    let at = Math.min(Math.floor((index + 1) / EVERY), kept.length - 1);
    let state = kept[at].map((lane) => ({ ...lane }));
    for (let i = at * EVERY; i <= index; i += 1) {
      for (const [lane, name, value] of data.steps[i].changes) state[lane][name] = value;
      if ((i + 1) % EVERY === 0 && kept.length === (i + 1) / EVERY) kept.push(state.map((lane) => ({ ...lane })));
    }
    return state;
  };

  const element = (tag, text, className) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };

  const fill = (index) => {
    const step = data.steps[index];
    const state = stateAfter(index);
    const changed = new Set(step.changes.map(([lane, name]) => `${lane} ${name}`));
    which.textContent = `Step ${step.number} of ${numbers[numbers.length - 1]}, ${step.time}: ${step.who} ${step.text}`;
    panel.replaceChildren(...data.lanes.map((name, lane) => {
      const section = element("section");
      section.append(element("h3", name));
      const list = element("dl");
      for (const [variable, value] of Object.entries(state[lane])) {
        const plain = value === data.defaults[lane][variable] && !changed.has(`${lane} ${variable}`);
        if (plain && !data.always[lane].includes(variable)) continue;
        const shown = element("dd");
        const text = value.split("\n").join(", ");
        shown.append(changed.has(`${lane} ${variable}`) ? element("mark", text) : text);
        list.append(element("dt", variable), shown);
      }
      section.append(list);
      return section;
    }));
  };

  // --- rows ----------------------------------------------------------------------------------------
  const rowOf = (number) => document.getElementById(`step${number}`);
  const foldedOf = (row) => row.closest("tbody").querySelector(".folded");
  const open = (folded, so) => {
    const button = folded.querySelector(".open");
    button.setAttribute("aria-expanded", String(so));
    folded.classList.toggle("opened", so);
    for (const row of folded.closest("tbody").querySelectorAll(".step")) row.hidden = !so;
    for (const row of folded.closest("tbody").querySelectorAll(".more")) row.hidden = !so && row !== lastMore(folded);
  };
  const lastMore = (folded) => [...folded.closest("tbody").querySelectorAll(".more")].pop();
  for (const folded of document.querySelectorAll(".folded")) {
    folded.hidden = false;
    open(folded, false);
  }
  const visible = () => [...document.querySelectorAll("tr[data-step]")].filter(
    (row) => !row.hidden && !row.classList.contains("opened"));

  const mark = (row, number) => {
    for (const old of document.querySelectorAll(".selected")) {
      old.classList.remove("selected");
      old.removeAttribute("aria-current");
    }
    for (const old of document.querySelectorAll(".more.now")) old.classList.remove("now");
    row.classList.add("selected");
    row.setAttribute("aria-current", "step");
    const more = rowOf(number).nextElementSibling;
    if (more && more.classList.contains("more")) more.classList.add("now");
  };

  const select = (number, { reveal = false, scroll = true } = {}) => {
    const index = numbers.indexOf(number);
    if (index < 0) return;
    selected = number;
    let row = rowOf(number);
    const folded = foldedOf(row);
    if (row.hidden && folded) {
      if (reveal || Number(folded.dataset.step) !== number) open(folded, true);
      else row = folded;
    }
    fill(index);
    mark(row, number);
    history.replaceState(null, "", `#step${number}`);
    if (scroll) show(row);
  };

  // right below the bar, or above it where it stands at the bottom
  const show = (row) => {
    const box = row.getBoundingClientRect();
    const edge = bar.getBoundingClientRect();
    const atTop = getComputedStyle(bar).position === "sticky";
    const top = atTop ? edge.height : 0;
    const bottom = atTop ? innerHeight : edge.top;
    if (box.top < top) scrollBy(0, box.top - top - 2);
    else if (box.bottom > bottom) scrollBy(0, Math.min(box.bottom - bottom + 40, box.top - top - 2));
  };
  const land = (row) => {
    const atTop = getComputedStyle(bar).position === "sticky";
    scrollBy(0, row.getBoundingClientRect().top - (atTop ? bar.getBoundingClientRect().height : 0) - 2);
    show(row);
  };

  const go = (by) => {
    const rows = visible();
    const here = rows.findIndex((row) => row.classList.contains("selected"));
    const next = rows[Math.max(0, Math.min(rows.length - 1, here + by))];
    if (next) select(Number(next.dataset.step));
  };
  const along = (by) => {
    const marked = [...document.querySelectorAll(".step.causal, .step.crucial")].map((row) => Number(row.dataset.step));
    const next = by > 0 ? marked.find((number) => number > selected) : marked.reverse().find((number) => number < selected);
    if (next !== undefined) select(next, { reveal: true });
  };
  const toggle = () => {
    const row = document.querySelector("tr.selected");
    const folded = row && foldedOf(row);
    if (!folded) return;
    const so = !folded.classList.contains("opened");
    open(folded, so);
    select(so ? selected : Number(folded.dataset.step));
  };

  // --- keys, links, clicks ---------------------------------------------------------------------------
  const KEYS = {
    ArrowRight: () => go(1), j: () => go(1), ArrowLeft: () => go(-1), k: () => go(-1),
    Home: () => go(-numbers.length), End: () => go(numbers.length),
    n: () => along(1), p: () => along(-1), o: toggle,
    e: () => {
      const details = document.querySelector(".more.now details");
      if (details) details.open = !details.open;
    },
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  for (const button of bar.querySelectorAll("[data-go]")) {
    button.addEventListener("click", () => go(Number(button.dataset.go)));
  }
  document.getElementById("steps").addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-step]");
    if (!row || event.target.closest("a")) return;
    const number = Number(row.dataset.step);
    if (event.target.closest(".open")) {
      open(row, !row.classList.contains("opened"));
      select(number, { scroll: false });
    } else if (!String(getSelection())) select(number, { scroll: false });
  });
  const follow = () => {
    const asked = /^#step(\d+)$/.exec(location.hash);
    if (!asked) return false;
    select(Number(asked[1]), { reveal: true, scroll: false });
    const row = document.querySelector("tr.selected");
    if (row) land(row);
    return true;
  };
  addEventListener("hashchange", follow);
  addEventListener("beforeprint", () => { for (const folded of document.querySelectorAll(".folded")) open(folded, true); });
  if (!follow()) {
    fill(0);
    mark(visible()[0], Number(visible()[0].dataset.step));
    selected = Number(visible()[0].dataset.step);
    fill(numbers.indexOf(selected));
  }
  addEventListener("load", follow);
})();
