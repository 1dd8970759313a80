"""Wrong arguments are refused by name, with the usage of the command, a suggestion or the allowed range."""

import argparse
import re
from collections.abc import Iterator

import pytest

from slomo_batch.cli import main as cli
from slomo_batch.cli.arguments import integer, number


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["frobnicate"],
        ["run"],
        ["run", "a.yaml", "b.yaml"],
        ["run", "a.yaml", "--sett", "a=b"],
        ["convert", "in.mov"],
        ["weights"],
        ["weights", "steal"],
        ["archive", "dump"],
        ["status"],
    ],
)
def test_a_wrong_command_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 2
    assert "usage: slomo-batch" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["run", ""], "MANIFEST"),
        (["run", "job.yaml", "--log", ""], "--log"),
        (["plan", ""], "MANIFEST"),
        (["convert", "", "out.mp4"], "IN [IN ...] OUT"),
        (["convert", "in.mp4", ""], "IN [IN ...] OUT"),
        (["convert", "in.mp4", "out.mp4", "--slowdown", ""], "--slowdown"),
        (["status", ""], "JOB"),
        (["timeline", "job.yaml", "--out", ""], "--out"),
        (["report", "job.yaml", "--out", ""], "--out"),
        (["logs", ""], "JOB"),
        (["cluster", "check", ""], "FILE"),
        (["compare", ""], "IN"),
        (["evaluate", "a.mp4", ""], "INPUT"),
        (["evaluate", "a.mp4", "--lpips", ""], "--lpips"),
        (["evaluate", "a.mp4", "--worst", ""], "--worst"),
        (["train", ""], "CONFIG"),
        (["weights", "import", "", "out.safetensors"], "SRC"),
        (["archive", "dump", ""], "FILE"),
    ],
)
def test_an_empty_argument_is_refused_by_its_name(
    arguments: list[str], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 2
    assert f"argument {name}: must not be empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["convrt", "a.mp4", "b.mp4"], "slomo-batch: error: unknown command 'convrt'; did you mean convert?"),
        (["weights", "lst"], "slomo-batch weights: error: unknown command 'lst'; did you mean list?"),
        (
            ["convert", "a.mp4", "b.mp4", "--slowmo", "4"],
            "slomo-batch convert: error: unknown option --slowmo; did you mean --slowdown?",
        ),
        (["convert", "a.mp4"], "slomo-batch convert: error: the following arguments are required: OUT"),
        (["compare", "a.mp4", "b.mp4"], "slomo-batch compare: error: unexpected arguments: b.mp4"),
        (
            ["run", "a.yaml", "--retry=1"],
            "slomo-batch run: error: unknown option --retry; did you mean --retry-failed?",
        ),
        (
            ["compare", "a.mp4", "--cuts", "hol"],
            (
                "slomo-batch compare: error: argument --cuts: "
                "'hol' is not one of hold, ignore, exclude; did you mean hold?"
            ),
        ),
    ],
)
def test_a_misspelling_gets_the_usage_of_its_command_and_a_suggestion(
    arguments: list[str], error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 2
    usage, *_, last = capsys.readouterr().err.splitlines()
    assert usage.startswith(f"usage: {error.partition(':')[0]}")
    assert last == error


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("preview", "IN [OUT]"),
        ("doctor", "[PLACE ...]"),
        ("evaluate", "INPUT [INPUT ...]"),
        ("convert", "IN [IN ...] OUT"),
    ],
)
def test_a_usage_line_brackets_what_can_be_left_out(
    command: str, arguments: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([command, "--help"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"usage: slomo-batch {command} [options] {arguments}"


@pytest.mark.parametrize(
    ("name", "codec"), [("h265", "hevc"), ("x265", "hevc"), ("libx265", "hevc"), ("x264", "h264"), ("avc", "h264")]
)
def test_other_names_of_a_codec_suggest_the_right_one(
    name: str, codec: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["convert", "a.mp4", "b.mp4", "--codec", name]) == 2
    assert f"did you mean {codec}?" in capsys.readouterr().err


NUMERIC_OPTIONS = [
    (["preview", "a.mp4"], "--seconds"),
    *((["plan", "job.yaml"], option) for option in ("--frames-per-second", "--price-per-hour", "--self-test")),
    (["run", "job.yaml"], "--prewarm"),
    (["submit", "job.yaml"], "--prewarm"),
    (["logs", "job.yaml"], "--tail"),
    (["timeline", "job.yaml", "--out", "trace.json"], "--last-hours"),
    (["cluster", "check", "cluster.yaml"], "--gpus-per-worker"),
    (["cluster", "check", "cluster.yaml"], "--cpus-per-worker"),
    *((["evaluate", "a.mp4"], option) for option in ("--factor", "--cases")),
    *(
        ([command, "a.mp4"], option)
        for command in ("compare", "evaluate")
        for option in ("--levels", "--threads", "--skip", "--frames", "--max-width")
    ),
    *(
        (["train", "config.yaml"], option)
        for option in (
            *("--workers", "--threads", "--data-workers", "--validate-every", "--checkpoint-every", "--stop-at"),
            "--stop-after",
        )
    ),
]


@pytest.mark.parametrize(("command", "option"), NUMERIC_OPTIONS, ids=lambda each: " ".join([each[0], each[-1]]))
def test_a_number_out_of_range_is_refused_with_the_range(
    command: list[str], option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for value in ("-1", "nan", "inf", "-inf", "99999999999999999999", "9" * 5000, "1e400", "x", "1/0", ""):
        assert cli.main([*command, f"{option}={value}"]) == 2
        said = capsys.readouterr().err.splitlines()[-1]
        assert re.search(rf"{option}: expected an? (integer|number) (from|above) \d+,? (up )?to \d+, got '", said)
        assert len(said) < 200


def test_every_numeric_option_is_tested(capsys: pytest.CaptureFixture[str]) -> None:
    tested = {
        (*(word for word in command if "." not in word and word != "--out"), option)
        for command, option in NUMERIC_OPTIONS
    }
    assert set(_numeric_options(cli.parser())) == tested


def _numeric_options(parser: argparse.ArgumentParser, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from _numeric_options(inner, (*path, name))
        elif getattr(action.type, "__qualname__", "").startswith((integer.__name__, number.__name__)):
            yield (*path, action.option_strings[0])
