"""The arguments of convert: a manifest of one video, whose settings are options."""

import os
from pathlib import Path

import pytest

from slomo_batch.cli import main as cli
from slomo_batch.cli.convert import convert_manifests
from slomo_batch.cli.setting_options import flag_of, optional_settings
from slomo_batch.declarations import declared_settings
from slomo_batch.errors import ManifestError
from slomo_batch.manifest.presets import PRESETS
from slomo_batch.manifest.schema import Manifest
from slomo_batch.plan.containers import CONTAINERS
from slomo_batch.settings import Encode, FpsTarget, VideoSettings
from slomo_batch.timeline.rates import parse_rational


def convert(*arguments: str) -> Manifest:
    """The manifest of a `convert` command."""
    [manifest] = convert_manifests(cli.parser().parse_args(["convert", *arguments]))
    return manifest


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
