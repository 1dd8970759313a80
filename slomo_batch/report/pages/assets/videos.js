// A table of videos: it is searched, filtered by state, and a row opens to show details. A page defines detailOf(video).
"use strict";

// ---- numbers for people ----

const count = (number) => number.toLocaleString("en");

function bytes(number) {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let unit = 0;
  while (number >= 1000 && unit < units.length - 1) { number /= 1000; unit += 1; }
  return unit ? `${number.toFixed(1)} ${units[unit]}` : `${number} B`;
}

function seconds(number) {
  const whole = Math.round(number);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor(whole / 60) % 60).padStart(2, "0")} min`;
}

const baseName = (uri) => uri.slice(uri.lastIndexOf("/") + 1);

// ---- the table ----

const numberColumn = (title, field, show, extra = {}) => ({
  title, field, hozAlign: "right", headerHozAlign: "right", sorter: "number", width: 110,
  formatter: (cell) => show(cell.getValue()), ...extra,
});

const OPEN = new Set();  // sources of the videos whose details are shown

function showDetail(row) {
  row.getElement().querySelector(".detail")?.remove();
  if (OPEN.has(row.getData().source)) row.getElement().append(detailOf(row.getData()));
}

const TABLE_OPTIONS = {
  layout: "fitColumns",
  renderVertical: "basic",  // a page of rows, whose heights change
  responsiveLayout: "hide",
  pagination: true,
  paginationSize: 25,
  placeholder: "no such video",
  rowFormatter: showDetail,
};

function detailList(pairs) {
  const list = element("dl");
  for (const [name, value] of pairs) if (value) list.append(element("dt", name), element("dd", value));
  return list;
}

// Opens rows, and connects the fields for search and state. Each video has a source, a state and a text in lower case.
function connectTable(table, videos) {
  table.on("rowClick", (event, row) => {
    if (event.target.closest(".detail")) return;
    const { source } = row.getData();
    if (!OPEN.delete(source)) OPEN.add(source);
    row.reformat();
    row.normalizeHeight();
  });
  table.on("dataFiltered", (_, rows) => { document.getElementById("shown").textContent = `${count(rows.length)} of ${count(videos.length)}`; });
  const search = document.getElementById("search"), state = document.getElementById("state");
  function filterTable() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    table.setFilter((video) => (!state.value || video.state === state.value) && words.every((word) => video.text.includes(word)));
  }
  search.addEventListener("input", filterTable);
  state.addEventListener("change", filterTable);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.closest("input, select")) { event.preventDefault(); search.focus(); }
  });
}
