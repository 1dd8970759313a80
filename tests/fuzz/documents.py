"""Generate any number of bad manifests and tables, the same on every machine."""

import io
import json
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

Random = np.random.Generator

# ---- manifests -----------------------------------------------------------------------------------------------------

WHOLE: dict[str, Any] = {
    "version": 1,
    "name": "fuzz",
    "inputs": [{"uri": "in/*.mp4"}, {"uri": "in/a.mp4", "retime": {"slowdown": 8}}],
    "output": {"uri": "out/{stem}.mkv", "exists": "skip"},
    "work": "work",
    "retime": {"slowdown": 4, "fps": "source"},
    "interpolate": {"method": "blend", "weights": "compact", "cuts": "hold", "precision": "auto", "flow_scale": "auto"},
    "encode": {"codec": "ffv1", "quality": 18, "preset": "medium", "encoder": "auto", "pixel_format": "auto"},
    "audio": "auto",
    "chunks": {"pairs": "auto"},
    "cluster": {"address": "inline", "workers": {"max": 2}},
    "retries": {"chunk": 3},
    "storage": {"endpoint_url": "http://127.0.0.1:1"},
    "limits": {"max_held_frames": 12},
}
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**63, 2**200, 0.5, -0.0, float("nan"), float("inf"), 1e-300),
    *(
        "",
        " ",
        "0",
        "1/0",
        "5/2",
        "x2",
        "x0",
        "-4",
        "1e9",
        "NaN",
        "auto",
        "no",
        "~",
        "null",
        "010",
        "1_000",
        "12:30:45",
    ),
    *("in/*.mp4", "in/[", "in/**/**", "../..", "/", "~nobody-of-that-name/x", "s3://", "s3://Bad_Bucket!/x", "s3://b"),
    *("file://[/x", "http://[::1/x", "gdrive://x/a.mp4", "a\0b", "\ud800", "é" * 200, "a" * 5000, "{stem}", "{nope}"),
    *("{", "}", "{{stem}}.mp4", "out/{relpath}/{stem}.mp4", "\u202e.mp4", "\x1b[31mred", "a\nb", "C:\\x\\y.mp4"),
    *([], [[]], [None], ["x"], {}, {"": ""}, {"uri": None}, {1: 2}, date(2020, 1, 1), datetime(1, 1, 1)),  # noqa: DTZ001
)
TEXT_PIECES: tuple[str, ...] = (
    "\t",
    "\0",
    "\ufeff",
    "\r",
    "&a ",
    "*a",
    "!!python/object:os.system ",
    "? ",
    "- ",
    ": ",
    "[",
    "{",
    '"',
    "'",
)
TEXT_PIECES += ("---\n", "...\n", "%YAML 9.9\n", "<<: *a\n", "#", "|", ">", "\u2028", "\x85", "!!binary ", "!!set ")


def manifest_text(number: int) -> str:
    """The manifest of this number, from 0 on; most are wrong."""
    rng = np.random.default_rng([number, 11])
    if number % 200 == 0:
        return _bomb(rng)
    data = json.loads(json.dumps(WHOLE))
    for _ in range(int(rng.integers(0, 4))):
        _change_tree(data, rng)
    text = yaml.safe_dump(data, allow_unicode=bool(rng.random() < 0.5))
    for _ in range(int(rng.integers(0, 3)) if rng.random() < 0.5 else 0):
        text = _change_text(text, rng)
    return text


def overrides(number: int) -> list[str]:
    """Settings of the command line for the manifest of this number; for most there are none."""
    rng = np.random.default_rng([number, 13])
    if rng.random() < 0.8:
        return []
    keys = ("encode.codec", "inputs", "inputs.0.uri", "a.b.c", "retime", "", ".", "retime.slowdown", "encode..codec")
    value = ODD_VALUES[int(rng.integers(len(ODD_VALUES)))]
    return [f"{keys[int(rng.integers(len(keys)))]}={value}"]


def _change_tree(data: Any, rng: Random) -> None:
    """Change one place of a tree of mappings and lists."""
    places = list(_places(data))
    holder, key = places[int(rng.integers(len(places)))]
    way = int(rng.integers(5))
    if way == 0:
        del holder[key]
    elif way == 1 and isinstance(holder, dict):
        holder[f"{key}{chr(int(rng.integers(32, 1000)))}"] = holder.pop(key)
    elif way == 2:
        other, at = places[int(rng.integers(len(places)))]
        holder[key] = json.loads(json.dumps(other[at], default=str))
    else:
        holder[key] = ODD_VALUES[int(rng.integers(len(ODD_VALUES)))]


def _places(tree: Any) -> list[tuple[Any, Any]]:
    keys = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
    found = [(tree, key) for key in keys]
    for key in keys:
        if isinstance(tree[key], dict | list):
            found += _places(tree[key])
    return found


def _change_text(text: str, rng: Random) -> str:
    at, lines = int(rng.integers(len(text) + 1)), text.split("\n")
    row = int(rng.integers(len(lines)))
    piece = TEXT_PIECES[int(rng.integers(len(TEXT_PIECES)))]
    ways: tuple[Callable[[], str], ...] = (
        lambda: text[:at] + piece + text[at:],
        lambda: text[:at],
        lambda: text[:at] + text[at + int(rng.integers(1, 20)) :],
        lambda: "\n".join([*lines[:row], lines[row], *lines[row:]]),
        lambda: "\n".join([*lines[:row], "  " + lines[row], *lines[row + 1 :]]),
        lambda: text[:at] + chr(int(rng.integers(1, 0x2FF))) + text[at:],
    )
    return ways[int(rng.integers(len(ways)))]()


def _bomb(rng: Random) -> str:
    """Few bytes that expand to many: nesting, anchors, long lists and lines."""
    size = int(rng.integers(1000, 20000))
    anchors = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{level}: &a{level} [{','.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 12)
    )
    bombs = ("[" * size, "{a: " * size, anchors, "- x\n" * size, "inputs: [" + "{uri: x}, " * (size // 10) + "]\n")
    return bombs[int(rng.integers(len(bombs)))]


# ---- tables --------------------------------------------------------------------------------------------------------

CELLS = [value for value in ODD_VALUES if isinstance(value, str | int | float | None)]
COLUMNS = ("uri", "retime.slowdown", "retime.fps", "encode.codec", "audio", "comment", "URI", "", "retime", "a.b.c")
TABLE_SUFFIXES = (".csv", ".jsonl", ".parquet")


def table(number: int) -> tuple[str, bytes]:
    """The suffix and bytes of the table of this number, from 0 on; half of them are damaged as files too."""
    rng = np.random.default_rng([number, 17])
    suffix = TABLE_SUFFIXES[number % 3]
    rows = [_row(rng) for _ in range(int(rng.integers(0, 5)))]
    data = bytearray({".csv": _csv, ".jsonl": _json_lines, ".parquet": _parquet}[suffix](rows, rng))
    if data and rng.random() < 0.5:
        at = int(rng.integers(len(data)))
        way = int(rng.integers(4))
        if way == 0:
            del data[at:]
        elif way == 1:
            data[at] ^= 1 << int(rng.integers(8))
        elif way == 2:
            data[at:at] = rng.bytes(int(rng.integers(1, 9)))
        else:
            data[at : at + 8] = bytes(len(data[at : at + 8]))
    return suffix, bytes(data)


def _row(rng: Random) -> dict[str, Any]:
    row: dict[str, Any] = {"uri": "in/a.mp4"} if rng.random() < 0.8 else {}
    for _ in range(int(rng.integers(0, 3))):
        row[COLUMNS[int(rng.integers(len(COLUMNS)))]] = CELLS[int(rng.integers(len(CELLS)))]
    return row


def _csv(rows: list[dict[str, Any]], rng: Random) -> bytes:
    columns = list(dict.fromkeys(column for row in rows for column in row)) or ["uri"]
    mark = (",", ";", "\t", "|")[int(rng.integers(4))]
    lines = [mark.join(columns), *(mark.join(str(row.get(column, "")) for column in columns) for row in rows)]
    coding = ("utf-8", "utf-8-sig", "utf-16", "latin-1")[int(rng.integers(4)) if rng.random() < 0.3 else 0]
    return "\n".join(lines).encode(coding, "surrogatepass" if coding.startswith("utf") else "replace")


def _json_lines(rows: list[dict[str, Any]], _: Random) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


def _parquet(rows: list[dict[str, Any]], rng: Random) -> bytes:
    """Columns of the types that a database hands out, not only of text."""
    uris = [str(row.get("uri", "in/a.mp4")).encode("utf-8", "replace").decode() for row in rows]
    columns: dict[str, pa.Array] = {"uri": pa.array(uris, pa.string())}
    numbers = rng.integers(-(2**31), 2**31, len(rows)).tolist()
    wide = (rng.integers(-(2**62), 2**62, len(rows))).tolist()
    kinds = (
        lambda: pa.array(numbers, pa.date32()),
        lambda: pa.array(wide, pa.timestamp("us", tz="Mars/Olympus")),
        lambda: pa.array([number >> 11 for number in wide], pa.timestamp("s")),
        lambda: pa.array(wide, pa.duration("ns")),
        lambda: pa.array([[number] for number in numbers]),
        lambda: pa.array([{"slowdown": number % 9} for number in numbers], pa.struct([("slowdown", pa.int64())])),
        lambda: pa.array([rng.bytes(4) for _ in numbers], pa.binary()),
        lambda: pa.array([number % 2 == 0 for number in numbers]),
        lambda: pa.array([number / 7 for number in numbers]),
    )
    for _ in range(int(rng.integers(0, 3))):
        columns[COLUMNS[int(rng.integers(1, len(COLUMNS)))]] = kinds[int(rng.integers(len(kinds)))]()
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()
