// The page of a plan: the table of its videos.
"use strict";

const VIDEOS = DATA.videos.map((row) => Object.fromEntries(DATA.columns.map((name, place) => [name, row[place]])));
for (const video of VIDEOS) {
  video.name = baseName(video.source);
  video.notes = video.notes.map((number) => DATA.notes[number]);
  video.num_notes = video.notes.length;
  video.pixels = video.width * video.height;
  video.text = [video.source, video.output, video.settings, video.problem, ...video.notes].join("\n").toLowerCase();
}

const orNothing = (show) => (value) => (value ? show(value) : "");
const price = (hours) => (hours * DATA.price_per_hour).toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const knows = (name) => VIDEOS.some((video) => video[name]);

const table = new Tabulator("#table", {
  data: VIDEOS,
  ...TABLE_OPTIONS,
  columns: [
    { title: "Video", field: "name", minWidth: 150, widthGrow: 3, responsive: 0, tooltip: (_, cell) => cell.getData().source },
    { title: "State", field: "state", width: 80, responsive: 0 },
    numberColumn("Source", "source_s", orNothing(seconds), { responsive: 5, width: 100 }),
    numberColumn("Output", "output_s", orNothing(seconds), { responsive: 2, width: 100 }),
    numberColumn("Frames", "frames", orNothing(count), { responsive: 2, width: 95 }),
    {
      title: "Picture", field: "pixels", sorter: "number", width: 150, responsive: 3,
      formatter: (cell) => { const { width, height, fps } = cell.getData(); return width ? `${width}x${height}, ${fps} fps` : ""; },
    },
    numberColumn("Size", "size_bytes", orNothing((number) => `~${bytes(number)}`), { responsive: 4, width: 100 }),
    ...(knows("hours") ? [numberColumn("Time", "hours", orNothing((hours) => seconds(3600 * hours)), { responsive: 1, width: 110 })] : []),
    ...(knows("hours") && DATA.price_per_hour !== null ? [numberColumn("Price", "hours", orNothing(price), { responsive: 2, width: 90 })] : []),
    numberColumn("Notes", "num_notes", orNothing(count), { responsive: 2, width: 80 }),
    ...(knows("settings") ? [{ title: "Settings", field: "settings", minWidth: 120, widthGrow: 2, responsive: 5 }] : []),
  ],
});

function detailOf(video) {
  const place = element("div", undefined, { class: "detail" });
  place.append(detailList([
    ["source", video.source],
    ["output", video.output],
    ["problem", video.problem],
    ["frames", video.frames && `${count(video.source_frames)} → ${count(video.frames)} in ${count(video.chunks)} chunk${video.chunks === 1 ? "" : "s"}`],
    ["settings", video.settings],
    ...video.notes.map((note) => ["note", note]),
  ]));
  return place;
}

connectTable(table, VIDEOS);
