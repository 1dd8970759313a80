// The page of a comparison: two pictures side by side, their difference, and the curves of the measures.
"use strict";

const byId = (id) => document.getElementById(id);
const NAMES = { truth: "true frame", before: "source frame before", after: "source frame after" };
const KINDS = [...DATA.labels, "truth", "before", "after"];
const shown = { frame: 0, left: "truth", right: DATA.labels.at(-1), measure: 0 };
const seriesColor = (number) => color(`series-${number % 6}`);

// ---- pictures ----

for (const id of ["left", "right"]) {
  byId(id).append(...KINDS.map((kind) => element("option", NAMES[kind] ?? kind, { value: kind })));
  byId(id).addEventListener("change", () => show({ [id]: byId(id).value }));
}

function show(changes) {
  Object.assign(shown, changes);
  const frame = DATA.frames[shown.frame];
  if (!frame) return;
  for (const id of ["left", "right"]) {
    byId(id).value = shown[id];
    const picture = byId(`${id}-picture`);
    picture.src = frame.files[shown[id]];
    picture.alt = `${NAMES[shown[id]] ?? shown[id]} of ${frame.name}`;
  }
  const scores = [shown.left, shown.right].filter((kind) => DATA.labels.includes(kind))
    .map((label) => `${label} ${frame.psnr_db[label]?.toFixed(2) ?? "–"} dB`);
  byId("which").textContent = [`${frame.name} (${shown.frame + 1} of ${DATA.frames.length} shown)`,
    ...scores, ...(frame.is_held ? ["held: a cut or a repeat"] : [])].join(" · ");
  if (byId("difference").checked) drawDifference(frame);
}

async function drawDifference(frame) {
  const [left, right] = await Promise.all(["left", "right"].map((id) => pixels(frame.files[shown[id]])));
  const canvas = byId("difference-picture");
  canvas.width = left.width;
  canvas.height = left.height;
  const made = new ImageData(left.width, left.height);
  for (let at = 0; at < made.data.length; at += 1) {
    made.data[at] = at % 4 === 3 ? 255 : 4 * Math.abs(left.data[at] - right.data[at]);
  }
  canvas.getContext("2d").putImageData(made, 0, 0);
}

async function pixels(source) {
  const picture = new Image();
  picture.src = source;
  await picture.decode();
  const canvas = new OffscreenCanvas(picture.naturalWidth, picture.naturalHeight);
  const pen = canvas.getContext("2d");
  pen.drawImage(picture, 0, 0);
  return pen.getImageData(0, 0, canvas.width, canvas.height);
}

byId("difference").addEventListener("change", () => {
  const isOn = byId("difference").checked;
  byId("slider").style.display = isOn ? "none" : "";
  byId("difference-picture").hidden = !isOn;
  show({});
});

// ---- zoom: both pictures at the same place ----

const viewer = byId("viewer"), pointer = { x: 50, y: 50 };
viewer.addEventListener("pointermove", (event) => {
  const box = viewer.getBoundingClientRect();
  pointer.x = (event.clientX - box.left) / box.width * 100;
  pointer.y = (event.clientY - box.top) / box.height * 100;
});

function zoom(factor) {
  viewer.style.setProperty("--zoom", factor);
  viewer.style.setProperty("--at-x", `${pointer.x}%`);
  viewer.style.setProperty("--at-y", `${pointer.y}%`);
  viewer.toggleAttribute("data-zoomed", factor > 2);
  byId("zoom").value = String(factor);
}
byId("zoom").addEventListener("change", () => zoom(Number(byId("zoom").value)));

// ---- curves ----

byId("measure").append(...DATA.measures.map((measure, number) => element("option", measure.name, { value: number })));
byId("measure").addEventListener("change", () => { shown.measure = Number(byId("measure").value); draw(); });

let curves = null;
const shownNumbers = new Map(DATA.frames.map((frame, place) => [frame.number, place]));

function draw() {
  document.querySelectorAll(".series").forEach((mark) => { mark.style.background = seriesColor(Number(mark.dataset.series)); });
  const place = byId("curves"), measure = DATA.measures[shown.measure];
  curves?.destroy();
  const axis = { stroke: color("quiet"), grid: { stroke: color("line"), width: 1 }, ticks: { stroke: color("line") } };
  const isShown = DATA.numbers.flatMap((number, index) => (shownNumbers.has(number) ? [index] : []));
  curves = new uPlot({
    width: place.clientWidth,
    height: 260,
    scales: { x: { time: false } },
    axes: [axis, { ...axis, size: 60 }],
    series: [
      { label: "frame" },
      ...DATA.labels.map((label, number) => ({
        label,
        stroke: seriesColor(number),
        width: 2,
        value: (_, value) => (value === null ? "–" : value.toFixed(measure.digits)),
        points: { show: true, size: 7, filter: () => isShown },
      })),
    ],
    hooks: { ready: [(chart) => chart.over.addEventListener("click", () => jumpTo(DATA.numbers[chart.cursor.idx]))] },
  }, [DATA.numbers, ...measure.values], place);
}

function jumpTo(number) {
  if (number === undefined) return;
  const distance = (frame) => Math.abs(frame.number - number);
  const nearest = DATA.frames.reduce((best, frame) => (distance(frame) < distance(best) ? frame : best));
  show({ frame: shownNumbers.get(nearest.number) });
}

// ---- keys ----

const step = (by) => show({ frame: (shown.frame + by + DATA.frames.length) % DATA.frames.length });
byId("previous").addEventListener("click", () => step(-1));
byId("next").addEventListener("click", () => step(1));
byId("slider").setAttribute("keyboard", "disabled");
document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, select") || event.ctrlKey || event.metaKey || event.altKey) return;
  const label = DATA.labels[Number(event.key) - 1];
  if (event.key === "ArrowLeft") step(-1);
  else if (event.key === "ArrowRight") step(1);
  else if (label) show({ right: label });
  else if (event.key === "t") show({ left: "truth" });
  else if (event.key === "d") byId("difference").click();
  else if (event.key === "z") zoom(Number(byId("zoom").value) > 1 ? 1 : 4);
  else return;
  event.preventDefault();
});

show({});
draw();
document.addEventListener("colors", draw);
addEventListener("resize", draw);
