"""Init: write a commented manifest for the videos of a folder, or copy an example."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from slomo_batch.errors import SlomoError
from slomo_batch.manifest.inputs import find_sources, input_of
from slomo_batch.manifest.load import load
from slomo_batch.manifest.output_names import is_pattern
from slomo_batch.media.probe import Probe
from slomo_batch.media.reader import RangeReader
from slomo_batch.records.requests import Source
from slomo_batch.report.units import counted, size
from slomo_batch.sandbox.confined import probe
from slomo_batch.sanitize import one_line
from slomo_batch.storage.s3_options import S3Options
from slomo_batch.uri import Uri, double_braces, split_s3
from slomo_batch.wiring import locate

MOST_PROBED = 200
"""Videos that are examined; of a larger folder, some evenly spread ones."""
_AT_A_TIME = 4
_NAMED = 5
"""Files that a comment names."""
_LINES = 12
"""Comments of one kind."""
_EXAMPLES = files("slomo_batch") / "examples"
_CLIPS_IN_EXAMPLES = "jobs/clips"


_KINDS: Mapping[str, Callable[[Probe], bool]] = {
    "interlaced": lambda found: found.facts.scan.is_interlaced and not found.facts.scan.varies,
    "telecined or partly interlaced, so decoded once before planning": lambda found: found.facts.scan.varies,
    "HDR": lambda found: found.facts.color.is_hdr,
    "with Dolby Vision, of which only the base layer is kept": lambda found: found.facts.side_data.has_dolby_vision,
    "with alpha": lambda found: found.facts.has_alpha,
    "whose picture size changes": lambda found: bool(found.facts.fitted_sizes),
    "with a variable frame rate": lambda found: found.timeline.rate is None,
}
"""What is odd about some videos, and whether it is so of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One source, and what is in it."""

    source: Source
    name: str
    """Relative to the folder."""
    found: Probe | None = None
    problem: str = ""
    """Why it cannot be converted."""


def look_into(folder: str, on_progress: Callable[[int, int], None]) -> tuple[int, list[Look]]:
    """Probe the videos of a folder; return how many it has, and what is in those that were probed.

    Args:
        folder: a path or an s3:// prefix.
        on_progress: called with the number of videos examined so far, and of all to examine.

    Raises:
        ManifestError: there is no video.
        StorageError: the folder cannot be listed.
    """
    sources = find_sources([input_of({"uri": f"{literal_folder(folder)}/"})], partial(locate, s3=S3Options()))
    step = -(-len(sources) // MOST_PROBED)
    chosen = sources[::step]
    root = Uri.parse(folder).rstrip("/")
    looks = []
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        for look in pool.map(partial(_look, root=root), chosen):
            looks.append(look)
            on_progress(len(looks), len(chosen))
    return len(sources), looks


def _look(source: Source, *, root: str) -> Look:
    name = source.uri.removeprefix(f"{root}/")
    store, key = locate(source.uri, s3=S3Options())
    reader = RangeReader(partial(store.get_range, key, fingerprint=source.fingerprint), source.size_bytes)
    try:
        return Look(source=source, name=name, found=probe(reader, name))
    except SlomoError as error:
        return Look(source=source, name=name, problem=str(error).removeprefix(f"{name}: "))


# ---- the manifest --------------------------------------------------------------------------------------------------


def manifest_of_folder(folder: str, num_videos: int, looks: Sequence[Look]) -> str:
    """Return the text of a manifest for the videos of a folder, which is valid."""
    typed = literal_folder(folder)
    bucket, key = split_s3(typed)
    here, is_bucket = typed in {".", ""}, bool(bucket and not key)
    output = "slow" if here else double_braces(f"{folder.rstrip('/')}{'/slow' if is_bucket else '-slow'}")
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", Uri.parse(typed).rstrip("/").rpartition("/")[2]).strip("-._") or "videos"
    left_out = [*(["slow/**"] if here or is_bucket else []), *(_glob_of(look.name) for look in looks if look.problem)]
    text = "".join(
        f"{one_line(line)}\n"
        for line in (
            "# Written by `slomo-batch init`. docs/manifest.md explains every key.",
            *_overview(num_videos, looks),
            "version: 1",
            f"name: {name[:100]}                 # a second run with this name continues the first",
            "inputs:",
            f"  - uri: {_quoted(f'{typed}/')}",
            *(f"    except: [{', '.join(map(_quoted, left_out))}]" for _ in left_out[:1]),
            "output:",
            f"  uri: {_quoted(f'{output}/{{relpath}}/{{stem}}.slomo.mp4')}   # .mov, .mkv and .webm are possible too",
            "  exists: skip                  # replace: overwrite files that this job did not make",
            "retime:",
            "  slowdown: 4                   # the output lasts four times as long; 1 keeps the duration",
            '  fps: source                   # output frame rate: source, 60, "60000/1001", x2',
            "interpolate:",
            "  method: superslomo            # the neural network; `slomo-batch compare FILE` measures the others",
            *_settings(looks),
        )
    )
    load(text, where="the manifest of this folder")
    return text


def literal_folder(folder: str) -> str:
    """Return a folder as a manifest names it: as typed, or percent-encoded if it could be taken for a pattern."""
    typed = folder.rstrip("/") or "/"
    return f"file://{quote(Uri.parse(typed))}" if is_pattern(typed) and not split_s3(typed)[0] else typed


def _overview(num_videos: int, looks: Sequence[Look]) -> Iterator[str]:
    """Comments on what the folder has, and what is odd."""
    total = sum(look.source.size_bytes for look in looks)
    whole = "" if num_videos == len(looks) else f"; {len(looks)} of them were examined"
    yield f"# {counted(num_videos, 'video')}{whole}, {size(total)}"
    facts = [(look, look.found.facts) for look in looks if look.found]
    yield from _comment("pictures", ((f"{one.width}x{one.height}", look) for look, one in facts))
    rates = ((_rate(look.found), look) for look in looks if look.found)
    yield from _comment("frames per second", rates)
    for kind, is_of_kind in _KINDS.items():
        those = [look for look in looks if look.found and is_of_kind(look.found)]
        yield from (f"# {len(those)} {kind}: {_names(those)}" for _ in those[:1])
    left_out = [look for look in looks if look.problem]
    yield from (f"# left out: {look.name}: {look.problem}" for look in left_out[:_LINES])
    yield from (f"# left out: {len(left_out) - _LINES} more" for _ in left_out[_LINES:][:1])


def _comment(what: str, values: Iterable[tuple[str, Look]]) -> Iterator[str]:
    """A line for all sources with one value; if there are several values, a line for each, with names."""
    by_value: dict[str, list[Look]] = {}
    for value, look in values:
        by_value.setdefault(value, []).append(look)
    if len(by_value) == 1:
        yield f"# {what}: {next(iter(by_value))}"
        return
    ordered = sorted(by_value.items(), key=lambda one: -len(one[1]))
    yield from (f"# {what}: {value} in {len(looks)}: {_names(looks)}" for value, looks in ordered[:_LINES])
    yield from (f"# {what}: {len(ordered) - _LINES} other values" for _ in ordered[_LINES:][:1])


def _rate(found: Probe) -> str:
    return f"{float(found.timeline.nominal_rate):.4g}"


def _names(looks: Sequence[Look]) -> str:
    more = f" and {len(looks) - _NAMED} more" if len(looks) > _NAMED else ""
    return ", ".join(look.name for look in looks[:_NAMED]) + more


def _settings(looks: Sequence[Look]) -> Iterator[str]:
    facts = [look.found.facts for look in looks if look.found]
    if any(one.scan.is_interlaced for one in facts):
        yield "deinterlace: field              # a frame of each field, twice the rate; frame: one of each picture"
    if any(one.audio for one in facts):
        yield "audio: auto                     # stretched at the same pitch; drop: no audio"
    comment = "HEVC for the HDR videos, else H.264" if any(one.color.is_hdr for one in facts) else "H.264"
    yield "encode:"
    yield f"  codec: auto                   # {comment}"
    yield "  quality: 18                   # a smaller number means better quality and larger files"


def _glob_of(name: str) -> str:
    """A glob that matches only this name."""
    return re.sub(r"([*?\[])", r"[\1]", name)


def _quoted(text: str) -> str:
    """Text as a YAML scalar; with control characters, in double quotes, which escape them as JSON does."""
    return "'" + text.replace("'", "''") + "'" if text.isprintable() else json.dumps(text)


# ---- examples ------------------------------------------------------------------------------------------------------


def example(name: str) -> str:
    """Return the text of an example. Where it names the sample clip, it names that of this installation."""
    clips = Path(str(_EXAMPLES / "clips"))
    return (_EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8").replace(_CLIPS_IN_EXAMPLES, str(clips))
