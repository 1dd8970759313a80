"""Whole commands against FFmpeg's minterpolate, many clips on one core and on all, the demo (make bench).

Prints the tables of docs/benchmarks/README.md, in Markdown. All of it takes a quarter of an hour on two idle cores.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

import pytest
import yaml

from slomo_batch.interpolators.superslomo.shipped_weights import shipped_names
from tests.benchmarks.commands import Measured, measure, minterpolate, slomo_batch
from tests.benchmarks.network_alone import seconds_alone
from tests.benchmarks.phases import PHASES, WORK, Phase, phases_of
from tests.benchmarks.test_speed import circumstances, stage_seconds
from tests.end_to_end.running import Job, excerpt

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]
PRESET, CRF, RATE = "medium", 18, 25
CLIPS: Mapping[str, tuple[int, int]] = {"640x360": (49, 5), "1280x720": (25, 5), "1920x1080": (13, 3)}
"""By size: frames of the clip, and rounds."""
CLIP_ROUNDS = 3
CORES = sorted(os.sched_getaffinity(0))
ROOT = Path(__file__).parents[2]

Row = Sequence[str | float]
HEADINGS: Mapping[str, Row] = {
    "commands": (
        "clip", "command", "wall, s", "CPU, s", "cores busy", "cores busy during all steps", "peak memory, MiB",
        "wall, to minterpolate's",
    ),
    "phases of superslomo: wall, s, and cores busy": ("clip", *PHASES),
    "stages of superslomo: seconds of all threads": (
        "clip", "model", "encode and verify", "color", "decode", "cut detection", "hash", "wall of the chunk",
    ),
    "twelve clips": ("engine", "one core: wall, s", "all cores: wall, s", "speedup", "cores busy"),
    "demo": ("engine", "wall, s"),
}  # fmt: skip
"""By table."""
TEXT = ("clip", "command", "engine")
"""Columns that hold no numbers."""
STAGES = ("model", "encode", "color", "decode", "judge", "hash", "total")
Show = Callable[[str, Row], None]


@pytest.fixture(scope="module")
def show() -> Iterator[Show]:
    """Adds a row to a table. All tables are printed in the end."""
    tables: dict[str, list[Row]] = {}

    def add(table: str, row: Row) -> None:
        tables.setdefault(table, [HEADINGS[table]]).append(row)

    yield add
    for name, (headings, *rows) in tables.items():
        print(f"\n\n{name}\n")  # noqa: T201 the product of a benchmark
        is_text = [heading in TEXT for heading in headings]
        for row in (headings, ["---" if text else "---:" for text in is_text], *rows):
            print("|", " | ".join(map(str, row)), "|")  # noqa: T201 as above
    print(json.dumps({**circumstances(), "cores": len(CORES), "weights": shipped_names()[-1]}))  # noqa: T201 as above


# ---- one clip --------------------------------------------------------------------------------------------------------


def command_of(name: str, clip: Path, output: Path) -> list[str]:
    """minterpolate, or `convert` with this method; 4x, with the same encoder and settings."""
    if name == "minterpolate":
        return minterpolate(clip, output, rate=RATE, preset=PRESET, crf=CRF)
    encode = f"encode={{preset: {PRESET}, quality: {CRF}}}"
    settings = encode, f"interpolate.method={name}", f"work={output.parent}/.slomo-work"
    return slomo_batch("convert", str(clip), str(output), *(part for one in settings for part in ("--set", one)))


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the ffmpeg command")
@pytest.mark.parametrize("size", CLIPS)
def test_one_clip_against_minterpolate(size: str, show: Show, tmp_path: Path) -> None:
    """In each round every command runs once."""
    width, height = map(int, size.split("x"))
    num_frames, rounds = CLIPS[size]
    clip = excerpt("bigbuckbunny", tmp_path / "clip.mp4", num_frames=num_frames, width=width, height=height)
    runs: dict[str, list[Measured]] = {"minterpolate": [], "superslomo": [], "duplicate": []}
    phases: dict[str, list[Mapping[str, Phase]]] = {"superslomo": [], "duplicate": []}
    stages: list[dict[str, float]] = []
    for _ in range(rounds):
        for name, found in runs.items():
            output, work = tmp_path / f"{name}.mp4", tmp_path / ".slomo-work"
            output.unlink(missing_ok=True)
            shutil.rmtree(work, ignore_errors=True)
            found.append(measure(command_of(name, clip, output), cores=CORES, cwd=tmp_path))
            if name in phases:
                phases[name].append(phases_of(found[-1], work))
            if name == "superslomo":
                stages.append(stage_seconds(work))
    where = f"{size}, {num_frames} frames to {4 * num_frames}"
    ratios = {name: _ratio(found, runs["minterpolate"]) for name, found in runs.items()}
    for name, found in runs.items():
        busy = "" if name not in phases else f"{_busy([one[WORK] for one in phases[name]]):.0%}"
        show("commands", (where, name, *_medians(found), busy, _peak(found), f"{ratios[name]:.2f}"))
    alone_s = seconds_alone(clip, shipped_names()[-1], cores=len(CORES))
    show("commands", (where, "the network alone", f"{alone_s:.2f}", "", "", "", "", ""))
    spans = ([one[name] for one in phases["superslomo"]] for name in PHASES)
    cells = (f"{median(one.wall_s for one in span):.2f}, {_busy(span):.0%}" for span in spans)
    show("phases of superslomo: wall, s, and cores busy", (where, *cells))
    medians = (f"{median(one[stage] for one in stages):.2f}" for stage in STAGES)
    show("stages of superslomo: seconds of all threads", (where, *medians))
    assert ratios["superslomo"] < 1


def _ratio(ours: Sequence[Measured], theirs: Sequence[Measured]) -> float:
    return median(one.wall_s / other.wall_s for one, other in zip(ours, theirs, strict=True))


def _medians(runs: Sequence[Measured]) -> Row:
    """Wall time, CPU time and share of the cores."""
    wall_s, cpu_s = median(run.wall_s for run in runs), median(run.cpu_s for run in runs)
    return f"{wall_s:.2f}", f"{cpu_s:.2f}", f"{median(run.busy(len(CORES)) for run in runs):.0%}"


def _peak(runs: Sequence[Measured]) -> int:
    return round(max(run.peak_mib for run in runs))


def _busy(spans: Sequence[Phase]) -> float:
    return median(span.cpu_s / max(span.wall_s, 1e-9) for span in spans) / len(CORES)


# ---- many clips, and the demo ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["inline", "local"])
def test_twelve_clips_on_one_core_and_on_all(address: str, show: Show, tmp_path: Path) -> None:
    clips = [
        str(excerpt("bigbuckbunny", tmp_path / f"{number}.mp4", num_frames=13, width=640, height=360))
        for number in range(12)
    ]
    runs: dict[int, list[Measured]] = {1: [], len(CORES): []}
    for _ in range(CLIP_ROUNDS):
        for number, found in runs.items():
            job = Job(tmp_path / "job").write(
                clips, cluster={"address": address}, output={"uri": f"{tmp_path}/out/{{stem}}.mp4"}
            )
            found.append(measure(slomo_batch("run", str(job.manifest)), cores=CORES[:number], cwd=tmp_path))
            for folder in (tmp_path / "job", tmp_path / "out"):
                shutil.rmtree(folder)
    one, many = runs.values()
    speedup = median(alone.wall_s / together.wall_s for alone, together in zip(one, many, strict=True))
    busy = _medians(many)[-1] if address == "inline" else ""  # Ray's processes outlive the command, uncounted
    show("twelve clips", (address, _medians(one)[0], _medians(many)[0], f"{speedup:.2f}", busy))
    assert speedup > 1


@pytest.mark.parametrize("address", ["inline", "local"])
def test_the_demo(address: str, show: Show, tmp_path: Path) -> None:
    """Once on each engine, in place of the one that its manifest names."""
    manifest = yaml.safe_load((ROOT / "jobs" / "demo.yaml").read_text())
    manifest["inputs"] = [{"uri": str(ROOT / one["uri"])} for one in manifest["inputs"]]
    (tmp_path / "demo.yaml").write_text(yaml.safe_dump({**manifest, "cluster": {"address": address}}))
    run = measure(slomo_batch("run", "demo.yaml"), cores=CORES, cwd=tmp_path)
    show("demo", (address, f"{run.wall_s:.1f}"))
    assert len(list((tmp_path / "demo-output").glob("*.mp4"))) == 1
