"""Trials of the product with one bad file, manifest or table each. Called in a guarded child process."""

import contextlib
import io
import json
import os
import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from slomo_batch.cli.main import main
from slomo_batch.commands import plan
from slomo_batch.errors import AccessRefused, JobError, ManifestError, WeightsError
from slomo_batch.interpolators.superslomo import weights
from slomo_batch.interpolators.superslomo.shipped_weights import shipped_file
from slomo_batch.manifest.load import load
from slomo_batch.manifest.schema import Manifest
from slomo_batch.manifest.single_video import single
from slomo_batch.report.plan_row import PlanRow
from tests.clips.catalogue import clip
from tests.fuzz.documents import manifest_text, overrides, table
from tests.fuzz.mutants import damaged, mutant

MANY_TIMES = 50
"""Output frames per source frame beyond which a plan must say why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of one trial."""

    label: str
    result: str
    """The outcome, in a word: planned, refused, published, failed, loaded."""
    wrong: str = ""
    """The fault; empty if there was none."""


def plan_mutant(number: int, folder: str) -> Outcome:
    """Plan one damaged file at half its speed, and compare the plan with what ffprobe counts."""
    made = mutant(number)
    path = Path(folder) / f"mutant{made.suffix}"
    path.write_bytes(made.data)
    row = _plan_one(path, Path(folder) / "out.mkv")
    if row.problem:
        return Outcome(label=made.label, result="refused", wrong=_wrong_message(row.problem))
    return Outcome(label=made.label, result="planned", wrong=_wrong_plan(row, path))


def _plan_one(source: Path, output: Path) -> PlanRow:
    settings = ["interpolate.method=blend", "retime.slowdown=2"]
    (row,) = plan.plan(single(str(source), str(output), settings=settings, flags=())).rows
    return row


def _wrong_message(text: str) -> str:
    of_programs = r"Traceback|please report|\bTypeError|KeyError|FFmpeg crashed|the process that reads"
    return f"a message of a program: {text}" if re.search(of_programs, text) else ""


def _wrong_plan(row: PlanRow, path: Path) -> str:
    if row.num_output_frames > MANY_TIMES * row.num_source_frames and not row.notes:
        return f"{row.num_source_frames} frames become {row.num_output_frames} without a note"
    if any("not read" in note for note in row.notes):
        return ""
    lost = _num_packets(path) - row.num_source_frames - sum(_explained(note) for note in row.notes)
    if lost > 0:
        return f"{lost} packets that ffprobe counts are neither planned nor explained by {row.notes}"
    return ""


def _explained(note: str) -> int:
    """How many packets a note explains that are not shown."""
    found = re.search(r"(\d+)[^.;]*:? (left out|not shown|have the timestamp of another|cannot be read)", note)
    return int(found[1]) if found else 0


def _num_packets(path: Path) -> int:
    """Packets of the first video stream, by ffprobe."""
    answer = _ffprobe(path, "-count_packets", "-show_entries", "stream=nb_read_packets")
    return int(answer[0].get("nb_read_packets", 0)) if answer else 0


def _ffprobe(path: Path, *options: str, stream: str = "v:0") -> list[dict[str, str]]:
    command = ["ffprobe", "-v", "quiet", "-select_streams", stream, *options, "-of", "json", str(path)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    try:
        answer = json.loads(done.stdout or b"{}")
    except json.JSONDecodeError:  # ffprobe itself has crashed
        return []
    streams: list[dict[str, str]] = answer.get("streams", [])
    return streams


def convert_mutant(number: int, folder: str) -> Outcome:
    """Convert one damaged file at half its speed; ffprobe checks the output."""
    made = mutant(number)
    source, output = Path(folder) / f"film{number}{made.suffix}", Path(folder) / f"out{number}.mkv"
    source.write_bytes(made.data)
    row = _plan_one(source, output)
    if row.problem:
        return Outcome(label=made.label, result="refused")
    code, said = _command("convert", str(source), str(output), "--method", "blend", "--slowdown", "2")
    if code == 0:
        return Outcome(label=made.label, result="published", wrong=_wrong_output(output, row.num_output_frames))
    if code == 1 and not output.exists():
        return Outcome(label=made.label, result="failed", wrong=_wrong_message(said))
    return Outcome(label=made.label, result="failed", wrong=f"exit code {code}: {said[-400:]}")


def _command(*arguments: str) -> tuple[int, str]:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            code = main(list(arguments))
        except SystemExit as error:
            code = int(error.code or 0)
    return code, said.getvalue()


def _wrong_output(output: Path, num_frames: int) -> str:
    decoding = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(output), "-f", "null", "-"], capture_output=True, check=False, timeout=120
    )
    if decoding.stderr:
        return f"the output does not decode cleanly: {decoding.stderr[-300:].decode(errors='replace')}"
    (stream,) = _ffprobe(output, "-count_frames", "-show_entries", "stream=nb_read_frames")
    counted = int(stream["nb_read_frames"])
    return "" if counted == num_frames else f"{num_frames} frames were planned, ffprobe counts {counted}"


def load_manifest(number: int, folder: str) -> Outcome:
    """Load one bad manifest, and plan what can be loaded and stays in the folder."""
    _with_a_film(folder)
    label = f"manifest #{number}"
    try:
        manifest = load(manifest_text(number), where="fuzz.yaml", overrides=overrides(number))
        if not _stays_inside(manifest):
            return Outcome(label=label, result="loaded")
        plan.plan(manifest)
    except (JobError, AccessRefused) as error:  # refused: a place whose name no file system takes
        return Outcome(label=label, result="refused", wrong=_wrong_refusal(error))
    return Outcome(label=label, result="planned")


def _wrong_refusal(error: JobError | AccessRefused) -> str:
    return "" if isinstance(error, ManifestError | WeightsError | AccessRefused) else f"{type(error).__name__}: {error}"


def _stays_inside(manifest: Manifest) -> bool:
    places = [spec.uri or spec.table for spec in manifest.inputs]
    return all("://" not in place and not place.startswith(("/", "~")) and ".." not in place for place in places)


def plan_table(number: int, folder: str) -> Outcome:
    """Plan a job whose inputs are one bad table."""
    _with_a_film(folder)
    suffix, data = table(number)
    label = f"table #{number}{suffix}"
    Path(f"table{suffix}").write_bytes(data)
    text = f"version: 1\nname: t\ninputs: [{{table: table{suffix}}}]\noutput: {{uri: 'out/{{stem}}.mkv'}}\n"
    text += "interpolate: {method: blend}\ncluster: {address: inline}\n"
    try:
        rows = plan.plan(load(text, where="fuzz.yaml")).rows
    except JobError as error:
        return Outcome(label=label, result="refused", wrong=_wrong_refusal(error))
    return Outcome(label=label, result="planned" if rows else "refused")


def _with_a_film(folder: str) -> None:
    """Make `folder` the current one, with a film that manifests and tables name."""
    os.chdir(folder)
    film = Path("in/a.mp4")
    if not film.exists():
        film.parent.mkdir()
        film.write_bytes(clip("no_audio").data)


def load_weights(number: int, folder: str) -> Outcome:
    """Load one damaged file of weights."""
    path, label = Path(folder) / "damaged.safetensors", f"weights #{number}"
    path.write_bytes(damaged(_shipped_weights(), number))
    try:
        weights.load(path)
    except WeightsError:
        return Outcome(label=label, result="refused")
    return Outcome(label=label, result="loaded")


@cache
def _shipped_weights() -> bytes:
    return shipped_file("compact-3").read_bytes()
