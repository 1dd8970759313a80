"""Valid manifests of many forms are loaded exactly as written."""

import pickle
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slomo_batch.errors import ManifestError
from slomo_batch.manifest.load import load
from slomo_batch.settings import Budget, Chunks, Encode, FpsTarget, Interpolate, Retime, Settings, VideoLimits
from slomo_batch.storage.s3_options import S3Options, StorageOptions
from tests.manifest.manifests import GOOD, good, with_inputs

ROOT = Path(__file__).parents[2]


def settings(more: str = "", *overrides: str) -> Settings:
    manifest = good(more, *overrides)
    return manifest.settings_for(manifest.inputs[0])


def test_the_smallest_manifest_has_the_defaults_of_the_records() -> None:
    assert settings() == Settings()


def test_the_smallest_manifest_has_defaults_for_the_whole_job() -> None:
    manifest = good()
    assert manifest.name == "derby-2019"
    assert manifest.output.exists == "skip"
    assert manifest.work == "out/.slomo-work"
    assert (manifest.job.cluster.address, manifest.job.cluster.workers.min, manifest.job.cluster.workers.max) == (
        "auto",
        0,
        "auto",
    )
    assert (manifest.job.cluster.gpus_per_worker, manifest.job.cluster.cpus_per_worker) == ("auto", "auto")
    assert manifest.job.retries.chunk == 3
    assert (manifest.job.storage.endpoint_url, manifest.job.storage.requester_pays) == ("", False)


@pytest.mark.parametrize("path", ["jobs/demo.yaml", "jobs/ramp.yaml", "jobs/archive-s3.yaml"])
def test_the_shipped_manifests_are_valid(path: str) -> None:
    manifest = load((ROOT / path).read_text(), where=path)
    assert all(manifest.settings_for(spec) for spec in manifest.inputs)


def test_the_shipped_archive_manifest_is_loaded_as_written() -> None:
    manifest = load((ROOT / "jobs/archive-s3.yaml").read_text(), where="archive")
    globbed, single, table = manifest.inputs
    assert (globbed.uri, globbed.excluded, globbed.table) == ("s3://archive/2019/**/*.mp4", ("**/proxy/**",), "")
    assert (table.uri, table.table) == ("", "s3://archive/catalog.parquet")
    assert manifest.settings_for(globbed).retime.slowdown == 4
    assert manifest.settings_for(single).retime == Retime(slowdown=Fraction(8))
    assert manifest.work == "s3://scratch/slomo"
    assert manifest.job.cluster.workers.max == 8


@pytest.mark.parametrize(
    ("written", "slowdown"),
    [
        ("1", Fraction(1)),
        ("4", Fraction(4)),
        ("2.5", Fraction(5, 2)),
        ("'5/2'", Fraction(5, 2)),
        ("5/2", Fraction(5, 2)),
        ("1.1", Fraction(11, 10)),
        ("1.000000000000000001", 1 + Fraction(1, 10**18)),
        ("100000", Fraction(100000)),
    ],
)
def test_slowdown_is_exactly_the_written_value(written: str, slowdown: Fraction) -> None:
    assert settings(f"retime: {{slowdown: {written}}}\n").retime.slowdown == slowdown


@given(st.integers(10**9, 10**12), st.integers(6, 9))
def test_no_decimal_passes_through_a_binary_float(digits: int, places: int) -> None:
    exact = Fraction(digits, 10**places)
    written = f"{digits // 10**places}.{digits % 10**places:0{places}}"
    assert settings(f"retime: {{slowdown: {written}}}\n").retime.slowdown == exact
    assert settings("", f"retime.slowdown={written}").retime.slowdown == exact


@pytest.mark.parametrize(
    ("written", "target"),
    [
        ("source", FpsTarget(kind="source", value=Fraction(1))),
        ("60", FpsTarget(kind="rate", value=Fraction(60))),
        ("59.94", FpsTarget(kind="rate", value=Fraction(5994, 100))),
        ('"60000/1001"', FpsTarget(kind="rate", value=Fraction(60000, 1001))),
        ("24000/1001", FpsTarget(kind="rate", value=Fraction(24000, 1001))),
        ("x2", FpsTarget(kind="multiple", value=Fraction(2))),
        ('"x5/2"', FpsTarget(kind="multiple", value=Fraction(5, 2))),
    ],
)
def test_frame_rates_are_accepted_in_all_notations(written: str, target: FpsTarget) -> None:
    assert settings(f"retime: {{fps: {written}}}\n").retime.fps == target


def test_every_setting_of_a_video_is_loaded() -> None:
    text = (
        "retime: {slowdown: 2, fps: 50}\n"
        "interpolate: {method: blend, weights: s3://w/a.ckpt, cuts: ignore, duplicates: keep, doubt: trust,"
        " precision: bf16, flow_scale: 0.5}\n"
        "audio: resample\n"
        "encode: {codec: hevc, quality: 22, preset: slow, encoder: libx265, pixel_format: yuv420p10le}\n"
        "chunks: {pairs: 12}\n"
        "limits: {max_held_frames: 0}\n"
    )
    assert settings(text) == Settings(
        retime=Retime(slowdown=Fraction(2), fps=FpsTarget(kind="rate", value=Fraction(50))),
        interpolate=Interpolate(
            method="blend", weights="s3://w/a.ckpt", cuts="ignore", precision="bf16", flow_scale=Fraction(1, 2)
        ),
        audio="resample",
        encode=Encode(codec="hevc", quality=22, preset="slow", encoder="libx265", pixel_format="yuv420p10le"),
        chunks=Chunks(pairs=12),
        limits=VideoLimits(max_held_frames=0),
    )


def test_every_setting_of_the_job_is_loaded() -> None:
    manifest = good(
        "work: /scratch/w\n"
        "cluster: {address: 'ray://head:10001', workers: {min: 1, max: 40}, gpus_per_worker: 0.5, cpus_per_worker: 4}\n"
        "retries: {chunk: 0}\n"
        "budget: {money: 500, price_per_hour: 1.2}\n"
        "storage:\n"
        "  endpoint_url: http://localhost:9000\n  region: eu-west-1\n  sse_kms_key_id: alias/k\n"
        '  expected_bucket_owner: "012345678901"\n  requester_pays: yes\n  addressing_style: path\n'
        "  profile: me\n  shared: [/mnt/archive/, 'file:///mnt/b%20c']\n"
    )
    assert manifest.work == "/scratch/w"
    assert manifest.job.cluster.address == "ray://head:10001"
    assert (manifest.job.cluster.workers.min, manifest.job.cluster.workers.max) == (1, 40)
    assert (manifest.job.cluster.gpus_per_worker, manifest.job.cluster.cpus_per_worker) == (Fraction(1, 2), 4)
    assert manifest.job.retries.chunk == 0
    assert manifest.job.budget == Budget(money=Fraction(500), price_per_hour=Fraction(6, 5))
    assert manifest.job.budget.limit_hours == Fraction(1250, 3)
    assert manifest.job.storage == StorageOptions(
        endpoint_url="http://localhost:9000",
        region="eu-west-1",
        sse_kms_key_id="alias/k",
        expected_bucket_owner="012345678901",
        requester_pays=True,
        addressing_style="path",
        profile="me",
        shared=("/mnt/archive", "/mnt/b c"),
    )


def test_a_bucket_may_have_other_options_than_the_others() -> None:
    text = with_inputs('[{uri: "s3://footage/a/*.mp4"}]', "s3://studio/slow/{stem}.mp4")
    storage = """\
storage:
  region: eu-central-1
  requester_pays: yes
  buckets:
    footage: {expected_bucket_owner: "111122223333", requester_pays: no}
    studio: {endpoint_url: "https://minio.example.org", profile: studio}
"""
    options = load(text + storage, where="job.yaml").job.storage
    assert options.of("footage") == S3Options(region="eu-central-1", expected_bucket_owner="111122223333")
    assert options.of("studio") == S3Options(
        region="eu-central-1", requester_pays=True, endpoint_url="https://minio.example.org", profile="studio"
    )
    assert options.of("another") == S3Options(region="eu-central-1", requester_pays=True)
    over = load(text + storage, where="job.yaml", overrides=["storage.buckets.studio.profile=me"]).job.storage
    assert over.of("studio").profile == "me"
    assert over.of("studio").endpoint_url == "https://minio.example.org"


def test_a_bucket_with_options_that_nothing_is_in_is_a_slip() -> None:
    storage = "storage: {buckets: {studoi: {profile: me}}}\n"
    text = with_inputs('[{uri: "s3://footage/a.mp4"}]', "s3://studio/{stem}.mp4") + storage
    with pytest.raises(ManifestError) as caught:
        load(text, where="job.yaml")
    [problem] = caught.value.problems
    assert problem == (
        "line 5: storage.buckets.studoi: no input, output or work place is in this bucket; did you mean studio?"
    )
    load(text.replace('uri: "s3://footage/a.mp4"', "table: rows.csv"), where="job.yaml")
    load(text.replace("s3://studio/{", "s3://studoi/{"), where="job.yaml")


@pytest.mark.parametrize("address", ["auto", "inline", "local", "head:6379", "ray://10.0.0.1:10001", "[::1]:6379"])
def test_addresses_of_a_cluster_are_accepted(address: str) -> None:
    assert good(f"cluster: {{address: '{address}'}}\n").job.cluster.address == address


@pytest.mark.parametrize(
    "uri",
    [
        "clips/a.mov",
        "clips/",
        "/data/a b/ü.mov",
        "C3PO/[a-f]*.mov",
        "file:///data/a.mov",
        "s3://bucket",
        "s3://bucket/",
        "s3://bucket/a//b/*.mp4",
        "s3://my.bucket-1/**/*.[mM][pP]4",
        "~/clips",
        "./~nosuchuser/a.mov",
    ],
)
def test_many_forms_of_locations_are_accepted_unchanged(uri: str) -> None:
    text = with_inputs(f"[{{uri: '{uri}'}}]", "/elsewhere/{relpath}/{stem}.mp4")
    assert load(text, where="job.yaml").inputs[0].uri == uri


def test_an_empty_value_is_an_absent_one() -> None:
    assert settings("retime:\nencode:\n  codec:\n  preset: ''\naudio: ~\n") == Settings()
    assert good("work:\n").work == "out/.slomo-work"


def test_a_name_of_digits_is_a_name() -> None:
    assert load(GOOD.replace("derby-2019", "2019"), where="job.yaml").name == "2019"
    assert load(GOOD.replace("derby-2019", "2019-05-01"), where="job.yaml").name == "2019-05-01"


def test_anchors_and_merges_work_as_in_yaml() -> None:
    text = with_inputs(
        "[{uri: a.mov, retime: &slow {slowdown: 8, fps: 60}}, {uri: b.mov, retime: {<<: *slow, fps: 50}}]",
    )
    manifest = load(text, where="job.yaml")
    first, second = (manifest.settings_for(spec).retime for spec in manifest.inputs)
    assert (first.slowdown, first.fps.value) == (Fraction(8), Fraction(60))
    assert (second.slowdown, second.fps.value) == (Fraction(8), Fraction(50))


def test_a_byte_order_mark_and_windows_line_ends_are_accepted() -> None:
    assert load("\ufeff" + GOOD.replace("\n", "\r\n"), where="job.yaml") == good()


def test_a_setting_of_the_command_line_overrides_the_manifest() -> None:
    manifest = good("encode: {codec: hevc}\n", "encode.codec=av1", "cluster.workers.max=2", "work=s3://w/x")
    assert manifest.settings_for(manifest.inputs[0]).encode.codec == "av1"
    assert (manifest.job.cluster.workers.max, manifest.work) == (2, "s3://w/x")


def test_a_setting_may_be_a_whole_section_and_the_later_one_wins() -> None:
    manifest = good("encode: {quality: 20}\n", "encode={codec: hevc, preset: slow}", "encode.preset=fast")
    assert manifest.settings_for(manifest.inputs[0]).encode == Encode(codec="hevc", quality=20, preset="fast")


def test_inputs_can_be_set_as_a_whole() -> None:
    assert [spec.uri for spec in good("", "inputs=[{uri: x.mov}, {uri: y.mov}]").inputs] == ["x.mov", "y.mov"]


def test_a_setting_replaces_an_invalid_value_of_the_manifest() -> None:
    assert settings("encode: {codec: h256}\n", "encode.codec=auto") == Settings()


def test_a_manifest_survives_pickling_with_its_overrides() -> None:
    manifest = good("retime: {slowdown: 3}\n", "encode.codec=hevc")
    copy = pickle.loads(pickle.dumps(manifest))
    assert copy == manifest
    assert copy.settings_for(copy.inputs[0]) == manifest.settings_for(manifest.inputs[0])


def test_thousands_of_inputs_are_validated_quickly() -> None:
    inputs = "\n".join(f"  - {{uri: 'clips/{number}.mov'}}" for number in range(2000))
    folders = "\n".join(f"  - {{uri: 's3://bucket/{number}/**/*.mov'}}" for number in range(30))
    text = GOOD.replace("  - uri: clips/final.mov", f"{inputs}\n{folders}")
    assert len(load(text, where="job.yaml").inputs) == 2030
