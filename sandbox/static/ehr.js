// The EHR's pages work without this file; it saves clicks and page loads.
"use strict";

document.documentElement.classList.add("scripted");

// Show only rows whose words contain everything typed.
function filterRows(input) {
  const target = document.querySelector(input.dataset.filter);
  const wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of target.querySelectorAll("[data-words]")) {
    const fits = wanted.every((word) => row.dataset.words.includes(word));
    row.hidden = !fits;
    if (fits) shown += 1;
  }
  const status = document.querySelector("[data-filter-status]");
  if (status && target.id === "patients") {
    status.textContent = shown === 1 ? "1 patient shown" : `${shown} patients shown`;
  }
}

for (const input of document.querySelectorAll("[data-filter]")) {
  input.addEventListener("input", () => filterRows(input));
}

// The list by keyboard: "/" goes to the search, the arrows from name to name.
const search = document.querySelector("[aria-keyshortcuts='/']");
if (search) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches("input, select, textarea");
    if (event.key === "/" && !typing) {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      moveInList(event, event.key === "ArrowDown" ? 1 : -1);
    }
  });
}

function moveInList(event, step) {
  const names = [...document.querySelectorAll("#patients tbody tr:not([hidden]) th a")];
  const at = names.indexOf(document.activeElement);
  if (at < 0 && event.target !== search) return;
  event.preventDefault();
  const next = at < 0 ? (step > 0 ? names[0] : null) : at + step < 0 ? search : names[at + step];
  if (next) next.focus();
}

for (const form of document.querySelectorAll("[data-submit-on-change]")) {
  form.addEventListener("change", () => form.requestSubmit());
}

const current = document.querySelector("#worklist [aria-current]");
if (current) {
  const list = document.querySelector("#worklist");
  const row = current.parentElement;
  const above = Math.floor(list.clientHeight / 3 / row.offsetHeight) * row.offsetHeight;
  list.scrollTop = row.offsetTop - list.offsetTop - above;
}

// Decision support: the chart is readable at once, cards come when the services have answered.
async function showPanel(panel, url, form) {
  panel.setAttribute("aria-busy", "true");
  panel.classList.add("waiting");
  const sent = form ? { method: "POST", body: new URLSearchParams(new FormData(form)) } : {};
  try {
    const response = await fetch(url, { ...sent, headers: { "X-Fragment": "1" } });
    if (!response.ok) throw new Error(String(response.status));
    panel.innerHTML = await response.text();
    wirePanel(panel);
  } catch {
    const problem = document.createElement("p");
    problem.className = "problem";
    problem.setAttribute("role", "alert");
    problem.textContent = "Decision support could not be asked. The EHR did not answer; reload the chart.";
    panel.replaceChildren(problem);
  }
  panel.classList.remove("waiting");
  panel.setAttribute("aria-busy", "false");
}

function wirePanel(panel) {
  const form = panel.querySelector("[data-cds-form]");
  const ask = () => showPanel(panel, `${form.action}?${new URLSearchParams(new FormData(form))}`);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask();
  });
  form.addEventListener("change", ask);
  for (const drafts of panel.querySelectorAll("[data-draft-form]")) {
    drafts.addEventListener("submit", (event) => {
      event.preventDefault();
      showPanel(panel, drafts.action, drafts);
    });
  }
  wireFeedback(panel);
}

function wireFeedback(area) {
  for (const feedback of area.querySelectorAll("[data-feedback]")) {
    feedback.addEventListener("submit", (event) => {
      event.preventDefault();
      sendFeedback(feedback);
    });
  }
}

async function sendFeedback(form) {
  const said = document.createElement("p");
  said.className = "quiet";
  said.setAttribute("role", "status");
  const shown = [said];
  try {
    const response = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const text = page.querySelector("#feedback-text");
    said.textContent = text.textContent;
    shown.push(page.querySelector("#feedback-wire"));
    shown[1].removeAttribute("id");
    for (const gone of (text.dataset.removed || "").split(" ").filter(Boolean)) {
      document.querySelector(`[data-draft="${CSS.escape(gone)}"]`)?.remove();
    }
  } catch {
    said.textContent = "Not recorded: the EHR did not answer.";
  }
  form.replaceWith(...shown);
}

const panel = document.querySelector("#cds-panel[data-cds]");
if (panel) showPanel(panel, panel.dataset.cds);

const bench = document.querySelector("#bench-result");
if (bench) wireFeedback(bench);

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.querySelector(button.dataset.copy).textContent);
    button.textContent = "Copied";
  });
}
