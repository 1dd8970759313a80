"""The canonical form of a manifest is one line and describes the same job on another machine."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slomo_batch.manifest.canonical import canonical_manifest, local_paths
from slomo_batch.manifest.load import load
from slomo_batch.manifest.schema import Manifest
from slomo_batch.storage.glob import Glob
from slomo_batch.uri import absolute_template, normalize
from tests.manifest.manifests import GOOD, good, with_inputs

MORE = """\
retime: {slowdown: 5/2, fps: x2}
interpolate: {cuts: ignore, flow_scale: 1/2, weights: nets/mine.safetensors}
chunks: {pairs: 9}
cluster: {workers: {max: 4}}
storage: {endpoint_url: 'http://127.0.0.1:9000', requester_pays: true, shared: [/mnt/archive/, 'file:///mnt/b%20c']}
"""
MANIFESTS = [
    good(),
    good(MORE.replace("nets/", "/nets/"), "encode.codec=ffv1", "retime.fps=60000/1001", "cluster.workers.min=2"),
    good("cluster: {gpus_per_worker: 1/2}\n"),
    load(
        with_inputs(
            "[{uri: 's3://a/**/*.mp4', except: ['proxy/**', 'x y/*']}, "
            "{table: s3://a/t.csv, encode: {codec: prores, quality: 3}}, "
            "{uri: a.mp4, interpolate: {weights: /w.ckpt}}]",
            output="s3://b/{relpath}/{stem}.mov",
            more="encode: {codec: prores, quality: 2}\n"
            "storage: {requester_pays: true, buckets: {a: {region: eu-1, requester_pays: false}, b: {profile: p}}}\n",
        ),
        where="m",
    ),
]


BASE = Path("/home/ann")


def reread(manifest: Manifest) -> Manifest:
    canonical = canonical_manifest(manifest, BASE)
    return load(canonical.text, where="canonical", overrides=canonical.settings)


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_the_canonical_form_loads_as_the_same_job(manifest: Manifest) -> None:
    again = reread(manifest)
    assert canonical_manifest(again, Path("/elsewhere")) == canonical_manifest(manifest, BASE)
    assert again.name == manifest.name
    assert again.output.uri == absolute_template(manifest.output.uri, BASE)
    assert again.output.exists == manifest.output.exists
    assert again.work == normalize(manifest.work, BASE)
    for row in (None, {"encode.quality": "1"}):
        ours = [manifest.settings_for(spec, row) for spec in manifest.inputs]
        assert [again.settings_for(spec, row) for spec in again.inputs] == ours
    assert again.job == replace(manifest.job, cluster=replace(manifest.job.cluster, address="auto"))


def test_written_and_default_values_have_the_same_canonical_form() -> None:
    assert canonical_manifest(good("retime: {slowdown: 4}\n")) == canonical_manifest(good())
    assert canonical_manifest(good("retime: {slowdown: 5}\n")) != canonical_manifest(good())


def test_the_canonical_form_runs_on_the_cluster_that_receives_it() -> None:
    assert reread(good("cluster: {address: inline}\n")).job.cluster.address == "auto"


def test_local_paths_become_absolute_and_s3_uris_stay() -> None:
    manifest = load(with_inputs("[{uri: clips/*.mp4}, {table: s3://a/t.csv}, {uri: /b/c.mp4}]", more=MORE), where="m")
    canonical = canonical_manifest(manifest, BASE)
    again = load(canonical.text, where="canonical")
    assert [spec.uri or spec.table for spec in again.inputs] == ["/home/ann/clips/*.mp4", "s3://a/t.csv", "/b/c.mp4"]
    assert again.output.uri == "/home/ann/out/{stem}.mp4"
    assert again.work == "/home/ann/out/.slomo-work"
    assert again.settings_for(None).interpolate.weights == "/home/ann/nets/mine.safetensors"
    assert local_paths(manifest) == [
        "clips/*.mp4",
        "/b/c.mp4",
        "out/{stem}.mp4",
        "out/.slomo-work",
        "nets/mine.safetensors",
    ]


def test_a_wildcard_that_is_part_of_a_name_stays_one() -> None:
    inputs = "[{uri: '*.mp4', except: ['x*']}, {uri: 'file:///a/%2A.mp4'}, {table: t.csv}]"
    canonical = canonical_manifest(load(with_inputs(inputs, more="work: /w\n"), where="m"), Path("/day[1]"))
    again = load(canonical.text, where="canonical")
    assert [spec.uri or spec.table for spec in again.inputs] == [
        "file:///day%5B1]/*.mp4",
        "file:///a/%2A.mp4",
        "/day[1]/t.csv",
    ]


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("out/{relpath}/../{stem}.mkv", "/home/{{ann}}/out/{relpath}/../{stem}.mkv"),
        ("../out/{stem}.mp4", "/home/{{ann}}/../out/{stem}.mp4"),
        ("file:///out%7Bx%7D/{stem}.mp4", "/out{{x}}/{stem}.mp4"),
        ("s3://b/%7B/{stem}.mp4", "s3://b/%7B/{stem}.mp4"),
    ],
)
def test_output_names_are_those_of_a_local_run(output: str, expected: str) -> None:
    manifest = load(with_inputs("[{uri: a.mp4}]", output, "work: w\n"), where="m")
    canonical = canonical_manifest(manifest, Path("/home/{ann}"))
    assert load(canonical.text, where="canonical").output.uri == expected


@given(st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_any_name_fits_on_one_line(name: str) -> None:
    quoted = "".join(f"\\U{ord(letter):08x}" for letter in name)
    manifest = load(GOOD.replace("clips/final.mov", f'"clips/{quoted}.mov"'), where="m")
    canonical = canonical_manifest(manifest)
    assert canonical.text.startswith("{")
    assert canonical.text.splitlines() == [canonical.text]
    assert Glob.parse(reread(manifest).inputs[0].uri) == Glob.parse(manifest.inputs[0].uri, BASE)
