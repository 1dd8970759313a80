"""evaluate_clips and its commands: the published ladder, the report, and rejected input."""

import io
import json
import math
import shutil
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np
import pyarrow.parquet as pq
import pytest

from slomo_batch.cli.main import main
from slomo_batch.errors import ManifestError, SourceUnreadable, SourceUnsupported, WeightsError
from slomo_batch.evaluation.eval_pairs import Rgb
from slomo_batch.evaluation.evaluate import evaluate_clips
from slomo_batch.evaluation.image_files import read_rgb
from slomo_batch.evaluation.methods import MethodChoice, OpenMethod, method_choices
from slomo_batch.evaluation.report import ClipProtocol, Report, score_rows
from slomo_batch.evaluation.scores_table import scores_parquet
from slomo_batch.evaluation.tables import format_tables
from slomo_batch.evaluation.worst_frames import WorstFrames
from slomo_batch.interpolators.superslomo.shipped_weights import shipped_file
from slomo_batch.serialization import from_json, to_json
from tests.interpolators.footage import real_clip

Cuts = Literal["hold", "ignore", "exclude"]
BLEND, DUPLICATE = MethodChoice(method="blend"), MethodChoice(method="duplicate")


def evaluated(
    *uris: Path, named: list[MethodChoice], factors: tuple[int, ...] = (2,), skip: int = 0, cuts: Cuts = "ignore"
) -> Report:
    protocol = ClipProtocol(skip=skip, frames=17, max_width=640, factors=factors, cuts=cuts)
    progress: list[str] = []
    places = [str(uri) for uri in uris]
    opened = [OpenMethod(choice, precision="fp32", threads=1) for choice in named]
    report = evaluate_clips(places, opened, protocol, on_progress=progress.append)
    assert progress == [f"{place} at {factor}x" for place in places for factor in factors]
    return report


def stored(path: Path, frames: Sequence[Rgb]) -> Path:
    """Write frames losslessly, 25 per second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "bgr0"
        for number, levels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(levels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame.reformat(format="bgr0")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def fade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirteen lossless frames, each 8 levels brighter than the one before."""
    frames = [np.full((16, 32, 3), 40 + 8 * number, np.uint8) for number in range(13)]
    return stored(tmp_path_factory.mktemp("fade") / "fade.mkv", frames)


PUBLISHED = {
    ("bikes", 2, "blend"): 24.70,
    ("bikes", 2, "flow"): 32.37,
    ("bikes", 4, "blend"): 21.24,
    ("bikes", 4, "flow"): 24.41,
    ("bigbuckbunny", 2, "blend"): 30.74,
    ("bigbuckbunny", 2, "flow"): 33.95,
    ("bigbuckbunny", 4, "blend"): 28.57,
    ("bigbuckbunny", 4, "flow"): 30.56,
    ("carphone_pristine", 2, "blend"): 32.14,
    ("carphone_pristine", 2, "flow"): 32.36,
    ("carphone_pristine", 4, "blend"): 29.38,
    ("carphone_pristine", 4, "flow"): 31.58,
}
"""PSNR in dB, measured before this project had its own PSNR."""


@pytest.mark.parametrize("clip", ["carphone_pristine", "bikes", "bigbuckbunny"])
def test_the_ladder_gives_the_published_psnr(clip: str) -> None:
    named = [BLEND, MethodChoice(method="flow")]
    report = evaluated(real_clip(clip), named=named, factors=(2, 4), skip=20)
    for score in report.scores:
        assert score.psnr_db == pytest.approx(PUBLISHED[clip, score.factor, score.entry.method], abs=0.05)
        assert len(score.frames) == 6


def test_blend_predicts_a_fade_exactly_and_duplicate_holds_frames(fade: Path) -> None:
    blend, duplicate = evaluated(fade, named=[BLEND, DUPLICATE], factors=(4,)).scores
    assert [frame.number for frame in blend.frames] == [5, 6, 7]
    assert {frame.psnr_db for frame in blend.frames} == {100.0}
    off = [20 * np.log10(255 / 8), 20 * np.log10(255 / 16), 20 * np.log10(255 / 8)]
    assert [frame.psnr_db for frame in duplicate.frames] == pytest.approx(off)
    assert blend.ie == 0
    assert blend.flicker.mean == pytest.approx(0, abs=1e-4)
    assert duplicate.ie == pytest.approx(math.sqrt(3) * (8 + 16 + 8) / 3)
    assert duplicate.flicker.mean == pytest.approx((8 + 16 + 8) / 3, abs=1e-4)
    assert blend.seconds_per_frame > 0


def test_cuts_hold_gives_every_method_the_nearest_frame_at_a_cut() -> None:
    """Frames 28 and 29 of bikes belong to two scenes."""
    asked, duplicate = evaluated(real_clip("bikes"), named=[BLEND, DUPLICATE], skip=20).scores
    (blend,) = evaluated(real_clip("bikes"), named=[BLEND], skip=20, cuts="hold").scores
    assert [frame.number for frame in blend.frames if frame.held] == [9]
    for own, held, frame in zip(asked.frames, duplicate.frames, blend.frames, strict=True):
        assert frame.psnr_db == (held if frame.held else own).psnr_db


@pytest.mark.parametrize("factor", [2, 4])
def test_cuts_exclude_leaves_out_the_pair_across_a_cut(factor: int) -> None:
    """The tenth frame that is used of bikes begins a scene."""
    (whole,) = evaluated(real_clip("bikes"), named=[BLEND], skip=20, factors=(factor,)).scores
    (rest,) = evaluated(real_clip("bikes"), named=[BLEND], skip=20, factors=(factor,), cuts="exclude").scores
    across = {frame.number for frame in whole.frames if frame.number // factor == 9 // factor}
    assert list(rest.frames) == [frame for frame in whole.frames if frame.number not in across]
    assert len(across) == factor - 1


def test_a_clip_of_which_every_pair_lies_across_a_cut_is_refused(tmp_path: Path) -> None:
    levels = np.random.default_rng(1).integers(0, 256, (2, 64, 64, 3), np.uint8).repeat(4, axis=1).repeat(4, axis=2)
    path = stored(tmp_path / "cut.mkv", [levels[number // 4] for number in range(7)])
    with pytest.raises(SourceUnsupported, match=r"every pair lies across a cut at 2x.*set --skip or --frames"):
        evaluated(path, named=[BLEND], cuts="exclude")


def test_doubt_is_acted_on_as_in_a_job() -> None:
    """Frames 28 and 29 of bikes belong to two scenes: flow doubts the frame between them."""
    named = [DUPLICATE, *(MethodChoice(method="flow", doubt=doubt) for doubt in ("trust", "blend", "hold"))]
    protocol = ClipProtocol(skip=20, frames=13, max_width=320, factors=(2,), cuts="ignore")
    opened = [OpenMethod(choice, precision="fp32", threads=1) for choice in named]
    report = evaluate_clips([str(real_clip("bikes"))], opened, protocol, on_progress=lambda _: None)
    assert [score.entry.label for score in report.scores] == [
        "duplicate",
        "flow",
        "flow, doubt: blend",
        "flow, doubt: hold",
    ]
    duplicate, trust, blend, hold = ({frame.number: frame.psnr_db for frame in score.frames} for score in report.scores)
    assert hold[9] == duplicate[9] != trust[9]
    assert hold[5] == trust[5]
    assert blend[9] not in {trust[9], duplicate[9]}


def test_files_of_one_name_have_labels_of_their_own(fade: Path, tmp_path: Path) -> None:
    paths = []
    for folder, name in (("a", "compact-1"), ("b", "compact-3")):
        (tmp_path / folder).mkdir()
        paths.append(shutil.copy(shipped_file(name), tmp_path / folder / "trained.safetensors"))
    named = method_choices(["superslomo"], [*map(str, paths), "compact-2"], None)
    scores = evaluated(fade, named=named).scores
    assert [score.entry.label for score in scores] == [*map(str, paths), "compact-2"]


def test_a_method_with_context_does_not_change_the_frames_of_others(fade: Path) -> None:
    alone = evaluated(fade, named=[BLEND]).scores[0]
    beside, wide = evaluated(fade, named=[BLEND, MethodChoice(method="mci")]).scores
    assert beside.frames == alone.frames
    assert [frame.number for frame in wide.frames] == [frame.number for frame in alone.frames]


def test_the_report_records_everything_that_decides_its_numbers(fade: Path) -> None:
    report = evaluated(fade, named=method_choices(["superslomo", "blend"], ["compact-1", "compact"], None))
    first, *_, last = report.scores
    assert first.entry.weights_name == "compact-1"
    assert len(first.entry.weights_sha256) == 64
    assert (first.entry.precision, first.entry.threads, first.settings[0].pyramid_levels) == ("fp32", 1, 3)
    assert last.entry.weights_sha256 == ""
    assert from_json(Report, to_json(report)) == report
    text = "\n".join(format_tables(report))
    for said in ("| fade.mkv 2x", "compact-1", first.entry.weights_sha256, report.machine.device, "torch"):
        assert said in text
    rows = pq.read_table(io.BytesIO(scores_parquet(score_rows(report)))).to_pylist()
    assert [row["psnr_db"] for row in rows] == [score.psnr_db for score in report.scores]
    assert {row["device"] for row in rows} == {report.machine.device}


def test_clips_with_the_same_file_name_are_named_by_uri(fade: Path, tmp_path: Path) -> None:
    shutil.copy(fade, tmp_path / "fade.mkv")
    first, second = evaluated(fade, tmp_path / "fade.mkv", named=[BLEND]).scores
    assert (first.name, second.name) == (str(fade), str(tmp_path / "fade.mkv"))
    assert len(first.frames) == len(second.frames) == 4


def test_pyramid_levels_can_be_set_and_are_reported(fade: Path) -> None:
    (score,) = evaluated(fade, named=method_choices(["superslomo"], ["compact-1"], 2)).scores
    assert score.settings[0].pyramid_levels == 2
    assert score.entry.label == "compact-1, 2 levels"


def test_clips_that_cannot_be_evaluated_are_rejected_with_the_reason(fade: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceUnsupported, match=r"too short to evaluate.*at least 16 frames"):
        evaluated(fade, named=[BLEND], factors=(5,))
    with pytest.raises(SourceUnreadable, match="no frames left after skipping 30"):
        evaluated(fade, named=[BLEND], skip=30)
    with pytest.raises(ManifestError, match="cannot read the input"):
        evaluated(tmp_path / "nowhere.mp4", named=[BLEND])
    with pytest.raises(WeightsError, match="weights not found"):
        evaluated(fade, named=method_choices(["superslomo"], [str(tmp_path / "no.safetensors")], None))
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(SourceUnreadable):
        evaluated(tmp_path / "text.mp4", named=[BLEND])


def test_a_terminal_shows_how_many_frames_were_measured(
    fade: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert main(["compare", str(fade), "--methods", "blend"]) == 0
    before, shown, after = capsys.readouterr().err.partition(f"{fade} at 2x\n")
    assert shown
    assert "measured" not in before
    assert after.startswith("\r\x1b[K1 predicted frames measured")
    assert after.endswith("\r\x1b[K")


def test_the_commands_print_a_table_or_json_and_write_files(
    fade: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored, table = tmp_path / "r.json", tmp_path / "r.parquet"
    files = ["--write", str(stored), "--write", str(table)]
    assert main(["compare", str(fade), "--methods", "blend", "duplicate", *files]) == 0
    shown = capsys.readouterr()
    assert "| fade.mkv 2x" in shown.out
    assert shown.err == f"{fade} at 2x\n"
    report = from_json(Report, stored.read_bytes())
    assert report.protocol == ClipProtocol(skip=0, frames=121, max_width=None, factors=(2,), cuts="hold")
    assert pq.read_table(table).num_rows == 2
    evaluating = ["evaluate", str(fade), "--factor", "2", "4", "--skip", "0", "--method", "blend", "--json"]
    assert main(evaluating) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [score["factor"] for score in printed["scores"]] == [2, 4]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--factor", "1"], "expected an integer from 2 to 2147483647, got '1'"),
        (["--method", "rife"], "'rife' is not one of duplicate"),
        (["--write", "report.txt"], "must end in .json or .parquet"),
        (["--write", "/nowhere/report.json"], "no such folder: /nowhere"),
        (["--max-width", "wide"], "expected an integer from 16 to 2147483647, got 'wide'"),
    ],
)
def test_invalid_options_are_rejected(arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "clip.mp4", *arguments]) == 2
    assert reason in capsys.readouterr().err


def test_the_worst_frames_of_each_method_are_kept_as_pictures(fade: Path, tmp_path: Path) -> None:
    worst = WorstFrames(num=3)
    opened = [OpenMethod(named, precision="fp32", threads=1) for named in (DUPLICATE, BLEND)]
    protocol = ClipProtocol(skip=0, frames=None, max_width=None, factors=(4,), cuts="ignore")
    report = evaluate_clips([str(fade)], opened, protocol, collectors=[worst], on_progress=lambda _: None)
    worst.write(tmp_path / "made" / "worst")
    page = (tmp_path / "made" / "worst" / "index.md").read_text()
    # The middle one of the three frames is farthest from both frames that duplicate can show.
    [middle] = [frame for score in report.scores if score.entry.method == "duplicate" for frame in score.frames][1::3]
    assert page.index(f"1. {middle.psnr_db:.2f} dB, fade.mkv 4x, frame 6 of those used") < page.index("2. ")
    before, true, made, after = read_rgb(tmp_path / "made" / "worst" / "01-01.png")[0, ::32, 0].tolist()
    assert (true - before, after - before) == (16, 32)
    assert made in {before, after}
    assert len(list((tmp_path / "made" / "worst").glob("01-*.png"))) == 3


def test_an_unusable_folder_for_worst_frames_is_rejected_before_any_work(
    fade: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = tmp_path / "file"
    taken.write_bytes(b"mine")
    assert main(["evaluate", str(fade), "--method", "blend", "--worst", str(taken / "worst")]) == 2
    said = capsys.readouterr().err
    assert f"not a writable folder: {taken}" in said
    assert str(fade) not in said, "no clip was begun"
    assert taken.read_bytes() == b"mine"
