// The page of a job: the curve of its throughput, its timeline and the table of its videos.
"use strict";

// ---- throughput ----

let curve = null;

function clock(at, place, times) {
  const text = new Date(at * 1000).toISOString(), day = text.slice(5, 10);
  const isNewDay = place === 0 || day !== new Date(times[place - 1] * 1000).toISOString().slice(5, 10);
  const seconds = times.length > 1 && times[1] - times[0] < 60 ? text.slice(11, 19) : text.slice(11, 16);
  return isNewDay ? `${seconds}\n${day}` : seconds;
}

function drawCurve() {
  const place = document.getElementById("curve");
  curve?.destroy();
  const axis = { stroke: color("quiet"), grid: { stroke: color("line"), width: 1 }, ticks: { stroke: color("line") } };
  curve = new uPlot({
    width: place.clientWidth,
    height: 220,
    tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
    scales: { y: { range: (_, least, most) => [0, Math.max(1, most * 1.05)] } },
    axes: [{ ...axis, space: 80, values: (_, times) => times.map(clock) }, { ...axis, size: 60 }],
    series: [
      { label: "UTC", value: (_, at) => (at === null ? "" : new Date(at * 1000).toISOString().slice(0, 19).replace("T", " ")) },
      { label: "frames/s", stroke: color("accent"), width: 2, fill: color("accent").replace("rgb(", "rgba(").replace(")", ", 0.15)"), paths: uPlot.paths.stepped({ align: 1 }) },
    ],
  }, DATA.throughput, place);
}

// ---- timeline ----

const ROW = 18, LABELS = 190, TOP = 22;
const lanes = document.getElementById("lanes"), canvas = lanes.querySelector("canvas");
const view = { begin: 0, end: DATA.span_s };

function laneX(at) {
  return LABELS + (at - view.begin) / (view.end - view.begin) * (lanes.clientWidth - LABELS);
}

function drawLanes() {
  const width = lanes.clientWidth, height = TOP + ROW * DATA.tracks.length, scale = devicePixelRatio || 1;
  canvas.width = width * scale;
  canvas.height = height * scale;
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  pen.font = "12px system-ui, sans-serif";
  pen.textBaseline = "middle";
  const colors = [color("accent"), color("step"), color("bad")];
  const text = color("text"), quiet = color("quiet"), line = color("line");
  drawTimes(pen, width, height, quiet, line);
  DATA.tracks.forEach((track, row) => {
    const y = TOP + row * ROW;
    pen.fillStyle = text;
    pen.fillText(`${track.host} ${track.name}`, 6, y + ROW / 2, LABELS - 12);
    for (const [begin, lasts, kind] of track.pieces) {
      const from = Math.max(LABELS, laneX(begin)), to = laneX(begin + lasts);
      if (to < LABELS || from > width) continue;
      pen.fillStyle = colors[kind];
      pen.fillRect(from, y + 2, Math.max(1, to - from - 0.5), ROW - 4);
    }
  });
}

function drawTimes(pen, width, height, quiet, line) {
  const span = view.end - view.begin;
  const most = Math.max(1, Math.min(8, (width - LABELS) / 130));  // so that times do not overlap
  const step = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400, 604800].find((s) => span / s <= most) ?? 2592000;
  pen.strokeStyle = line;
  pen.fillStyle = quiet;
  for (let at = Math.ceil(view.begin / step) * step; at <= view.end; at += step) {
    const x = laneX(at);
    pen.beginPath();
    pen.moveTo(x, TOP - 4);
    pen.lineTo(x, height);
    pen.stroke();
    pen.fillText(at ? `+${seconds(at)}` : "0 s", Math.min(x + 2, width - 60), TOP / 2);
  }
}

function describePiece([begin, lasts, kind, number, video, chunk, step]) {
  const what = number > 1 ? `${count(number)} attempts` : `${chunk === null ? step : `chunk ${chunk}`} of ${DATA.uris[video]}`;
  return `${what}${kind === 2 ? ", failed" : ""}, from +${seconds(begin)}, ${lasts < 10 ? `${lasts.toFixed(1)} s` : seconds(lasts)}`;
}

function zoomTo(begin, end) {
  const least = DATA.span_s / 10000;
  if (end - begin < least) return;
  view.begin = Math.max(0, begin);
  view.end = Math.min(DATA.span_s, end);
  drawLanes();
}

function timeAt(event) {
  const x = event.clientX - lanes.getBoundingClientRect().left;
  return view.begin + Math.max(0, x - LABELS) / (lanes.clientWidth - LABELS) * (view.end - view.begin);
}

let dragFrom = null;
lanes.addEventListener("pointerdown", (event) => { dragFrom = timeAt(event); });
lanes.addEventListener("pointerup", (event) => {
  const [begin, end] = [dragFrom ?? timeAt(event), timeAt(event)].sort((a, b) => a - b);
  dragFrom = null;
  if (end - begin > (view.end - view.begin) / 100) zoomTo(begin, end);
});
lanes.addEventListener("dblclick", () => zoomTo(0, DATA.span_s));
lanes.addEventListener("pointermove", (event) => {
  const at = timeAt(event), y = event.clientY - canvas.getBoundingClientRect().top;
  const track = DATA.tracks[Math.floor((y - TOP) / ROW)];
  const piece = track?.pieces.find(([begin, lasts]) => begin <= at && at <= begin + lasts);
  document.getElementById("lane-text").textContent = piece ? `${track.host} ${track.name}: ${describePiece(piece)}` : "";
});
lanes.addEventListener("keydown", (event) => {
  const span = view.end - view.begin, middle = (view.begin + view.end) / 2;
  const moves = { ArrowLeft: -span / 4, ArrowRight: span / 4 }[event.key];
  const factor = { "+": 0.5, "=": 0.5, "-": 2 }[event.key];
  if (moves) zoomTo(...within(view.begin + moves, span));
  else if (factor) zoomTo(middle - span * factor / 2, middle + span * factor / 2);
  else if (event.key === "0") zoomTo(0, DATA.span_s);
  else return;
  event.preventDefault();
});

function within(begin, span) {
  const from = Math.min(Math.max(0, begin), DATA.span_s - span);
  return [from, from + span];
}

// ---- videos ----

const VIDEOS = DATA.videos.map((row) => Object.fromEntries(DATA.columns.map((name, place) => [name, row[place]])));
for (const video of VIDEOS) {
  video.name = baseName(video.source);
  video.notes = video.notes.map((number) => DATA.notes[number]);
  video.text = [video.source, video.output, video.error, video.reason, ...video.notes].join("\n").toLowerCase();
}

const table = new Tabulator("#table", {
  data: VIDEOS,
  ...TABLE_OPTIONS,
  columns: [
    { title: "Video", field: "name", minWidth: 180, widthGrow: 3, responsive: 0, tooltip: (_, cell) => cell.getData().source },
    { title: "State", field: "state", width: 110, responsive: 0 },
    numberColumn("Frames", "frames", count, { responsive: 1 }),
    numberColumn("Made", "made", count, { responsive: 4 }),
    numberColumn("Held", "held", count, { responsive: 5 }),
    numberColumn("Plays", "duration_s", seconds, { responsive: 3 }),
    numberColumn("Size", "size_bytes", bytes, { responsive: 3 }),
    numberColumn("Machine time", "machine_s", seconds, { responsive: 2, width: 145 }),
    numberColumn("Failed tries", "failed_attempts", count, { responsive: 4, width: 130 }),
    numberColumn("Notes", "num_notes", count, { responsive: 2, width: 85 }),
  ],
});

// By source: the strips of its chunks, which lie beside the page. They are fetched when a video is opened.
const STRIPS = new Map();
for (const strip of DATA.strips) {
  const source = VIDEOS[strip[0]].source;
  STRIPS.set(source, [...(STRIPS.get(source) ?? []), strip]);
}
const MOST_STRIPS = 24;

function stripsOf(strips) {
  const place = element("div", undefined, { class: "strips" });
  for (const [, path, frame, doubt] of strips.slice(0, MOST_STRIPS)) {
    const figure = element("figure");
    const caption = `frame ${count(frame)}${doubt === null ? "" : `, doubt ${doubt}/16`}`;
    const picture = element("img", undefined, { src: `${DATA.folder}/${path}`, alt: `Three frames at ${caption}` });
    picture.addEventListener("error", () => figure.remove());
    figure.append(picture, element("figcaption", caption));
    place.append(figure);
  }
  return place;
}

function detailOf(video) {
  const place = element("div", undefined, { class: "detail" });
  place.append(detailList([
    ["source", video.source],
    ["output", video.output],
    ["error", video.reason && `${video.error}: ${video.reason}`],
    ...video.notes.map((note) => ["note", note]),
  ]));
  const strips = STRIPS.get(video.source) ?? [];
  if (strips.length) place.append(stripsOf(strips));
  return place;
}

connectTable(table, VIDEOS);

// ---- worth a look ----

document.getElementById("more")?.addEventListener("click", (event) => {
  document.querySelectorAll("#look figure[hidden]").forEach((figure) => { figure.hidden = false; });
  event.target.remove();
});

// A strip is a source frame, a frame made after it, and the next source frame, which is missing at the end of a chunk.
async function slide(figure) {
  const picture = figure.querySelector("img"), number = await picturesIn(picture);
  const slider = element("img-comparison-slider", undefined, { tabindex: "0" });
  for (const [place, slot] of ["first", "second"].entries()) {
    const half = element("div", undefined, { slot, class: "half" });
    half.append(element("img", undefined, { src: picture.src, alt: slot === "first" ? "Source frame" : "Made frame",
      style: `width: ${100 * number}%; transform: translateX(${-100 * place / number}%)` }));
    slider.append(half);
  }
  picture.hidden = true;
  picture.after(slider);
}

async function picturesIn(picture) {
  await picture.decode();
  const canvas = new OffscreenCanvas(picture.naturalWidth, picture.naturalHeight), pen = canvas.getContext("2d");
  pen.drawImage(picture, 0, 0);
  const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
  const unlikeness = (number) => {  // of the first two pictures, if there are so many
    const width = Math.floor(canvas.width / number);
    let sum = 0;
    for (let y = 0; y < canvas.height; y += 4) {
      for (let x = 0; x < width; x += 4) {
        const at = 4 * (y * canvas.width + x);
        sum += Math.abs(data[at] - data[at + 4 * width]);
      }
    }
    return sum / width;
  };
  return unlikeness(2) < unlikeness(3) ? 2 : 3;
}

document.getElementById("look")?.addEventListener("click", (event) => {
  if (!event.target.matches(".slide")) return;
  const figure = event.target.closest("figure"), slider = figure.querySelector("img-comparison-slider");
  if (slider) {
    slider.remove();
    figure.querySelector("img").hidden = false;
  } else slide(figure);
  event.target.textContent = slider ? "Slider" : "Strip";
});

// ---- drawing ----

function draw() {
  drawCurve();
  drawLanes();
}
draw();
document.addEventListener("colors", draw);
addEventListener("resize", draw);
