"""The page of a comparison: which frames it shows, what it concludes, and that it is complete in itself."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from slomo_batch.cli.main import main
from slomo_batch.evaluation.compare_page import PageFrames, compare_page, verdict
from slomo_batch.evaluation.evaluate import evaluate_clips
from slomo_batch.evaluation.image_files import read_rgb
from slomo_batch.evaluation.methods import OpenMethod, method_choices
from slomo_batch.evaluation.report import ClipProtocol, Report, Score
from slomo_batch.media.jpeg import encode_jpeg
from tests.interpolators.footage import real_clip


@pytest.fixture(scope="module")
def compared() -> tuple[Report, PageFrames]:
    """Duplicate and blend on 25 real frames."""
    frames = PageFrames()
    protocol = ClipProtocol(skip=4, frames=25, max_width=160, factors=(2,), cuts="hold")
    opened = [OpenMethod(one, precision="fp32", threads=1) for one in method_choices(["duplicate", "blend"], [], None)]
    clip = str(real_clip("bikes"))
    return evaluate_clips([clip], opened, protocol, collectors=[frames], on_progress=lambda _: None), frames


def scored(label: str, psnr_db: float, seconds: float, like: Score, ssim: float = 0.9) -> Score:
    entry = replace(like.entry, label=label, method=label)
    return replace(like, entry=entry, psnr_db=psnr_db, ssim=ssim, seconds_per_frame=seconds)


def test_the_verdict_names_the_best_method_and_its_lead(compared: tuple[Report, PageFrames]) -> None:
    like = compared[0].scores[0]
    blend, flow = scored("blend", 30.0, 0.001, like), scored("flow", 31.5, 0.1, like)
    assert verdict([blend, flow]) == "flow is best on this clip: 1.5 dB above blend. To use flow: --method flow"
    assert verdict([blend]) == "blend was measured alone. To use blend: --method blend"
    trained = replace(flow, entry=replace(flow.entry, method="superslomo", weights_name="s3://b/my net.safetensors"))
    assert verdict([trained]).endswith("To use flow: --method superslomo --weights 's3://b/my net.safetensors'")


def test_of_methods_that_are_about_equal_the_fastest_is_named(compared: tuple[Report, PageFrames]) -> None:
    like = compared[0].scores[0]
    scores = [scored("flow", 31.5, 0.1, like), scored("mci", 31.45, 0.05, like), scored("blend", 29.0, 0.001, like)]
    assert verdict(scores) == (
        "flow and mci are about equal on this clip, and mci is the fastest of them. To use mci: --method mci"
    )
    blend = scored("blend", 29.0, 0.001, like, ssim=0.99)
    assert "By SSIM, blend is ahead." in verdict([scores[0], blend])


def test_the_frames_shown_are_the_worst_and_the_most_different(compared: tuple[Report, PageFrames]) -> None:
    report, frames = compared
    shown = frames.shown(4)
    numbers = [frame.number for frame in shown]
    assert numbers == sorted(numbers)
    assert len(numbers) == 4
    for score in report.scores:
        worst = min(score.frames, key=lambda frame: frame.psnr_db or 0.0)
        assert worst.number in numbers
    assert set(shown[0].files) == {"before", "after", "truth", "duplicate", "blend"}
    assert len(frames.shown(1000)) == len(report.scores[0].frames)


def test_the_page_has_curves_for_every_frame_and_pictures_of_some(compared: tuple[Report, PageFrames]) -> None:
    report, frames = compared
    page = compare_page(report, frames, 5)
    [text] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    data = json.loads(text)
    assert data["labels"] == ["duplicate", "blend"]
    assert len(data["frames"]) == 5
    assert data["numbers"] == [4 + frame.number for frame in report.scores[0].frames]
    assert {frame["number"] for frame in data["frames"]} <= set(data["numbers"])
    psnr = data["measures"][0]
    assert psnr["name"] == "PSNR, dB"
    assert psnr["values"][1] == pytest.approx([frame.psnr_db for frame in report.scores[1].frames], abs=1e-4)
    assert not re.search(r'(src|href)="(?!data:|#)', page)


def test_a_jpeg_differs_by_about_a_level(tmp_path: Path) -> None:
    levels = np.linspace(0, 255, 64)
    picture = np.stack((*np.meshgrid(levels, levels[::-1]), np.full((64, 64), 90.0)), axis=-1).astype(np.uint8)
    path = tmp_path / "a.jpg"
    path.write_bytes(encode_jpeg(picture, quantizer=2))
    assert np.abs(read_rgb(path).astype(int) - picture).mean() < 1.5


def test_compare_writes_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["compare", str(real_clip("bikes")), "--methods", "blend", "--frames", "9", "--max-width", "160"]
    assert main([*arguments, "--page", str(tmp_path / "a.html")]) == 0
    assert "<title>bikes.mp4</title>" in (tmp_path / "a.html").read_text("utf-8")
    assert main([*arguments, "--page", str(tmp_path / "a.txt")]) == 2
    assert "the name must end in .html, got" in capsys.readouterr().err
