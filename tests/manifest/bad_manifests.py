"""Texts that are no valid manifests, each with words of the message that must report it."""

from tests.manifest.manifests import GOOD, with_inputs

BILLION_LAUGHS = (
    "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    + "".join(
        f"{name}: &{name} [{', '.join(['*' + below] * 10)}]\n"
        for below, name in zip("abcdef", "bcdefg", strict=True)
    )
)  # fmt: skip


NOT_MANIFESTS = {
    "empty": ("", "the manifest is empty"),
    "only a comment": ("# nothing\n", "the manifest is empty"),
    "a list": ("- a\n- b\n", "expected a mapping at the top level"),
    "a word": ("slowly\n", "expected a mapping at the top level"),
    "tab": ("version: 1\n\tname: x\n", "line 2, column 1: "),
    "tab said": ("version: 1\nretime:\n\tslowdown: 4\n", "tab character; indent YAML with spaces"),
    "open bracket": ("version: 1\ninputs: [a, b\n", "line 3, column 1: "),
    "open quote": ('version: 1\nname: "abc\n', "invalid YAML"),
    "bad indent": ("version: 1\n name: x\n", "line 2, column 6: mapping values are not allowed here"),
    "two documents": (GOOD + "---\n" + GOOD, "line 7, column 1: second YAML document; the file must have only one"),
    "unknown alias": ("version: *one\n", "line 1, column 10: found undefined alias"),
    "control character": ("version: 1\nname: \x07\n", "line 2: invalid character #x0007"),
    "self reference": ("version: &v [*v]\n", "line 1: an alias refers to a value that contains it"),
    "billion laughs": (BILLION_LAUGHS, "entries, aliases included"),
    "deep": ("[" * 5000, "nested too deeply"),
}


BAD_TEXTS = {
    "python object": (
        GOOD + "work: !!python/object/apply:os.system ['true']\n",
        "line 7: work: unsupported tag !!python/object",
    ),
    "own tag": (GOOD + "audio: !secret x\n", "line 7: audio: unsupported tag !secret"),
    "key is a list": (GOOD + "? [a, b]\n: c\n", "a key must be a single value, not a list or a mapping"),
    "merge of a word": (GOOD + "retime:\n  <<: fast\n", "retime: the merge key << requires a mapping"),
    "twice": (GOOD + "name: other\n", "line 2: name: duplicate key, on line 2 and line 7"),
    "twice inside": (
        GOOD + "retime:\n  fps: 60\n  slowdown: 2\n  fps: 50\n",
        "line 8: retime.fps: duplicate key, on line 8 and line 10",
    ),
    "twice in an input": (
        with_inputs("[{uri: a.mov, uri: b.mov}]"),
        "line 3: inputs[0].uri: duplicate key, on line 3 and line 3",
    ),
}


BAD_VALUES = {
    # the manifest
    "no version": (GOOD.replace("version: 1\n", ""), "line 1: version: is missing"),
    "half a character": (with_inputs('["\\uD800"]'), r"line 3: inputs[0]: "),
    "version 2": (GOOD.replace("version: 1", "version: 2"), "unsupported manifest version '2' (supported: 1)"),
    "version text": (GOOD.replace("version: 1", "version: one"), "line 1: version: unsupported manifest version 'one'"),
    "no name": (GOOD.replace("name: derby-2019\n", ""), "name: is missing"),
    "empty name": (GOOD.replace("derby-2019", ""), "name: is missing"),
    "name with space": (GOOD.replace("derby-2019", "derby 2019"), "line 2: name: invalid job name 'derby 2019'"),
    "name with slash": (GOOD.replace("derby-2019", "a/b"), "line 2: name: invalid job name 'a/b'"),
    "name of dots": (GOOD.replace("derby-2019", ".."), "line 2: name: invalid job name '..'"),
    "name too long": (GOOD.replace("derby-2019", "a" * 101), "at most 100 letters"),
    "name with line break": (GOOD.replace("derby-2019", '"a\\n"'), "line 2: name: invalid job name 'a\\n'"),
    "unknown section": (GOOD + "retim: {slowdown: 2}\n", "line 7: retim: unknown key; did you mean retime?"),
    "unknown key": (GOOD + "retime:\n  slowdwn: 2\n", "line 8: retime.slowdwn: unknown key; did you mean slowdown?"),
    "key of another section": (GOOD + "slowdown: 2\n", "line 7: slowdown: unknown key; did you mean retime.slowdown?"),
    "key like nothing": (GOOD + "retries: {qqqq: 2}\n", "retries.qqqq: unknown key; known keys are chunk"),
    "unknown key without value": (GOOD + "qqqq:\n", "line 7: qqqq: unknown key"),
    "section is a word": (GOOD + "retime: fast\n", "line 7: retime: expected a mapping"),
    "section is a list": (GOOD + "encode: [h264]\n", "line 7: encode: expected a mapping"),
    "value is a mapping": (GOOD + "audio: {mode: keep}\n", "line 7: audio: expected a single value, got a mapping"),
    "value is a list": (GOOD + "retime: {slowdown: [2, 4]}\n", "retime.slowdown: expected a single value, got a list"),
    # inputs
    "no inputs": (GOOD.replace("inputs:\n  - uri: clips/final.mov\n", ""), "inputs: is missing"),
    "empty inputs": (with_inputs("[]"), "line 3: inputs: the list is empty; name at least one input"),
    "inputs a word": (with_inputs("clips/"), "line 3: inputs: expected a list"),
    "input a word": (with_inputs("[clips/a.mov]"), "expected a mapping, got a single value; use `- uri: cl"),
    "input null": (with_inputs("[{uri: a.mov}, ~]"), "inputs[1]: expected a mapping"),
    "input of nothing": (with_inputs("[{except: ['*']}]"), "inputs[0]: has neither uri nor table"),
    "uri and table": (with_inputs("[{uri: a.mov, table: b.csv}]"), "inputs[0]: has both uri and table"),
    "except of a table": (with_inputs("[{table: b.csv, except: ['*']}]"), "except is not supported with table"),
    "except a word": (with_inputs("[{uri: 'a/*.mov', except: b}]"), "inputs[0].except: expected a list"),
    "table of no kind": (with_inputs("[{table: list.xlsx}]"), "inputs[0].table: unsupported table 'list.xlsx'"),
    "unknown store": (with_inputs("[{uri: 'gs://b/a.mp4'}]"), "inputs[0].uri: unsupported URI scheme gs://"),
    "http": (with_inputs("[{uri: 'https://h/a.mp4'}]"), "inputs[0].uri: unsupported URI scheme https://"),
    "s3 in capitals": (with_inputs("[{uri: 'S3://b/a.mp4'}]"), "did you mean s3?"),
    "no bucket": (with_inputs("[{uri: 's3:///a.mp4'}]"), "has no bucket"),
    "one slash": (with_inputs("[{uri: 's3:/b/a.mp4'}]"), "invalid S3 URI 's3:/b/a.mp4'; use s3://bucket/key"),
    "glob in bucket": (with_inputs("[{uri: 's3://b*/a.mp4'}]"), "invalid bucket name 'b*'"),
    "dots in key": (with_inputs("[{uri: 's3://bucket/a/../b.mp4'}]"), "which S3 keys cannot have"),
    "file of a host": (with_inputs("[{uri: 'file://host/a.mp4'}]"), "has a host name"),
    "line break in uri": (with_inputs('[{uri: "a\\nb.mp4"}]'), "contains a control character"),
    "work in input": (with_inputs("[{uri: a.mov, work: b}]"), "line 3: inputs[0].work: unknown key"),
    # output and work
    "no output": (GOOD.replace("output:\n  uri: out/{stem}.mp4\n", ""), "output: is missing"),
    "output without uri": (GOOD.replace("uri: out/{stem}.mp4", "exists: skip"), "line 5: output.uri: is missing"),
    "output a word": (GOOD.replace("output:\n  uri: ", "output: "), "line 5: output: expected a mapping"),
    "unknown placeholder": (with_inputs("[{uri: a.mov}]", "out/{stm}.mp4"), "did you mean stem?"),
    "placeholder with format": (with_inputs("[{uri: a.mov}]", "out/{stem:>8}.mp4"), "placeholder {stem} has a format"),
    "positional placeholder": (with_inputs("[{uri: a.mov}]", "out/{}.mp4"), "unknown placeholder {}"),
    "open brace": (with_inputs("[{uri: a.mov}]", "out/{stem.mp4"), "unmatched brace in"),
    "wildcard in output": (with_inputs("[{uri: a.mov}]", "out/*.mp4"), "contains a wildcard"),
    "output a folder": (with_inputs("[{uri: a.mov}]", "out/"), "is a folder; add a file name"),
    "output a bucket": (with_inputs("[{uri: a.mov}]", "s3://bucket"), "is a bucket; add a key"),
    "output of no kind": (with_inputs("[{uri: a.mov}]", "out/{stem}.avi"), "output.uri: unsupported output suffix"),
    "output without suffix": (with_inputs("[{uri: a.mov}]", "out/{stem}"), "the output has no suffix"),
    "exists": (GOOD + "  exists: overwrite\n", "line 7: output.exists: 'overwrite' is not one of skip, replace, fail"),
    "work elsewhere": (GOOD + "work: gs://b/w\n", "line 7: work: unsupported URI scheme gs://"),
    # retime
    "slowdown below 1": (GOOD + "retime: {slowdown: 0.5}\n", "line 7: retime.slowdown: must be at least 1, got 0.5"),
    "slowdown zero denominator": (GOOD + "retime: {slowdown: 1/0}\n", "has a zero denominator"),
    "slowdown negative": (GOOD + "retime: {slowdown: -2}\n", "must be at least 1, got -2"),
    "slowdown a word": (GOOD + "retime: {slowdown: slow}\n", "'slow' is not a number; use a form such as 4"),
    "slowdown infinite": (GOOD + "retime: {slowdown: .inf}\n", "'.inf' is not a number"),
    "slowdown not a number": (GOOD + "retime: {slowdown: .nan}\n", "'.nan' is not a number"),
    "slowdown endless": (GOOD + "retime: {slowdown: 1e999999999}\n", "'1e999999999' is not a number"),
    "slowdown sexagesimal": (GOOD + "retime: {slowdown: 1:30}\n", "'1:30' is not a number"),
    "slowdown with x": (GOOD + "retime: {slowdown: 4x}\n", "'4x' is not a number"),
    "fps a word": (GOOD + "retime: {fps: fast}\n", "line 7: retime.fps: 'fast' is not a frame rate"),
    "fps zero": (GOOD + "retime: {fps: 0}\n", "retime.fps: must be greater than 0, got 0"),
    "fps times zero": (GOOD + "retime: {fps: x0}\n", "retime.fps: must be greater than 0, got 0"),
    "fps behind x": (GOOD + "retime: {fps: 2x}\n", "'2x' is not a frame rate"),
    "range no time": (GOOD + "retime: {range: {start: soon}}\n", "retime.range.start: 'soon' is not a time; use"),
    "range with two ends": (GOOD + "retime: {range: {end: 2, duration: 3}}\n", "range: set either end or duration"),
    "ramp without keys": (GOOD + "retime:\n  ramp: []\n", "line 8: retime.ramp: expected a list of keys"),
    "ramp of a number": (GOOD + "retime: {ramp: 4}\n", "retime.ramp: expected keys such as {at: 2.5, slowdown: 4}"),
    "ramp of an input": (
        with_inputs("[{uri: a.mov, retime: {ramp: [{at: 1}]}}]"),
        "line 3: inputs[0].retime.ramp: expected keys such as",
    ),
    "ramp faster": (GOOD + "retime: {ramp: [{at: 0, slowdown: 0.5}]}\n", "retime.ramp: must be at least 1, got 0.5"),
    "ramp at no time": (GOOD + "retime: {ramp: [{at: x, slowdown: 2}]}\n", "retime.ramp: 'x' is not a time"),
    "ramp of a long key": (GOOD + "retime: {ramp: 0 2 smooth slow}\n", "retime.ramp: expected keys such as"),
    "ramp eased": (GOOD + "retime: {ramp: [{at: 0, slowdown: 2, ease: in}]}\n", "'in' is not one of linear, smooth"),
    "ramp with kept audio": (
        GOOD + "audio: resample\nretime: {ramp: [{at: 0, slowdown: 2}]}\n",
        "audio: 'resample' is not supported with retime.ramp; use auto, stretch or drop",
    ),
    # interpolate
    "method": (GOOD + "interpolate: {method: superslowmo}\n", "interpolate.method: 'superslowmo' is not one of"),
    "method mcl": (GOOD + "interpolate: {method: mcl}\n", "'mcl' is not one of duplicate, blend, mci"),
    "doubt blend": (
        GOOD + "interpolate: {method: mci, doubt: blend}\n",
        "interpolate.doubt: 'blend' needs a method that judges its own frames, and 'mci' does not; use flow or ",
    ),
    "doubt a word": (GOOD + "interpolate: {doubt: always}\n", "interpolate.doubt: 'always' is not one of trust"),
    "tiles": (GOOD + "interpolate:\n  tiles: 4\n", "line 8: interpolate.tiles: '4' is not one of auto, always"),
    "cuts": (GOOD + "interpolate: {cuts: blend}\n", "interpolate.cuts: 'blend' is not one of hold, ignore"),
    "precision": (GOOD + "interpolate: {precision: fp8}\n", "interpolate.precision: 'fp8' is not one of"),
    "flow scale": (GOOD + "interpolate: {flow_scale: 1/3}\n", "1/3 is not one of auto, 1, 1/2, 1/4"),
    # audio and encode
    "audio": (GOOD + "audio: strech\n", "line 7: audio: 'strech' is not one of"),
    "audio kept but slowed": (GOOD + "audio: keep\n", "line 7: audio: 'keep' requires slowdown 1, got 4"),
    "codec": (
        GOOD + "encode:\n  codec: h256\n",
        "line 8: encode.codec: 'h256' is not one of auto, h264, hevc, av1, vp9, prores, ffv1; did you mean h264?",
    ),
    "codec for a container": (GOOD + "encode: {codec: prores}\n", "line 6: output.uri: .mp4 does not support prores"),
    "quality a fraction": (GOOD + "encode: {quality: 18.5}\n", "encode.quality: must be an integer, got 18.5"),
    "quality too high": (GOOD + "encode:\n  quality: 60\n", "line 8: encode.quality: quality of h264 must be 0 to 51"),
    "quality negative": (GOOD + "encode: {quality: -1}\n", "encode.quality: must be at least 0, got -1"),
    "preset": (GOOD + "encode: {preset: placebo2}\n", "line 7: encode.preset: preset must be ultrafast"),
    "encoder": (GOOD + "encode: {encoder: libvpx}\n", "line 7: encode.encoder: encoder of h264 must be auto"),
    "pixel format": (GOOD + "encode: {pixel_format: rgb24}\n", "encode.pixel_format: pixel_format must be auto"),
    # the rest
    "pairs": (GOOD + "chunks: {pairs: 0}\n", "line 7: chunks.pairs: must be at least 1, got 0"),
    "pairs a word": (GOOD + "chunks: {pairs: few}\n", "expected auto or an integer of at least 1, got 'few'"),
    "address": (GOOD + "cluster: {address: locl}\n", "cluster.address: invalid cluster address 'locl'; use auto"),
    "workers a number": (GOOD + "cluster: {workers: 8}\n", "line 7: cluster.workers: expected a mapping"),
    "more at least than at most": (
        GOOD + "cluster: {workers: {min: 4, max: 2}}\n",
        "line 7: cluster.workers: min must not exceed max, got min 4 and max 2",
    ),
    "gpus": (GOOD + "cluster: {gpus_per_worker: -1}\n", "cluster.gpus_per_worker: must be at least 0, got -1"),
    "cpus": (GOOD + "cluster: {cpus_per_worker: 1.5}\n", "cluster.cpus_per_worker: must be an integer, got 1.5"),
    "no budget": (GOOD + "budget: {hours: 0}\n", "line 7: budget.hours: must be greater than 0, got 0"),
    "less than no budget": (GOOD + "budget: {hours: -3}\n", "budget.hours: must be greater than 0, got -3"),
    "budget a word": (GOOD + "budget: {hours: lots}\n", "expected none or a number above 0, got 'lots'"),
    "money without a price": (
        GOOD + "budget: {money: 500}\n",
        "line 7: budget: money needs price_per_hour, the price of a machine hour in the same currency",
    ),
    "price without money": (
        GOOD + "budget: {price_per_hour: 2}\n",
        "line 7: budget: price_per_hour needs money; for a limit in hours set hours alone",
    ),
    "hours and money": (
        GOOD + "budget: {hours: 9, money: 500, price_per_hour: 2}\n",
        "line 7: budget: set either hours, or money and price_per_hour",
    ),
    "retries": (GOOD + "retries: {chunk: many}\n", "retries.chunk: 'many' is not a number"),
    "retries without end": (GOOD + "retries: {chunk: 99999999999}\n", "must be at most 2147483647, got 99999999999"),
    "endpoint": (GOOD + "storage: {endpoint_url: 'minio:9000'}\n", "invalid endpoint URL 'minio:9000'"),
    "endpoint port": (GOOD + "storage: {endpoint_url: 'http://h:x'}\n", "invalid endpoint URL 'http://h:x'"),
    "credentials in the endpoint": (
        GOOD + "storage: {endpoint_url: 'http://me:pass@h'}\n",
        "line 7: storage.endpoint_url: contains credentials",
    ),
    "credentials": (GOOD + "storage: {secret_access_key: x}\n", "credentials do not belong in a manifest"),
    "owner": (GOOD + "storage: {expected_bucket_owner: me}\n", "expected_bucket_owner: invalid AWS account id 'me'"),
    "requester pays": (GOOD + "storage: {requester_pays: maybe}\n", "expected true or false, got 'maybe'"),
    "bucket": (GOOD + "storage: {buckets: {a/b: {}}}\n", "line 7: storage.buckets.a/b: invalid bucket name 'a/b'"),
    "key of a bucket": (
        GOOD + "storage: {buckets: {a: {regoin: b}}}\n",
        "line 7: storage.buckets.a.regoin: unknown key; did you mean region?",
    ),
    "shared folder": (
        GOOD + "storage: {shared: [footage]}\n",
        "line 7: storage.shared[0]: 'footage' is not an absolute path; write the one under which every machine sees",
    ),
    "shared bucket": (GOOD + "storage: {shared: ['s3://b/c']}\n", "'s3://b/c' is not an absolute path"),
    "shared folders": (GOOD + "storage: {shared: /mnt}\n", "line 7: storage.shared: expected a list"),
    "buckets": (GOOD + "storage: {buckets: [a]}\n", "line 7: storage.buckets: expected a mapping"),
    "addressing": (GOOD + "storage: {addressing_style: virtual}\n", "'virtual' is not one of auto, path"),
    "held frames": (GOOD + "limits: {max_held_frames: -1}\n", "limits.max_held_frames: must be at least 0, got -1"),
    # places
    "output in a recursive input": (
        with_inputs("[{uri: 'clips/**/*.mp4'}]", "clips/slow/{stem}.mp4"),
        "line 4: output.uri: outputs such as",
    ),
    "output in an input folder": (with_inputs("[{uri: clips/}]", "clips/{stem}.slow.mp4"), "match the input clips/"),
    "output beside its input": (with_inputs("[{uri: 'clips/*.mp4'}]", "clips/{stem}.slow.mp4"), "input clips/*.mp4"),
    "output in another input": (
        with_inputs("[{uri: 'a/*.mov'}, {uri: 's3://bucket/**'}]", "s3://bucket/out/{stem}.mp4"),
        "would match the input s3://bucket/**",
    ),
    "output is its input": (with_inputs("[{uri: a/b.mp4}]", "a/{name}"), "is also an input"),
    "output of a table in an input": (
        with_inputs("[{table: t.csv}, {uri: 's3://bucket/in/*.mp4'}]", "s3://bucket/in/{stem}.mp4"),
        "would match the input",
    ),
    "work in an input": (
        with_inputs("[{uri: 'clips/**/*.mov'}]", "out/{stem}.mp4", "work: clips/work\n"),
        "line 5: work: the work place",
    ),
    # names that no library takes
    "half of a character": (with_inputs('[{uri: "a\\ud800.mov"}]'), "'a\\ud800.mov' contains a lone surrogate"),
    "half of a character in a key": (GOOD + '"a\\ud800": 1\n', "line 7: key 'a\\ud800' contains a lone surrogate"),
    "half of a character in a setting": (GOOD + 'encode: {preset: "\\udfff"}\n', "'\\udfff' contains a lone surrogate"),
    "NUL in a setting": (GOOD + 'encode: {preset: "a\\0"}\n', "line 7: encode.preset: 'a\\x00' contains a NUL"),
    "NUL in a file URI": (with_inputs("[{uri: 'file:///a%00.mov'}]"), "'file:///a%00.mov' contains a NUL"),
    "bytes in a bucket": (with_inputs('[{uri: "s3://b/\\udc80.mov"}]'), "is not UTF-8, which S3 keys must be"),
    "nobody's home": (with_inputs("[{uri: '~nosuchuser/a.mov'}]"), "'~nosuchuser/a.mov': no such user on this machine"),
    "IPv6": (with_inputs("[{uri: 'file://[/a.mov'}]"), "line 3: inputs[0].uri: 'file://[/a.mov' has a host name"),
    "weights elsewhere": (
        GOOD + "interpolate: {weights: 'gdrive://w/x.ckpt'}\n",
        "line 7: interpolate.weights: unsupported URI scheme gdrive://",
    ),
    "weights in no bucket": (GOOD + "interpolate: {weights: 's3://B!/x.ckpt'}\n", "invalid bucket name 'B!'"),
    "output in the work place": (
        with_inputs("[{uri: a.mov}]", "s3://bucket/w/jobs/{stem}.mp4", "work: s3://bucket/w\n"),
        "is inside the work place",
    ),
}  # fmt: skip
