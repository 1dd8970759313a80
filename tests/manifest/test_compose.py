"""Settings compose: defaults < manifest < input < row of a table < --set, value by value."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slomo_batch.errors import ManifestError
from slomo_batch.manifest.composition import validate_output
from slomo_batch.manifest.load import load
from slomo_batch.settings import AudioMode, Encode, Settings
from slomo_batch.uri import Uri
from tests.manifest.manifests import with_inputs

LEAVES = {
    "retime.slowdown": ["2", "5/2", "8"],
    "retime.fps": ["source", "60", "x2"],
    "interpolate.method": ["duplicate", "blend", "mci", "flow", "superslomo"],
    "interpolate.weights": ["compact", "s3://w/x.ckpt"],
    "interpolate.cuts": ["hold", "ignore"],
    "interpolate.precision": ["auto", "bf16"],
    "audio": ["auto", "stretch", "drop"],
    "encode.codec": ["h264", "hevc", "av1"],
    "encode.quality": ["10", "30"],
    "encode.preset": ["fast", "slow"],
}
"""Values of settings, as text; any mix of them is valid."""

layer = st.fixed_dictionaries({}, optional={path: st.sampled_from(values) for path, values in LEAVES.items()})


def sections(flat: dict[str, str]) -> list[str]:
    """Return dotted settings as YAML, a section each."""
    grouped: dict[str, list[str]] = {}
    for path, value in flat.items():
        head, _, leaf = path.partition(".")
        grouped.setdefault(head, []).append(f"{leaf}: {value}" if leaf else value)
    return [
        f"{head}: {entries[0]}" if head == "audio" else f"{head}: {{{', '.join(entries)}}}"
        for head, entries in grouped.items()
    ]


def composed(manifest: dict[str, str], spec: dict[str, str], row: dict[str, str], over: dict[str, str]) -> Settings:
    entry = f"{{{', '.join(['table: rows.csv', *sections(spec)])}}}"
    text = with_inputs(f"[{entry}]", more="\n".join(sections(manifest)) + "\n")
    loaded = load(text, where="job.yaml", overrides=[f"{path}={value}" for path, value in over.items()])
    return loaded.settings_for(loaded.inputs[0], row)


@given(layer, layer, layer, layer)
def test_every_value_comes_from_the_topmost_layer_that_has_it(
    manifest: dict[str, str], spec: dict[str, str], row: dict[str, str], over: dict[str, str]
) -> None:
    flat = {**manifest, **spec, **row, **over}
    assert composed(manifest, spec, row, over) == composed(flat, {}, {}, {}) == composed({}, {}, {}, flat)


@given(layer)
def test_an_empty_cell_is_absent(row: dict[str, str]) -> None:
    blank = {path: row.get(path, "") for path in LEAVES}
    assert composed({"encode.codec": "hevc"}, {}, blank, {}) == composed({"encode.codec": "hevc"}, {}, row, {})


def test_settings_of_an_input_do_not_apply_to_others() -> None:
    manifest = load(with_inputs("[{uri: a.mov, retime: {slowdown: 8}}, {uri: b.mov}]"), where="job.yaml")
    first, second = (manifest.settings_for(spec) for spec in manifest.inputs)
    assert (first.retime.slowdown, second.retime.slowdown) == (Fraction(8), Fraction(4))


def test_a_setting_of_the_command_line_overrides_inputs_and_rows() -> None:
    text = with_inputs("[{table: t.csv, encode: {codec: hevc, quality: 30}}]")
    manifest = load(text, where="job.yaml", overrides=["encode.codec=av1"])
    row = {"encode.codec": "h264", "encode.quality": "20"}
    assert manifest.settings_for(manifest.inputs[0], row).encode == Encode(codec="av1", quality=20)


def test_a_slowdown_of_one_lets_a_row_keep_the_audio() -> None:
    manifest = load(with_inputs("[{table: t.csv}]"), where="job.yaml")
    kept = manifest.settings_for(manifest.inputs[0], {"audio": "keep", "retime.slowdown": "1"})
    expected: AudioMode = "keep"
    assert (kept.audio, kept.retime.slowdown) == (expected, Fraction(1))


def test_other_columns_of_a_row_are_ignored() -> None:
    manifest = load(with_inputs("[{table: t.csv}]"), where="job.yaml")
    row = {"uri": "s3://b/a.mov", "name": "Derby", "fps": "25", "codec": "mpeg2", "camera.model": "X"}
    row |= {"storage.class": "GLACIER", "output": "tape", "encoding.date": "2019"}
    assert manifest.settings_for(manifest.inputs[0], row) == Settings()


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"retime.slowdown": "fast"}, "retime.slowdown: 'fast' is not a number"),
        ({"retime.slowdown": "0.5"}, "retime.slowdown: must be at least 1, got 0.5"),
        ({"retime.slow": "2"}, "column 'retime.slow': unknown setting; did you mean retime.slowdown?"),
        ({"retiming.slowdown": "2"}, "column 'retiming.slowdown': unknown setting; did you mean retime.slowdown?"),
        ({"Retime.slowdown": "2"}, "column 'Retime.slowdown': unknown setting; did you mean retime.slowdown?"),
        ({"retime": "2"}, "column 'retime': is a section; name one of its settings, like retime.slowdown"),
        ({"retime.ramp": "1"}, "retime.ramp: expected keys such as {at: 2.5, slowdown: 4}"),
        ({"interpolate.tiles": "4"}, "interpolate.tiles: '4' is not one of auto, always"),
        (
            {"interpolate.method": "flo"},
            "interpolate.method: 'flo' is not one of duplicate, blend, mci, flow, superslomo",
        ),
        ({"output.uri": "x.mp4"}, "column 'output.uri': applies to the whole job and cannot be set in a row"),
        ({"chunks.pairs": "4"}, "column 'chunks.pairs': applies to the whole job and cannot be set in a row"),
        (
            {"encode.codec": "h265"},
            "encode.codec: 'h265' is not one of auto, h264, hevc, av1, vp9, prores, ffv1; did you mean hevc?",
        ),
        ({"encode.quality": "18.5"}, "encode.quality: must be an integer, got 18.5"),
        ({"encode.quality": "60"}, "encode.quality: quality of h264 must be 0 to 51, got 60"),
        ({"encode.codec": "prores"}, "output.uri: .mp4 does not support prores"),
        ({"audio": "keep"}, "audio: 'keep' requires slowdown 1"),
    ],
)
def test_an_invalid_row_is_reported_with_its_video(row: dict[str, str], expected: str) -> None:
    manifest = load(with_inputs("[{table: t.csv}]"), where="job.yaml")
    with pytest.raises(ManifestError) as caught:
        manifest.settings_for(manifest.inputs[0], {"uri": "s3://b/a.mov", **row})
    assert "s3://b/a.mov" in str(caught.value)
    assert [fault for fault in caught.value.problems if fault.startswith(expected)], caught.value.problems


def test_all_problems_of_a_row_are_reported_together() -> None:
    manifest = load(with_inputs("[{table: t.csv}]"), where="job.yaml")
    with pytest.raises(ManifestError) as caught:
        manifest.settings_for(manifest.inputs[0], {"retime.slowdown": "x", "encode.codec": "y", "encode.speed": "z"})
    assert len(caught.value.problems) == 3


def test_a_suffix_from_the_source_is_validated_with_the_output_name() -> None:
    manifest = load(with_inputs("[{uri: 'clips/*'}]", "out/{name}"), where="job.yaml")
    settings = manifest.settings_for(manifest.inputs[0])
    assert validate_output(settings, Uri("/out/a.mkv")) == []
    (problem,) = validate_output(settings, Uri("/out/a.avi"))
    assert problem == "unsupported output suffix .avi; use .mp4, .mov, .mkv or .webm"


def test_whole_numbers_with_a_decimal_point_from_a_spreadsheet_are_whole() -> None:
    manifest = load(with_inputs("[{table: t.csv}]"), where="job.yaml")
    assert manifest.settings_for(manifest.inputs[0], {"encode.quality": "20.0"}).encode.quality == 20
