"""The command line: parsing, exit codes, the commands without a job, and imports."""

import argparse
import importlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from slomo_batch import __version__
from slomo_batch.cli import files
from slomo_batch.cli import main as cli
from slomo_batch.cli.arguments import integer, number
from slomo_batch.cli.convert import convert_manifests
from slomo_batch.cli.setting_options import flag_of, optional_settings
from slomo_batch.declarations import declared_settings
from slomo_batch.errors import ManifestError
from slomo_batch.manifest.presets import PRESETS
from slomo_batch.manifest.schema import Manifest, json_schema
from slomo_batch.plan.containers import CONTAINERS
from slomo_batch.settings import Encode, FpsTarget, VideoSettings
from slomo_batch.timeline.rates import parse_rational
from tests.strangers import as_stranger, open_folder

ROOT = Path(__file__).parents[2]


def convert(*arguments: str) -> Manifest:
    """The manifest of a `convert` command."""
    [manifest] = convert_manifests(cli.parser().parse_args(["convert", *arguments]))
    return manifest


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"slomo-batch {__version__}\n"


@pytest.mark.parametrize("command", [[], ["run"], ["convert"], ["plan"], ["weights", "import"], ["archive", "dump"]])
def test_help_names_the_arguments_of_a_command(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*command, "--help"]) == 0
    assert "usage: slomo-batch" in capsys.readouterr().out


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


@pytest.mark.parametrize("command", [[], ["weights"]])
def test_without_a_command_the_help_is_printed(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(command) == 2
    bare = capsys.readouterr().err
    assert cli.main([*command, "--help"]) == 0
    assert capsys.readouterr().out == bare


NUMERIC_OPTIONS = [
    (["preview", "a.mp4"], "--seconds"),
    *((["plan", "job.yaml"], option) for option in ("--frames-per-second", "--price-per-hour", "--self-test")),
    (["run", "job.yaml"], "--prewarm"),
    (["submit", "job.yaml"], "--prewarm"),
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


def test_schema_prints_the_json_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json_schema()


def test_status_of_a_name_requires_the_work_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status", "derby-2019"]) == 2
    assert "pass the work place with --work" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["status", "gc", "timeline", "report"])
def test_a_manifest_that_cannot_be_read_is_named(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--out", "written"] if command in {"timeline", "report"} else []
    with open_folder() as folder:
        (folder / "closed").mkdir(mode=0)
        path = f"{folder}/closed/job.yaml"
        with as_stranger():
            assert cli.main([command, path, *options]) == 2
    assert capsys.readouterr().err == f"slomo-batch: {path}: cannot be read: Permission denied\n"
    assert cli.main([command, "s" * 300, *options]) == 2
    assert "pass the work place with --work" in capsys.readouterr().err


def test_a_file_that_is_not_an_archive_is_an_error_without_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "chunk"
    assert cli.main(["archive", "dump", str(path)]) == 2
    assert "No such file" in capsys.readouterr().err
    path.write_bytes(b"not an archive")
    assert cli.main(["archive", "dump", str(path)]) == 2
    assert f"{path}, byte 0: not a packet archive" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["compare", "a.mp4"], ["evaluate", "a.mp4", "b.mp4"]])
def test_a_missing_clip_is_an_error_of_the_command(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*command, "--method" if command[0] == "evaluate" else "--methods", "blend"]) == 2
    shown = capsys.readouterr().err.splitlines()
    assert shown == [
        "slomo-batch: cannot read the input",
        *(f"  {Path(name).absolute()}: no such file" for name in command[1:]),
    ]


def test_a_bug_is_reported_as_one_with_its_own_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken(io.StringIO):
        def write(self, _: str) -> int:
            raise ZeroDivisionError

    monkeypatch.setattr(sys, "stdout", Broken())
    assert cli.main(["schema"]) == 70
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert "this is a bug in slomo_batch" in shown


def test_a_permission_error_is_not_reported_as_a_bug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["evaluate", "none"])  # imports modules that another user may not read
    with open_folder() as folder:
        (folder / "closed").mkdir(mode=0)
        with as_stranger():
            assert cli.main(["evaluate", f"{folder}/closed/a.mp4"]) == 2
            monkeypatch.setattr(files, "_weights_list", lambda _: len((folder / "closed/a").read_bytes()))
            assert cli.main(["weights", "list"]) == 3
    assert "Permission denied" in capsys.readouterr().err
    monkeypatch.setattr(files, "_weights_list", lambda _: len((folder / "none").read_bytes()))
    assert cli.main(["weights", "list"]) == 70


def test_a_deleted_current_folder_is_not_reported_as_a_bug(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    for name in ("a.mp4", f"{tmp_path}/a.mp4"):  # also where no path needs the folder: libraries do
        assert cli.main(["convert", name, f"{tmp_path}/b.mp4"]) == 2
        shown = capsys.readouterr().err
        assert shown == "slomo-batch: the current folder was deleted. Change to a folder that exists.\n"
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("none left"),
        RuntimeError("can't start new thread"),
        ImportError("libarrow.so.2600: failed to map segment from shared object"),
    ],
)
def test_a_limit_of_the_machine_is_not_reported_as_a_bug(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def limited(_: object) -> int:
        raise error

    monkeypatch.setattr(files, "_weights_list", limited)
    assert cli.main(["weights", "list"]) == 3
    shown = capsys.readouterr().err
    assert str(error) in shown
    assert "ulimit" in shown
    assert "Traceback" not in shown


def test_a_missing_module_is_a_bug(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(files, "_weights_list", lambda _: importlib.import_module("slomo_batch.none"))
    assert cli.main(["weights", "list"]) == 70
    assert "this is a bug" in capsys.readouterr().err


def test_a_closed_pipe_is_not_reported_as_a_bug() -> None:
    command = f"{sys.executable} -m slomo_batch schema | head -c 1"
    done = subprocess.run(["bash", "-c", f"{command}; true"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "{"
    assert done.stderr == ""


def test_importing_the_command_line_and_validating_a_manifest_loads_nothing_heavy() -> None:
    code = (
        "import sys; from slomo_batch.cli.main import main; main(['run', 'nothing.yaml']); main(['schema']);"
        "sys.stderr.write('LOADED ' + ' '.join(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stderr.partition("LOADED ")[2].split())
    assert {"yaml", "pydantic"} <= loaded
    assert loaded & {"torch", "ray", "av", "boto3", "botocore", "pyarrow", "rich", "cv2"} == set()


@pytest.mark.parametrize("command", ["", "convert", "run"])
def test_help_loads_only_what_it_shows(command: str) -> None:
    code = (
        f"import sys; from slomo_batch.cli.main import main; main('{command} --help'.split());"
        "sys.stderr.write('LOADED ' + ' '.join(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stderr.partition("LOADED ")[2].split())
    assert loaded & {"pydantic", "yaml", "shtab", "torch", "ray", "av", "boto3", "pyarrow", "rich"} == set()


@pytest.mark.parametrize("command", ["status", "gc"])
def test_status_and_gc_load_neither_torch_nor_ray(command: str, tmp_path: Path) -> None:
    code = (
        f"import sys; from slomo_batch.cli.main import main; main(['{command}', 'film', '--work', '{tmp_path}']);"
        "sys.stderr.write('LOADED ' + ' '.join(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stderr.partition("LOADED ")[2].split())
    assert "pyarrow" in loaded
    assert loaded & {"torch", "ray", "av", "cv2", "boto3"} == set()


# ---- convert -------------------------------------------------------------------------------------------------------


def test_convert_is_a_manifest_of_one_video_made_in_this_process() -> None:
    manifest = convert("clips/a.mov", "out/b.mp4")
    assert [spec.uri for spec in manifest.inputs] == ["clips/a.mov"]
    assert (manifest.output.uri, manifest.job.cluster.address) == ("out/b.mp4", "inline")
    assert manifest.work == f"{os.environ['XDG_STATE_HOME']}/slomo-batch"
    assert convert("a.mov", "s3://bucket/b.mp4").work == "s3://bucket/.slomo-work"


def test_convert_accepts_the_flag_that_messages_recommend() -> None:
    assert convert("a.mp4", "b.mp4", "--retry-failed") == convert("a.mp4", "b.mp4")


def test_the_flags_of_convert_are_settings_and_set_overrides_them() -> None:
    manifest = convert(
        *("a.mov", "b.mkv", "--slowdown", "5/2", "--fps", "60", "--method", "blend", "--weights", "w.ckpt"),
        *("--codec", "hevc", "--quality", "20", "--set", "encode.quality=30", "--set", "cluster.address=local"),
    )
    settings = manifest.settings_for(manifest.inputs[0])
    assert settings.retime.slowdown == parse_rational("5/2")
    assert settings.retime.fps == FpsTarget(kind="rate", value=parse_rational(60))
    assert (settings.interpolate.method, settings.interpolate.weights) == ("blend", "w.ckpt")
    assert settings.encode == Encode(codec="hevc", quality=30)
    assert manifest.job.cluster.address == "local"


def test_every_setting_of_a_video_has_an_option_of_its_own() -> None:
    flags = [flag_of(one) for one in declared_settings(VideoSettings)]
    assert len(set(flags)) == len(flags)
    options = [(flag_of(one), str(one.default)) for one in optional_settings() if one.default != ""]
    assert convert("a.mov", "b.mp4", *(word for option in options for word in option)) == convert("a.mov", "b.mp4")


def test_a_ramp_is_typed_as_in_a_manifest_or_in_short() -> None:
    texts = "[{at: 0, slowdown: 1}, {at: 2, slowdown: 8}]", "0 1, 2 8"
    ramps = [convert("a.mov", "b.mp4", "--ramp", text) for text in texts]
    assert [manifest.settings_for(None).retime.ramp for manifest in ramps] == ["0 1, 2 8", "0 1, 2 8"]


@pytest.mark.parametrize("suffix", CONTAINERS)
@pytest.mark.parametrize("purpose", PRESETS)
def test_every_preset_fits_every_container_and_options_override_it(purpose: str, suffix: str) -> None:
    preset = convert("a.avi", f"b{suffix}", "--for", purpose).settings_for(None)
    assert preset != convert("a.avi", f"b{suffix}").settings_for(None)
    slow = convert("a.avi", f"b{suffix}", "--preset", "veryslow", "--for", purpose).settings_for(None)
    assert slow.encode.preset == "veryslow"
    for codec in CONTAINERS[suffix].codecs:
        convert("a.avi", f"b{suffix}", "--for", purpose, "--codec", codec)


def test_convert_takes_names_literally() -> None:
    manifest = convert("clips/a[1]*?.mov", "out/{a}[1].mp4")
    assert manifest.inputs[0].uri == "clips/a[1]*?.mov"
    assert manifest.inputs[0].is_literal
    assert manifest.output.uri == "out/{{a}}[1].mp4"


def test_the_same_convert_is_the_same_job_and_another_is_another(tmp_path: Path) -> None:
    first = convert("s3://b/ä b.mov", "out/b.mp4").name
    assert first == convert("s3://b/ä b.mov", str(Path.cwd() / "out/b.mp4")).name
    assert first != convert("s3://b/ä b.mov", f"{tmp_path}/b.mp4").name
    assert first.startswith("convert-b-")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["a.mov", "b.mp4", "--slowdown", "0.5"], "--slowdown 0.5: must be at least 1, got 0.5"),
        (["a.mov", "b.mp4", "--slowdown", "nan"], "--slowdown nan: 'nan' is not a number"),
        (["a.mov", "b.mp4", "--slowdown", "9999999"], "--slowdown 9999999: must be at most 1000000, got 9999999"),
        (["a.mov", "b.mp4", "--fps", "x0"], "--fps x0: must be greater than 0"),
        (["a.mov", "b.mp4", "--fps", "fast"], "--fps fast: 'fast' is not a frame rate"),
        (["a.mov", "b.mp4", "--method", "flo"], "--method flo: 'flo' is not one of duplicate, blend, mci, flow"),
        (["a.mov", "b.mp4", "--method", "rife"], "--method rife: 'rife' is not shipped; use one of duplicate, blend"),
        (["a.mov", "b.mp4", "--codec", "mpeg2"], "--codec mpeg2: 'mpeg2' is not one of auto, h264, hevc"),
        (["a.mov", "b.mp4", "--quality", "99"], "--quality 99: quality of h264 must be 0 to 51"),
        (["a.mov", "b.mp4", "--codec", "prores"], "OUT b.mp4: .mp4 does not support prores"),
        (["a.mov", "b.avi"], "OUT b.avi: unsupported output suffix .avi; use .mp4, .mov, .mkv or .webm"),
        (["a.mov", "c.mov", "b.mp4"], "b.mp4: several inputs need a folder as OUT"),
        (["a.mp4", "x/a.mp4", "y/"], "y/a.mp4: is the output of several inputs"),
        (["a.mov", "{b}*.mp4"], "OUT {b}*.mp4: '{b}*.mp4' contains a wildcard"),
        (["[a].mp4", "./[a].mp4"], "[a].mp4 is also an input"),
        (["a.mov", "a.mov"], "is also an input"),
        (["a.mp4", "./x/../a.mp4"], "is also an input"),
        (["gs://b/a.mov", "b.mp4"], "IN gs://b/a.mov: unsupported URI scheme gs://"),
        (
            ["a.mov", "b.mp4", "--method", "mci", "--set", "interpolate.doubt=hold"],
            "--set interpolate.doubt=hold: 'hold' needs",
        ),
        (["a.mov", "b.mp4", "--set", "nonsense"], "--set nonsense: expected PATH=VALUE, such as encode.codec=ffv1"),
    ],
)
def test_an_invalid_convert_is_reported_by_its_arguments(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["convert", *arguments]) == 2
    shown = capsys.readouterr().err
    assert expected in shown
    assert "Traceback" not in shown
    with pytest.raises(ManifestError):
        convert(*arguments)
