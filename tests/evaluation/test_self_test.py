"""`plan --self-test`: which seconds it takes, what it measures of them, and what a producer learns from it."""

import json
import re
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import yaml

import slomo_batch
from slomo_batch.cli.main import main
from slomo_batch.commands.self_test import self_test
from slomo_batch.errors import ManifestError
from slomo_batch.evaluation.report import Report
from slomo_batch.evaluation.sampling import choose_seconds
from slomo_batch.evaluation.self_test import OWN, MeasuredSecond, SelfTest
from slomo_batch.evaluation.self_test_answers import verdict_on
from slomo_batch.manifest.inputs import find_videos
from slomo_batch.manifest.load import load, read_text
from slomo_batch.storage.opening import StoreSpec, open_store
from slomo_batch.uri import Uri
from slomo_batch.wiring import environment_of, open_context
from tests.end_to_end.running import excerpt, interlaced
from tests.s3_server import S3Server, recording

SIZE = (96, 160)
RATE = 25


def film(path: Path, *, moving: range, num: int = 100, width: int = SIZE[1]) -> Path:
    """A texture that moves 4 pixels a frame in these frames, and otherwise rests; the sensor's noise never does."""
    random = np.random.default_rng(1)
    rough = np.kron(random.integers(0, 255, (SIZE[0] // 8, 120, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "12", "g": "10", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, SIZE[0], "yuv420p"
        for number in range(num):
            left = 4 * len(range(moving.start, min(max(number, moving.start), moving.stop)))
            shown = rough[:, left : left + width] // 2 + random.integers(0, 12, (SIZE[0], width, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@dataclass(frozen=True)
class Archive:
    """A folder of films, and the manifest of a job on them."""

    folder: Path

    def write(self, name: str = "job", **sections: Any) -> str:
        manifest = {
            "version": 1,
            "name": name,
            "inputs": [{"uri": f"{self.folder}/films/*"}],
            "output": {"uri": f"{self.folder}/out/{{stem}}.mkv"},
            "work": f"{self.folder}/work",
            "interpolate": {"method": "flow"},
        }
        path = self.folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(manifest | sections))
        return str(path)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Two films, of which one moves only in its middle; and three that cannot be measured."""
    folder = tmp_path_factory.mktemp("archive")
    films = folder / "films"
    films.mkdir()
    film(films / "pan.mp4", moving=range(100))
    film(films / "rest.mp4", moving=range(34, 66))
    excerpt("bikes", films / "short.mp4", num_frames=20, width=160, height=96)
    interlaced(excerpt("bikes", folder / "even.mp4", num_frames=60, width=160, height=96), films / "fields.mp4")
    (films / "text.mp4").write_bytes(b"no video" * 99)
    return Archive(folder)


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["plan", *arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_it_measures_the_job_on_moving_seconds_and_says_what_it_left_out(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answer(capsys, archive.write(), "--self-test", "3")
    assert found["videos"] == 5
    assert {Path(second["uri"]).name for second in found["seconds"]} == {"pan.mp4", "rest.mp4"}
    assert {Path(one["uri"]).name: one["reason"].partition(",")[0] for one in found["left_out"]} == {
        "short.mp4": "it is shorter than a second",
        "fields.mp4": "it is interlaced or telecined",
        "text.mp4": "the file is damaged",
    }
    methods = {method["label"]: method for method in found["methods"]}
    assert set(methods) == {"duplicate", "blend", "mci", "superslomo", "flow, doubt: blend", OWN}
    assert (methods[OWN]["method"], methods[OWN]["frames"]) == ("flow", 12)
    assert methods[OWN]["psnr_db"] > methods["blend"]["psnr_db"] + 3
    assert methods["blend"]["psnr_db"] > methods["duplicate"]["psnr_db"]
    assert 0.5 < methods[OWN]["ssim"] < 1
    assert found["verdict"].startswith("flow is worth its time: its frames are ")
    rest = [second for second in found["seconds"] if second["uri"].endswith("rest.mp4")]
    most = max(rest, key=lambda second: float(second["motion"]))
    assert 34 / RATE - 1 < most["at_s"] < 66 / RATE, "the second overlaps the part that moves"
    assert not (archive.folder / "work").exists()


def test_from_python_it_gives_what_the_command_does(
    archive: Archive, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    advances: list[int] = []
    test = slomo_batch.self_test(
        archive.write(), 1, page=tmp_path / "page.html", on_advance=lambda num, *_: advances.append(num)
    )
    found = answer(capsys, archive.write(), "--self-test", "1")
    assert [(score.entry.label, score.psnr_db) for score in test.methods] == [
        (method["label"], method["psnr_db"]) for method in found["methods"]
    ]
    assert test.methods[-1].entry.label == OWN
    assert test.verdict == found["verdict"]
    assert [one.second.request.source.uri for one in test.seconds] == [second["uri"] for second in found["seconds"]]
    assert advances == [0, 1, 2, 3, 4]
    assert test.verdict.partition(":")[0] in (tmp_path / "page.html").read_text("utf-8")
    assert not (archive.folder / "work").exists()


def test_from_python_wrong_arguments_and_videos_that_cannot_be_measured_raise(archive: Archive) -> None:
    with pytest.raises(ValueError, match="num_seconds must be at least 1, got 0"):
        slomo_batch.self_test(archive.write(), 0)
    with pytest.raises(ManifestError, match="no second of the videos can be measured") as raised:
        slomo_batch.self_test(archive.write("none", inputs=[{"uri": f"{archive.folder}/films/text.mp4"}]), 1)
    assert "text.mp4: the file is damaged" in raised.value.problems[0]


def chosen(archive: Archive, num: int, *, seed: str = "job", **sections: Any) -> list[tuple[str, float]]:
    """The film and the place of each chosen second."""
    manifest = archive.write("sampling", **sections)
    loaded = load(read_text(manifest), where=manifest)
    context = open_context(environment_of(loaded))
    requests = find_videos(loaded, context.locate).requests
    sampling = choose_seconds(requests, num, seed=seed, reader_of=context.reader, on_text=lambda _: None)
    return [(Path(second.request.source.uri).name, float(second.at_s)) for second in sampling.seconds]


def test_the_seconds_follow_from_the_job_and_are_spread_over_videos_and_within_them(archive: Archive) -> None:
    assert chosen(archive, 2) == chosen(archive, 2)
    assert chosen(archive, 2) != chosen(archive, 2, seed="other")
    assert {name for name, _ in chosen(archive, 2)} == {"pan.mp4", "rest.mp4"}
    many = chosen(archive, 6)
    assert [name for name, _ in many].count("pan.mp4") == 3
    for name in ("pan.mp4", "rest.mp4"):
        places = sorted(at_s for film, at_s in many if film == name)
        assert all(later - earlier >= 1 for earlier, later in pairwise(places))
        assert places[-1] <= 3


def test_seconds_are_within_the_part_that_the_job_makes(archive: Archive) -> None:
    only = [{"uri": f"{archive.folder}/films/pan.mp4"}]
    [(_, at_s)] = chosen(archive, 9, inputs=only, retime={"range": {"start": 1, "end": "0:02.5"}})
    assert 1 <= at_s <= 1.5
    assert chosen(archive, 9, inputs=only, retime={"range": {"start": 1, "duration": 0.5}}) == []


def test_the_answer_for_a_person_has_a_table_a_sentence_and_a_page(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    page = archive.folder / "page.html"
    manifest = archive.write(inputs=[{"uri": f"{archive.folder}/films/pan.mp4"}, {"uri": f"{archive.folder}/films/s*"}])
    assert main(["plan", manifest, "--self-test", "2", "--page", str(page), "--set", "interpolate.doubt=hold"]) == 0
    shown = capsys.readouterr()
    assert re.search(r"^expect     about \d+ s for 8 frames", shown.err, re.MULTILINE)
    lines = shown.out.splitlines()
    assert lines[0] == "self-test  2 seconds of 1 of 2 videos; of 3 places each, that where most moves"
    assert lines[2] == "this job   flow, doubt: hold"
    shown_first = {re.split(r"  +", line)[0] for line in lines[5:12]}
    assert {"this job", "flow, doubt: blend", "superslomo", "mci", "blend", "duplicate"} <= shown_first
    assert any(line.startswith("left out   ") and "shorter than a second" in line for line in lines)
    assert lines[-1].startswith("verdict    flow is worth its time")
    text = page.read_text("utf-8")
    [data] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    frames = json.loads(data)["frames"]
    assert 2 <= len(frames) <= 8
    assert all({OWN, "blend", "truth", "before", "after"} <= set(frame["files"]) for frame in frames)
    assert re.fullmatch(r"pan\.mp4 at \d\.\d s, frame \d+", frames[0]["name"])
    assert "shorter than a second" in text


def test_nothing_that_can_be_measured_is_an_error_that_says_why(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = archive.write(inputs=[{"uri": f"{archive.folder}/films/short.mp4"}])
    assert main(["plan", manifest, "--self-test", "2"]) == 2
    assert "short.mp4: it is shorter than a second, got 0.80 s" in capsys.readouterr().err
    assert main(["plan", manifest, "--self-test", "2", "--quiet"]) == 2
    assert capsys.readouterr().err.startswith("slomo-batch: no second of the videos can be measured")
    assert main(["plan", manifest, "--self-test", "2", "--csv", "-"]) == 2
    assert "--csv: not possible with --self-test" in capsys.readouterr().err


def test_it_reads_parts_of_sources_on_s3(archive: Archive, s3: S3Server, capsys: pytest.CaptureFixture[str]) -> None:
    bucket = s3.make_bucket()
    store = open_store(StoreSpec(uri=Uri(f"s3://{bucket}"), options=s3.options()))
    store.put_file("in/pan.mp4", archive.folder / "films" / "pan.mp4")
    with recording(s3) as (front, requests):
        manifest = archive.write(
            "s3",
            inputs=[{"uri": f"s3://{bucket}/in/"}],
            work=f"s3://{bucket}/work",
            output={"uri": f"s3://{bucket}/out/{{stem}}.mkv"},
            interpolate={"method": "blend"},
            storage={"endpoint_url": front.options().endpoint_url},
        )
        found = answer(capsys, manifest, "--self-test", "1")
    assert [second["uri"] for second in found["seconds"]] == [f"s3://{bucket}/in/pan.mp4"]
    assert found["methods"][-1]["psnr_db"] > 20
    assert {request.method for request in requests} <= {"GET", "HEAD"}
    assert [found.key for found in store.list("")] == ["in/pan.mp4"]


# ---- the sentence ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def measured(archive: Archive) -> SelfTest:
    """A self-test of flow on one second."""
    manifest = archive.write("verdicts", inputs=[{"uri": f"{archive.folder}/films/pan.mp4"}])
    return self_test(load(read_text(manifest), where=manifest), 1, on_text=lambda _: None, on_advance=lambda *_: None)


def with_db(test: SelfTest, *seconds: dict[str, float], own: str = "flow") -> SelfTest:
    """The test with seconds in which each method has this PSNR."""
    [one] = test.measured
    made = []
    for number, psnr_db in enumerate(seconds):
        scores = tuple(
            replace(
                score,
                entry=replace(score.entry, method=own if score.entry.label == OWN else score.entry.method),
                name=str(number),
                psnr_db=psnr_db[score.entry.label],
                frames=tuple(replace(frame, psnr_db=psnr_db[score.entry.label]) for frame in score.frames),
                seconds_per_frame=0.02 if score.entry.label == "blend" else 0.2,
            )
            for score in one.scores
            if score.entry.label in psnr_db
        )
        made.append(MeasuredSecond(second=one.second, name=str(number), scores=scores))
    report: Report = replace(test.report, scores=tuple(score for one in made for score in one.scores))
    return replace(test, measured=tuple(made), report=report)


def test_a_method_that_is_worth_its_time_is_kept(measured: SelfTest) -> None:
    scores = {"blend": 30.0, OWN: 33.0, "flow, doubt: blend": 33.1}
    text = "flow is worth its time: its frames are much nearer to the true ones than those of a cross-fade (+3.0 dB)."
    assert verdict_on(with_db(measured, scores)) == text
    better = with_db(measured, scores | {"mci": 34.0})
    assert verdict_on(better) == f"{text} Better still by 1.0 dB: set interpolate.method: mci."


def test_seconds_where_a_cross_fade_is_better_are_counted(measured: SelfTest) -> None:
    good = {"blend": 30.0, OWN: 36.0, "flow, doubt: blend": 36.0}
    bad = {"blend": 30.0, OWN: 28.0, "flow, doubt: blend": 28.5}
    assert verdict_on(with_db(measured, good, good, bad)).endswith(
        " In 1 of 3 seconds a cross-fade is better: set interpolate.doubt: blend, which is better in 1 of them."
    )


def test_where_a_method_is_no_better_than_a_cross_fade_it_says_what_to_do(measured: SelfTest) -> None:
    worse = {"blend": 30.0, OWN: 29.0, "flow, doubt: blend": 30.2}
    assert verdict_on(with_db(measured, worse)) == (
        "flow is not better than a cross-fade here (-1.0 dB): set interpolate.doubt: blend, which is 1.2 dB better "
        "than this job."
    )
    still = {"blend": 45.0, OWN: 44.9, "flow, doubt: blend": 44.9}
    assert verdict_on(with_db(measured, still)) == (
        "flow is not better than a cross-fade here (-0.1 dB), and no other method is: the motion is too small or too "
        "fast for them. Set interpolate.method: blend, 10 times as fast, or look at the page and set a smaller "
        "slowdown."
    )


def test_a_job_that_makes_cross_fades_learns_what_is_better(measured: SelfTest) -> None:
    assert verdict_on(with_db(measured, {"duplicate": 25.0, OWN: 30.0}, own="blend")).endswith(": keep it.")
    better = with_db(measured, {"duplicate": 25.0, "mci": 32.0, OWN: 30.0}, own="blend")
    assert verdict_on(better).endswith(": set interpolate.method: mci, which is 2.0 dB better here.")
