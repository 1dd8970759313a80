"""Bad manifests, each through the real command line: told in words with its line, exit 2, never a traceback."""

from pathlib import Path

import pytest

from slomo_batch.cli.main import main
from slomo_batch.errors import ManifestError
from slomo_batch.manifest.load import load
from tests.manifest.manifests import GOOD, with_inputs

BILLION_LAUGHS = (
    "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    + "".join(
        f"{name}: &{name} [{', '.join(['*' + below] * 10)}]\n"
        for below, name in zip("abcdef", "bcdefg", strict=True)
    )
)  # fmt: skip

NOT_MANIFESTS = {
    "empty": ("", "is empty"),
    "only a comment": ("# nothing\n", "is empty"),
    "a list": ("- a\n- b\n", "a mapping belongs at its top"),
    "a word": ("slowly\n", "a mapping belongs at its top"),
    "tab": ("version: 1\n\tname: x\n", "line 2, column 1: "),
    "tab said": ("version: 1\nretime:\n\tslowdown: 4\n", "a tab stands here; YAML is indented by spaces only"),
    "open bracket": ("version: 1\ninputs: [a, b\n", "line 3, column 1: "),
    "open quote": ('version: 1\nname: "abc\n', "is not YAML"),
    "bad indent": ("version: 1\n name: x\n", "line 2, column 6: mapping values are not allowed here"),
    "two documents": (GOOD + "---\n" + GOOD, "line 7, column 1: a second document begins here; a manifest is one"),
    "unknown alias": ("version: *one\n", "line 1, column 10: found undefined alias"),
    "control character": ("version: 1\nname: \x07\n", "line 2: a character that text does not hold: #x0007"),
    "self reference": ("version: &v [*v]\n", "line 1: an alias stands for something that it is part of"),
    "billion laughs": (BILLION_LAUGHS, "entries, aliases included"),
    "deep": ("[" * 5000, "nested too deeply"),
}

BAD_TEXTS = {
    "python object": (
        GOOD + "work: !!python/object/apply:os.system ['true']\n",
        "line 7: work: the tag !!python/object",
    ),
    "own tag": (GOOD + "audio: !secret x\n", "line 7: audio: the tag !secret means nothing here"),
    "key is a list": (GOOD + "? [a, b]\n: c\n", "a key is one word, not a list or a mapping"),
    "merge of a word": (GOOD + "retime:\n  <<: fast\n", "<< at retime takes a mapping"),
    "twice": (GOOD + "name: other\n", "line 2: name: stands twice, on line 2 and on line 7"),
    "twice inside": (
        GOOD + "retime:\n  fps: 60\n  slowdown: 2\n  fps: 50\n",
        "line 8: retime.fps: stands twice, on line 8 and on line 10",
    ),
    "twice in an input": (
        with_inputs("[{uri: a.mov, uri: b.mov}]"),
        "line 3: inputs[0].uri: stands twice, on line 3 and on line 3",
    ),
}

BAD_VALUES = {
    # what stands in the manifest
    "no version": (GOOD.replace("version: 1\n", ""), "line 1: version: is missing"),
    "half a character": (with_inputs('["\\uD800"]'), r"line 3: inputs[0]: "),
    "version 2": (GOOD.replace("version: 1", "version: 2"), "line 1: version: '2' is not a version read here: write 1"),
    "version text": (GOOD.replace("version: 1", "version: one"), "line 1: version: 'one' is not a version"),
    "no name": (GOOD.replace("name: derby-2019\n", ""), "name: is missing"),
    "empty name": (GOOD.replace("derby-2019", ""), "name: is missing"),
    "name with space": (GOOD.replace("derby-2019", "derby 2019"), "line 2: name: 'derby 2019' is not a job name"),
    "name with slash": (GOOD.replace("derby-2019", "a/b"), "line 2: name: 'a/b' is not a job name"),
    "name of dots": (GOOD.replace("derby-2019", ".."), "line 2: name: '..' is not a job name"),
    "name too long": (GOOD.replace("derby-2019", "a" * 101), "at most 100 characters"),
    "name with line break": (GOOD.replace("derby-2019", '"a\\n"'), "line 2: name: 'a\\n' is not a job name"),
    "unknown section": (GOOD + "retim: {slowdown: 2}\n", "line 7: retim: unknown key; did you mean retime?"),
    "unknown key": (GOOD + "retime:\n  slowdwn: 2\n", "line 8: retime.slowdwn: unknown key; did you mean slowdown?"),
    "key of another section": (GOOD + "slowdown: 2\n", "line 7: slowdown: unknown key; did you mean retime.slowdown?"),
    "key like nothing": (GOOD + "retries: {qqqq: 2}\n", "retries.qqqq: unknown key; known here are chunk"),
    "unknown key without value": (GOOD + "qqqq:\n", "line 7: qqqq: unknown key"),
    "section is a word": (GOOD + "retime: fast\n", "line 7: retime: a mapping belongs here"),
    "section is a list": (GOOD + "encode: [h264]\n", "line 7: encode: a mapping belongs here"),
    "value is a mapping": (GOOD + "audio: {mode: keep}\n", "line 7: audio: one value belongs here, got a mapping"),
    "value is a list": (GOOD + "retime: {slowdown: [2, 4]}\n", "retime.slowdown: one value belongs here, got a list"),
    # inputs
    "no inputs": (GOOD.replace("inputs:\n  - uri: clips/final.mov\n", ""), "inputs: is missing"),
    "empty inputs": (with_inputs("[]"), "inputs: is missing"),
    "inputs a word": (with_inputs("clips/"), "line 3: inputs: a list belongs here"),
    "input a word": (with_inputs("[clips/a.mov]"), "line 3: inputs[0]: an input is a mapping; write `- uri: cl"),
    "input null": (with_inputs("[{uri: a.mov}, ~]"), "inputs[1]: a mapping belongs here"),
    "input of nothing": (with_inputs("[{except: ['*']}]"), "inputs[0]: has neither uri nor table"),
    "uri and table": (with_inputs("[{uri: a.mov, table: b.csv}]"), "inputs[0]: has both uri and table"),
    "except of a table": (with_inputs("[{table: b.csv, except: ['*']}]"), "except goes with uri"),
    "except a word": (with_inputs("[{uri: 'a/*.mov', except: b}]"), "inputs[0].except: a list belongs here"),
    "table of no kind": (with_inputs("[{table: list.xlsx}]"), "inputs[0].table: 'list.xlsx' is not a table"),
    "unknown store": (with_inputs("[{uri: 'gs://b/a.mp4'}]"), "inputs[0].uri: gs:// is not a kind of store"),
    "http": (with_inputs("[{uri: 'https://h/a.mp4'}]"), "inputs[0].uri: https:// is not a kind of store"),
    "s3 in capitals": (with_inputs("[{uri: 'S3://b/a.mp4'}]"), "did you mean s3?"),
    "no bucket": (with_inputs("[{uri: 's3:///a.mp4'}]"), "names no bucket"),
    "one slash": (with_inputs("[{uri: 's3:/b/a.mp4'}]"), "lacks slashes"),
    "glob in bucket": (with_inputs("[{uri: 's3://b*/a.mp4'}]"), "'b*' cannot be a bucket's name"),
    "dots in key": (with_inputs("[{uri: 's3://bucket/a/../b.mp4'}]"), "mean nothing in a bucket"),
    "file of a host": (with_inputs("[{uri: 'file://host/a.mp4'}]"), "names another machine"),
    "line break in uri": (with_inputs('[{uri: "a\\nb.mp4"}]'), "holds a control character"),
    "work in input": (with_inputs("[{uri: a.mov, work: b}]"), "line 3: inputs[0].work: unknown key"),
    # output and work
    "no output": (GOOD.replace("output:\n  uri: out/{stem}.mp4\n", ""), "output: is missing"),
    "output without uri": (GOOD.replace("uri: out/{stem}.mp4", "exists: skip"), "line 5: output.uri: is missing"),
    "output a word": (GOOD.replace("output:\n  uri: ", "output: "), "line 5: output: a mapping belongs here"),
    "unknown placeholder": (with_inputs("[{uri: a.mov}]", "out/{stm}.mp4"), "did you mean stem?"),
    "placeholder with format": (with_inputs("[{uri: a.mov}]", "out/{stem:>8}.mp4"), "is not a placeholder"),
    "positional placeholder": (with_inputs("[{uri: a.mov}]", "out/{}.mp4"), "is not a placeholder"),
    "open brace": (with_inputs("[{uri: a.mov}]", "out/{stem.mp4"), "has a brace without its partner"),
    "wildcard in output": (with_inputs("[{uri: a.mov}]", "out/*.mp4"), "holds a wildcard"),
    "output a folder": (with_inputs("[{uri: a.mov}]", "out/"), "names a folder"),
    "output a bucket": (with_inputs("[{uri: a.mov}]", "s3://bucket"), "names a bucket only"),
    "output of no kind": (with_inputs("[{uri: a.mov}]", "out/{stem}.avi"), "line 4: output.uri: output files end in"),
    "output without suffix": (with_inputs("[{uri: a.mov}]", "out/{stem}"), "no suffix"),
    "exists": (GOOD + "  exists: overwrite\n", "line 7: output.exists: 'overwrite' is not one of skip, replace, fail"),
    "work elsewhere": (GOOD + "work: gs://b/w\n", "line 7: work: gs:// is not a kind of store"),
    # retime
    "slowdown below 1": (GOOD + "retime: {slowdown: 0.5}\n", "line 7: retime.slowdown: 0.5 is too small: at least 1"),
    "slowdown zero denominator": (GOOD + "retime: {slowdown: 1/0}\n", "has a zero denominator"),
    "slowdown negative": (GOOD + "retime: {slowdown: -2}\n", "-2 is too small: at least 1"),
    "slowdown a word": (GOOD + "retime: {slowdown: slow}\n", "'slow' is not a number; write it like 4, 2.5 or 5/2"),
    "slowdown infinite": (GOOD + "retime: {slowdown: .inf}\n", "'.inf' is not a number"),
    "slowdown not a number": (GOOD + "retime: {slowdown: .nan}\n", "'.nan' is not a number"),
    "slowdown endless": (GOOD + "retime: {slowdown: 1e999999999}\n", "'1e999999999' is not a number"),
    "slowdown sexagesimal": (GOOD + "retime: {slowdown: 1:30}\n", "'1:30' is not a number"),
    "slowdown with x": (GOOD + "retime: {slowdown: 4x}\n", "'4x' is not a number"),
    "fps a word": (GOOD + "retime: {fps: fast}\n", "line 7: retime.fps: 'fast' is not a frame rate"),
    "fps zero": (GOOD + "retime: {fps: 0}\n", "retime.fps: 0 is too small: more than 0"),
    "fps times zero": (GOOD + "retime: {fps: x0}\n", "retime.fps: 0 is too small: more than 0"),
    "fps behind x": (GOOD + "retime: {fps: 2x}\n", "'2x' is not a frame rate"),
    "ramp": (GOOD + "retime:\n  ramp: [{at: 0, slowdown: 1}]\n", "line 8: not yet supported: retime.ramp"),
    "ramp of an input": (
        with_inputs("[{uri: a.mov, retime: {ramp: []}}]"),
        "line 3: not yet supported: inputs[0].retime.ramp",
    ),
    # interpolate
    "method": (GOOD + "interpolate: {method: superslowmo}\n", "interpolate.method: 'superslowmo' is not one of"),
    "method mcl": (GOOD + "interpolate: {method: mcl}\n", "'mcl' is not one of duplicate, blend, mci"),
    "doubt blend": (GOOD + "interpolate: {doubt: blend}\n", "not yet supported: interpolate.doubt: blend"),
    "doubt hold": (GOOD + "interpolate: {doubt: hold}\n", "not yet supported: interpolate.doubt: hold"),
    "doubt a word": (GOOD + "interpolate: {doubt: always}\n", "interpolate.doubt: 'always' is not one of trust"),
    "tiles": (GOOD + "interpolate:\n  tiles: 4\n", "line 8: not yet supported: interpolate.tiles"),
    "duplicates": (GOOD + "interpolate: {duplicates: retime}\n", "not yet supported: interpolate.duplicates: retime"),
    "cuts": (GOOD + "interpolate: {cuts: blend}\n", "interpolate.cuts: 'blend' is not one of hold, ignore"),
    "precision": (GOOD + "interpolate: {precision: fp8}\n", "interpolate.precision: 'fp8' is not one of"),
    "flow scale": (GOOD + "interpolate: {flow_scale: 1/3}\n", "1/3 is not one of auto, 1, 1/2, 1/4"),
    # audio and encode
    "audio": (GOOD + "audio: strech\n", "line 7: audio: 'strech' is not one of"),
    "audio kept but slowed": (GOOD + "audio: keep\n", "line 7: audio: 'keep' requires slowdown 1, got 4"),
    "codec": (
        GOOD + "encode:\n  codec: h256\n",
        "line 8: encode.codec: 'h256' is not one of h264, hevc, av1, prores, ffv1; did you mean h264?",
    ),
    "codec for a container": (GOOD + "encode: {codec: prores}\n", "line 6: output.uri: .mp4 does not take prores"),
    "quality a fraction": (GOOD + "encode: {quality: 18.5}\n", "encode.quality: 18.5 is not a whole number"),
    "quality too high": (GOOD + "encode:\n  quality: 60\n", "line 8: encode.quality: quality of h264 is 0 to 51"),
    "quality negative": (GOOD + "encode: {quality: -1}\n", "encode.quality: -1 is too small"),
    "preset": (GOOD + "encode: {preset: placebo2}\n", "line 7: encode.preset: preset is ultrafast"),
    "encoder": (GOOD + "encode: {encoder: libvpx}\n", "line 7: encode.encoder: encoder of h264 is auto"),
    "pixel format": (GOOD + "encode: {pixel_format: rgb24}\n", "encode.pixel_format: pixel_format here is auto"),
    # the rest
    "pairs": (GOOD + "chunks: {pairs: 0}\n", "line 7: chunks.pairs: 0 is too small: at least 1"),
    "pairs a word": (GOOD + "chunks: {pairs: few}\n", "'few' is neither auto nor a number; write auto or 1 or more"),
    "address": (GOOD + "cluster: {address: locl}\n", "cluster.address: 'locl' is not auto, inline, local or a Ray"),
    "workers a number": (GOOD + "cluster: {workers: 8}\n", "line 7: cluster.workers: a mapping belongs here"),
    "more at least than at most": (
        GOOD + "cluster: {workers: {min: 4, max: 2}}\n",
        "line 7: cluster.workers: min is 4, more than max, 2",
    ),
    "gpus": (GOOD + "cluster: {gpus_per_worker: -1}\n", "cluster.gpus_per_worker: -1 is too small: at least 0"),
    "cpus": (GOOD + "cluster: {cpus_per_worker: 1.5}\n", "cluster.cpus_per_worker: 1.5 is not a whole number"),
    "retries": (GOOD + "retries: {chunk: many}\n", "retries.chunk: 'many' is not a number"),
    "retries without end": (GOOD + "retries: {chunk: 99999999999}\n", "99999999999 is too large"),
    "endpoint": (GOOD + "storage: {endpoint_url: 'minio:9000'}\n", "'minio:9000' is not an address of a server"),
    "endpoint port": (GOOD + "storage: {endpoint_url: 'http://h:x'}\n", "is not an address of a server"),
    "credentials in the endpoint": (
        GOOD + "storage: {endpoint_url: 'http://me:pass@h'}\n",
        "line 7: storage.endpoint_url: holds credentials",
    ),
    "credentials": (GOOD + "storage: {secret_access_key: x}\n", "credentials never stand in a manifest"),
    "owner": (GOOD + "storage: {expected_bucket_owner: me}\n", "storage.expected_bucket_owner: 'me' is not an AWS"),
    "requester pays": (GOOD + "storage: {requester_pays: maybe}\n", "'maybe' is neither true nor false"),
    "addressing": (GOOD + "storage: {addressing_style: virtual}\n", "'virtual' is not one of auto, path"),
    "held frames": (GOOD + "limits: {max_held_frames: -1}\n", "limits.max_held_frames: -1 is too small"),
    # places
    "output in a recursive input": (
        with_inputs("[{uri: 'clips/**/*.mp4'}]", "clips/slow/{stem}.mp4"),
        "line 4: output.uri: an output like",
    ),
    "output in an input folder": (with_inputs("[{uri: clips/}]", "clips/{stem}.slow.mp4"), "input of clips/"),
    "output beside its input": (with_inputs("[{uri: 'clips/*.mp4'}]", "clips/{stem}.slow.mp4"), "input of clips/*.mp4"),
    "output in another input": (
        with_inputs("[{uri: 'a/*.mov'}, {uri: 's3://bucket/**'}]", "s3://bucket/out/{stem}.mp4"),
        "would be found as an input of s3://bucket/**",
    ),
    "output is its input": (with_inputs("[{uri: a/b.mp4}]", "a/{name}"), "is itself an input"),
    "output of a table in an input": (
        with_inputs("[{table: t.csv}, {uri: 's3://bucket/in/*.mp4'}]", "s3://bucket/in/{stem}.mp4"),
        "would be found as an input",
    ),
    "work in an input": (
        with_inputs("[{uri: 'clips/**/*.mov'}]", "out/{stem}.mp4", "work: clips/work\n"),
        "line 5: work: the work place",
    ),
    # names that no library takes
    "half of a character": (with_inputs('[{uri: "a\\ud800.mov"}]'), "inputs[0].uri: 'a\\ud800.mov' holds half of a"),
    "half of a character in a key": (GOOD + '"a\\ud800": 1\n', "line 7: the key 'a\\ud800' holds half of a character"),
    "half of a character in a setting": (GOOD + 'encode: {preset: "\\udfff"}\n', "encode.preset: '\\udfff' holds half"),
    "NUL in a setting": (GOOD + 'encode: {preset: "a\\0"}\n', "line 7: encode.preset: 'a\\x00' holds a NUL"),
    "NUL in a file URI": (with_inputs("[{uri: 'file:///a%00.mov'}]"), "inputs[0].uri: 'file:///a%00.mov' holds a NUL"),
    "bytes in a bucket": (with_inputs('[{uri: "s3://b/\\udc80.mov"}]'), "is not UTF-8, as names in a bucket are"),
    "nobody's home": (with_inputs("[{uri: '~nosuchuser/a.mov'}]"), "'~nosuchuser/a.mov': no user of this machine"),
    "IPv6": (with_inputs("[{uri: 'file://[/a.mov'}]"), "line 3: inputs[0].uri: 'file://[/a.mov' names another machine"),
    "weights elsewhere": (
        GOOD + "interpolate: {weights: 'gdrive://w/x.ckpt'}\n",
        "line 7: interpolate.weights: gdrive:// is not a kind of store",
    ),
    "weights in no bucket": (GOOD + "interpolate: {weights: 's3://B!/x.ckpt'}\n", "'B!' cannot be a bucket"),
    "output in the work place": (
        with_inputs("[{uri: a.mov}]", "s3://bucket/w/jobs/{stem}.mp4", "work: s3://bucket/w\n"),
        "lies in the work place",
    ),
}  # fmt: skip

BAD = {**NOT_MANIFESTS, **BAD_TEXTS, **BAD_VALUES}


@pytest.mark.parametrize(("text", "expected"), BAD.values(), ids=list(BAD))
def test_a_bad_manifest_is_told_in_words_and_starts_nothing(
    text: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(text)
    assert main(["run", str(path)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert expected in told.err
    assert str(path) in told.err
    assert "Traceback" not in told.err
    assert "pydantic" not in told.err


@pytest.mark.parametrize(("text", "expected"), [*BAD_TEXTS.values(), *BAD_VALUES.values()])
def test_every_fault_of_a_manifest_has_its_line(text: str, expected: str) -> None:
    with pytest.raises(ManifestError) as caught:
        load(text, where="job.yaml")
    assert all(fault.startswith("line ") for fault in caught.value.problems), expected


def test_all_faults_are_told_at_once_in_the_order_of_the_file() -> None:
    text = with_inputs("[{uri: 'gs://x/y'}, {table: a.doc}]", "out/{stm}.mp4") + (
        "retime:\n  slowdown: 0\n  ramp: []\nencode: {codec: h256, quality: high}\nslowdown: 3\nwork: s3://\n"
    )
    with pytest.raises(ManifestError) as caught:
        load(text, where="job.yaml", overrides=["audio=loud", "nonsense"])
    told = caught.value.problems
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
    assert len(told) == len(expected)
    places = {word: number for number, fault in enumerate(told) for word in expected if word in fault}
    assert set(places) == set(expected)
    lines = [int(fault.split(":")[0].removeprefix("line ")) for fault in told if fault.startswith("line ")]
    assert lines == sorted(lines)
    assert len(lines) == 9


def test_a_manifest_of_another_version_is_not_judged_by_the_rules_of_this_one() -> None:
    with pytest.raises(ManifestError) as caught:
        load("version: 2\njob: x\nsources: []\n", where="job.yaml")
    assert caught.value.problems == ("line 1: version: '2' is not a version read here: write 1",)


def test_a_fault_that_inputs_share_is_told_once_and_one_of_an_input_in_its_place() -> None:
    text = with_inputs(
        "[{uri: a.mov}, {uri: b.mov}, {uri: c.mov, encode: {codec: av1}}]", more="encode: {quality: 60}\n"
    )
    with pytest.raises(ManifestError) as caught:
        load(text, where="job.yaml")
    assert caught.value.problems == ("line 5: encode.quality: quality of h264 is 0 to 51, got 60",)
    own = with_inputs("[{uri: a.mov},\n {uri: b.mov, audio: keep}]")
    with pytest.raises(ManifestError) as caught:
        load(own, where="job.yaml")
    assert [fault.split(": 'keep'")[0] for fault in caught.value.problems] == ["line 4: inputs[1].audio"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"version: 1\nname: \xff\xfe\n", "is not UTF-8 text"), (b"\x00\x01\x02", "a character that text does not hold")],
)
def test_a_file_that_is_no_text_is_refused(
    content: bytes, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "job.yaml"
    path.write_bytes(content)
    assert main(["plan", str(path)]) == 2
    assert expected in capsys.readouterr().err


def test_a_video_or_a_device_in_the_place_of_a_manifest_is_not_read_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "huge.mp4"
    with path.open("wb") as file:
        file.truncate(2**40)
    for name in (str(path), "/dev/zero"):
        assert main(["plan", name]) == 2
        assert capsys.readouterr().err == f"slomo-batch: {name}: is larger than 64 MiB, and no manifest\n"


def test_a_manifest_that_is_not_there_and_one_that_is_a_folder_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(tmp_path / "none.yaml")]) == 2
    assert "No such file" in capsys.readouterr().err
    assert main(["run", str(tmp_path)]) == 2
    assert "Is a directory" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("encode.codec=h256", "--set encode.codec=h256: 'h256' is not one of"),
        ("encode.codec", "--set encode.codec: write it like encode.codec=ffv1"),
        ("=x", "--set =x: write it like"),
        ("a..b=x", "--set a..b=x: write it like"),
        ("encode.codec=", "--set encode.codec=: has no value"),
        ("encode.codc=h264", "--set encode.codc=h264: unknown key; did you mean codec?"),
        ("encode={codec: h256}", "--set encode={codec: h256}: codec: 'h256' is not one of"),
        ("encode=h264", "--set encode=h264: a mapping belongs here"),
        ("name.x=1", "--set name.x=1: name is a single value"),
        ("retime.ramp=[]", "--set retime.ramp=[]: not yet supported: retime.ramp"),
        ("inputs.0.uri=a", "--set inputs.0.uri=a: inputs cannot be set one by one"),
        ("retime.fps=[", "--set retime.fps=[: line 1"),
        ("retime.fps=!!x y", "the tag !!x means nothing here"),
        ("encode.quality=99", "--set encode.quality=99: quality of h264 is 0 to 51"),
        ("output.uri=out/x.webm", "--set output.uri=out/x.webm: output files end in"),
        ("output.uri=clips/final.mov", "--set output.uri=clips/final.mov: the output"),
        ("cluster.workers.max=none", "--set cluster.workers.max=none: 'none' is neither auto nor a number"),
    ],
)
def test_a_bad_setting_of_the_command_line_is_told_by_its_own_name(
    setting: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(GOOD)
    assert main(["run", str(path), "--set", setting]) == 2
    told = capsys.readouterr().err
    assert expected in told
    assert "Traceback" not in told
