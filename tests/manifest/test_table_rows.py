"""Table rows are validated like a manifest: all problems of all tables are reported together, before any work."""

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slomo_batch.errors import ManifestError
from slomo_batch.manifest.inputs import FoundVideos, find_videos
from slomo_batch.manifest.load import load
from slomo_batch.manifest.schema import Manifest
from slomo_batch.storage.s3_options import S3Options
from slomo_batch.wiring import locate


def manifest_of(folder: Path, *inputs: str) -> Manifest:
    text = f"version: 1\nname: job\ninputs: [{', '.join(inputs)}]\noutput: {{uri: '{folder}/out/{{stem}}.mp4'}}\n"
    return load(text, where="manifest.yaml")


def find(manifest: Manifest) -> FoundVideos:
    return find_videos(manifest, lambda uri: locate(uri, s3=S3Options()))


CELLS = {
    "gdrive://x/a.mp4": "uri: unsupported URI scheme gdrive://; use s3://bucket/key or a local path",
    "~nosuchuser/x.mp4": "uri: '~nosuchuser/x.mp4': no such user on this machine",
    "s3://Bad_Bucket!/a.mp4": "uri: invalid bucket name 'Bad_Bucket!'",
    "s3://bucket": "uri: 's3://bucket' is a folder; a row must name one video",
    "folder/": "uri: 'folder/' is a folder",
    r"a\u0000.mp4": r"uri: 'a\x00.mp4' contains a NUL character",
    r"a\ud800.mp4": r"uri: 'a\ud800.mp4' contains a lone surrogate",
    r"s3://bucket/a\udcff.mp4": r"uri: 's3://bucket/a\udcff.mp4' is not UTF-8",
    "file:///a%00.mp4": "uri: 'file:///a%00.mp4' contains a NUL character",
    "file://[/x": "uri: 'file://[/x' has a host name",
    "http://[::1/x": "uri: unsupported URI scheme http://",
}


def test_every_invalid_location_is_reported_with_table_and_line(tmp_path: Path) -> None:
    rows = [f'{{"uri": "{cell}"}}' for cell in CELLS]
    rows.append('{"uri": "good.mp4", "encode": {"codec": "h256"}, "retime": {"slowdown": 0.5}}')
    table, other = tmp_path / "t.jsonl", tmp_path / "other.csv"
    table.write_text("\n".join(rows))
    with pytest.raises(ManifestError) as caught:
        find(manifest_of(tmp_path, f"{{table: '{table}'}}"))
    assert caught.value.where == str(table)
    problems = caught.value.problems
    assert len(problems) == len(CELLS) + 2
    for line, (fault, expected) in enumerate(zip(problems, CELLS.values(), strict=False), 1):
        assert fault.startswith(f"line {line}: {expected}")
    assert problems[-2].startswith("line 12: retime.slowdown: must be at least 1, got 0.5")
    assert problems[-1].startswith("line 12: encode.codec: 'h256' is not one of")
    other.write_text("uri\ngs://b/a.mp4\n")
    with pytest.raises(ManifestError, match="2 invalid tables") as caught:
        find(manifest_of(tmp_path, f"{{table: '{table}'}}", f"{{table: '{other}'}}"))
    assert caught.value.problems[0] == f"{table}: {problems[0]}"
    assert caught.value.problems[-1].startswith(f"{other}: line 2: uri: unsupported URI scheme gs://")


def test_all_kinds_of_errors_of_a_row_are_reported_together(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text(
        "uri,encode.codc,encode.codec,encode.quality,audio,retime.slowdown,retime.fps\n"
        "a.mp4,x,,,keep,2,fast\n"
        "b.mp4,,h256,60,keep,2,\n"
        "c.mp4,,,60,loud,2,\n"
        ",,,60,,,\n"
    )
    with pytest.raises(ManifestError) as caught:
        find(manifest_of(tmp_path, f"{{table: '{table}'}}"))
    assert [problem.split(";")[0] for problem in caught.value.problems] == [
        "line 2: column 'encode.codc': unknown setting",
        "line 2: retime.fps: 'fast' is not a frame rate",
        "line 2: audio: 'keep' requires slowdown 1, got 2",
        "line 3: encode.codec: 'h256' is not one of auto, h264, hevc, av1, vp9, prores, ffv1",
        "line 3: audio: 'keep' requires slowdown 1, got 2",
        "line 4: audio: 'loud' is not one of auto, keep, stretch, resample, drop",
        "line 4: encode.quality: quality of h264 must be 0 to 51, got 60",
        "line 5: uri is missing",
        "line 5: encode.quality: quality of h264 must be 0 to 51, got 60",
    ]


def test_a_table_that_cannot_be_read_is_reported_with_its_reason_beside_other_tables(tmp_path: Path) -> None:
    missing, wrong = tmp_path / "missing.csv", tmp_path / "wrong.csv"
    wrong.write_text("uri\nfolder/\n")
    with pytest.raises(ManifestError) as alone:
        find(manifest_of(tmp_path, f"{{table: '{missing}'}}"))
    with pytest.raises(ManifestError) as caught:
        find(manifest_of(tmp_path, f"{{table: '{missing}'}}", f"{{table: '{wrong}'}}"))
    first, second = caught.value.problems
    assert first == str(alone.value)
    assert "no such file" in first
    assert second.startswith(f"{wrong}: line 2: uri: 'folder/' is a folder")


def test_a_column_that_is_not_a_setting_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"video")
    dates = pa.array([10_000_000], pa.date32())
    zones = pa.array([0], pa.timestamp("us", tz="Mars/Olympus"))
    data = io.BytesIO()
    pq.write_table(pa.table({"uri": [f"{tmp_path}/a.mp4"], "shot_on": dates, "zone": zones}), data)
    table = tmp_path / "t.parquet"
    table.write_bytes(data.getvalue())
    assert len(find(manifest_of(tmp_path, f"{{table: '{table}'}}")).requests) == 1


def test_a_file_whose_name_is_not_utf8_fails_alone(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "good.mp4").write_bytes(b"video")
    (tmp_path / "in" / "b\udcff.mp4").write_bytes(b"video")
    found = find(manifest_of(tmp_path, f"{{uri: '{tmp_path}/in/'}}"))
    assert [request.source.uri for request in found.requests] == [f"{tmp_path}/in/good.mp4"]
    [failed] = found.missing
    assert (failed.source_uri, failed.error) == (rf"{tmp_path}/in/b\udcff.mp4", "SourceUnsupported")
    assert "the name is not UTF-8" in failed.reason


def test_output_names_follow_the_folders_of_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~a b").mkdir()
    for name in ("1.mp4", "2.mp4", "~a b/3.mp4"):
        (tmp_path / name).write_bytes(b"video")
    (tmp_path / "t.csv").write_text(f"uri\n./1.mp4\n./~a b/3.mp4\nfile://localhost{tmp_path}/%32.mp4\n")
    text = "version: 1\nname: job\ninputs: [{table: t.csv}]\noutput: {uri: 'out/{relpath}/{name}'}\n"
    found = find(load(text, where="manifest.yaml"))
    assert [request.output_uri.removeprefix(f"{tmp_path}/out/") for request in found.requests] == [
        "1.mp4",
        "~a b/3.mp4",
        f"{tmp_path}/2.mp4".removeprefix("/"),
    ]
    assert found.missing == ()
