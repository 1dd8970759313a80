"""Invalid manifests through the command line: a message with the line, exit code 2, never a traceback."""

from pathlib import Path

import pytest

from slomo_batch.cli.main import main
from slomo_batch.errors import ManifestError
from slomo_batch.manifest.load import load
from tests.manifest.bad_manifests import BAD_TEXTS, BAD_VALUES, NOT_MANIFESTS
from tests.manifest.manifests import GOOD, with_inputs

BAD = {**NOT_MANIFESTS, **BAD_TEXTS, **BAD_VALUES}


@pytest.mark.parametrize(("text", "expected"), BAD.values(), ids=list(BAD))
def test_an_invalid_manifest_is_reported_and_starts_nothing(
    text: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(text)
    assert main(["run", str(path)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert expected in shown.err
    assert str(path) in shown.err
    assert "Traceback" not in shown.err
    assert "pydantic" not in shown.err


@pytest.mark.parametrize(("text", "expected"), [*BAD_TEXTS.values(), *BAD_VALUES.values()])
def test_every_problem_of_a_manifest_has_its_line(text: str, expected: str) -> None:
    with pytest.raises(ManifestError) as caught:
        load(text, where="job.yaml")
    assert all(fault.startswith("line ") for fault in caught.value.problems), expected


def test_all_problems_are_reported_in_the_order_of_the_file() -> None:
    text = with_inputs("[{uri: 'gs://x/y'}, {table: a.doc}]", "out/{stm}.mp4") + (
        "retime:\n  slowdown: 0\n  ramp: []\nencode: {codec: h256, quality: high}\nslowdown: 3\nwork: s3://\n"
    )
    with pytest.raises(ManifestError) as caught:
        load(text, where="job.yaml", overrides=["audio=loud", "nonsense"])
    problems = caught.value.problems
    expected = [
        "inputs[0].uri",
        "inputs[1].table",
        "output.uri",
        "retime.slowdown",
        "retime.ramp",
        "encode.codec",
        "encode.quality",
        "slowdown: unknown",
        "work",
        "--set audio=loud",
        "--set nonsense",
    ]
    assert len(problems) == len(expected)
    places = {word: number for number, fault in enumerate(problems) for word in expected if word in fault}
    assert set(places) == set(expected)
    lines = [int(fault.split(":")[0].removeprefix("line ")) for fault in problems if fault.startswith("line ")]
    assert lines == sorted(lines)
    assert len(lines) == 9


WRONG_BUT = {
    "a value beside a conflict": (
        GOOD + "encode: {quality: x, codec: prores, tune: film}\n",
        ["encode.quality: 'x' is not a number", "encode: tune of prores must be none", ".mp4 does not support prores"],
    ),
    "the value that decides": (GOOD + "encode: {codec: h256, tune: film, quality: 60}\n", ["encode.codec: 'h256' is"]),
    "another section": (
        GOOD + "audio: keep\nretime: {slowdown: 2, fps: x}\ncluster: {workers: {min: 3, max: 2}}\n",
        ["audio: 'keep' requires slowdown 1", "retime.fps: 'x' is", "cluster.workers: min must not exceed max"],
    ),
    "a missing key": (
        GOOD.replace("output:\n  uri: out/{stem}.mp4\n", "encode: {codec: ffv1, tune: grain}\n"),
        ["output: is missing", "encode: tune of ffv1 must be none, got 'grain'"],
    ),
    "an input": (
        with_inputs("[{uri: a.mov, table: t.csv}, {uri: b.mov, retime: {range: {end: 2, duration: 1}}}]"),
        ["inputs[0]: has both uri and table", "inputs[1].retime.range: set either end or duration"],
    ),
    "an input's own value": (
        with_inputs("[{uri: a.mov, encode: {codec: h256}}, {uri: b.mov}]", more="encode: {quality: 60}\n"),
        ["inputs[0].encode.codec: 'h256' is", "encode.quality: quality of h264 must be"],
    ),
}


@pytest.mark.parametrize(("text", "expected"), WRONG_BUT.values(), ids=WRONG_BUT)
def test_a_wrong_value_hides_no_conflict_that_it_does_not_decide(text: str, expected: list[str]) -> None:
    with pytest.raises(ManifestError) as caught:
        load(text, where="job.yaml")
    found = caught.value.problems
    assert len(found) == len(expected), found
    assert all(any(part in problem for problem in found) for part in expected), found


def test_a_wrong_value_of_the_command_line_hides_no_conflict() -> None:
    with pytest.raises(ManifestError) as caught:
        load(GOOD, where="job.yaml", overrides=["audio=keep", "retime.slowdown=2", "encode.codec=x"])
    assert len(caught.value.problems) == 2


def test_a_manifest_of_another_version_is_not_validated_by_the_rules_of_this_one() -> None:
    with pytest.raises(ManifestError) as caught:
        load("version: 2\njob: x\nsources: []\n", where="job.yaml")
    assert caught.value.problems == ("line 1: version: unsupported manifest version '2' (supported: 1)",)


def test_a_problem_that_inputs_share_is_reported_once_and_one_of_an_input_at_its_path() -> None:
    text = with_inputs(
        "[{uri: a.mov}, {uri: b.mov}, {uri: c.mov, encode: {codec: av1}}]", more="encode: {quality: 60}\n"
    )
    with pytest.raises(ManifestError) as caught:
        load(text, where="job.yaml")
    assert caught.value.problems == ("line 5: encode.quality: quality of h264 must be 0 to 51, got 60",)
    own = with_inputs("[{uri: a.mov},\n {uri: b.mov, audio: keep}]")
    with pytest.raises(ManifestError) as caught:
        load(own, where="job.yaml")
    assert [fault.split(": 'keep'")[0] for fault in caught.value.problems] == ["line 4: inputs[1].audio"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"version: 1\nname: \xff\xfe\n", "is not UTF-8 text"), (b"\x00\x01\x02", "invalid character")],
)
def test_a_file_that_is_not_text_is_an_error(
    content: bytes, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "job.yaml"
    path.write_bytes(content)
    assert main(["plan", str(path)]) == 2
    assert expected in capsys.readouterr().err


def test_a_video_or_a_device_instead_of_a_manifest_is_not_read_completely(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "huge.mp4"
    with path.open("wb") as file:
        file.truncate(2**40)
    for name in (str(path), "/dev/zero"):
        assert main(["plan", name]) == 2
        assert capsys.readouterr().err == f"slomo-batch: {name}: the file is larger than 64 MiB\n"


def test_a_missing_manifest_and_a_folder_are_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(tmp_path / "none.yaml")]) == 2
    assert "No such file" in capsys.readouterr().err
    assert main(["run", str(tmp_path)]) == 2
    assert "Is a directory" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("encode.codec=h256", "--set encode.codec=h256: 'h256' is not one of"),
        ("encode.codec", "--set encode.codec: expected PATH=VALUE, such as encode.codec=ffv1"),
        ("=x", "--set =x: expected PATH=VALUE"),
        ("a..b=x", "--set a..b=x: expected PATH=VALUE"),
        ("encode.codec=", "--set encode.codec=: the value is empty"),
        ("encode.codc=h264", "--set encode.codc=h264: unknown key; did you mean codec?"),
        ("encode={codec: h256}", "--set encode={codec: h256}: codec: 'h256' is not one of"),
        ("encode=h264", "--set encode=h264: expected a mapping"),
        ("name.x=1", "--set name.x=1: name is a single value"),
        ("retime.ramp=[]", "--set retime.ramp=[]: expected a list of keys"),
        ("interpolate.tiles=4", "--set interpolate.tiles=4: '4' is not one of auto, always"),
        ("inputs.0.uri=a", "--set inputs.0.uri=a: a single input cannot be set"),
        ("inputs=[]", "--set inputs=[]: the list is empty; name at least one input"),
        ("retime.fps=[", "--set retime.fps=[: line 1"),
        ("retime.fps=!!x y", "unsupported tag !!x"),
        ("encode.quality=99", "--set encode.quality=99: quality of h264 must be 0 to 51"),
        (
            "output.uri=out/x.avi",
            "--set output.uri=out/x.avi: unsupported output suffix .avi",
        ),
        ("output.uri=clips/final.mov", "--set output.uri=clips/final.mov: the output"),
        ("cluster.workers.max=none", "--set cluster.workers.max=none: expected auto or an integer of at least 1"),
    ],
)
def test_an_invalid_setting_of_the_command_line_is_reported_as_typed(
    setting: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(GOOD)
    assert main(["run", str(path), "--set", setting]) == 2
    shown = capsys.readouterr().err
    assert expected in shown
    assert "Traceback" not in shown
