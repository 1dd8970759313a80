"""Sidecars: a JSON file beside an output, which says where each of its frames comes from.

docs/sidecar.md describes the format. A sidecar is a pure function of the plan and the committed segments, so two
drivers that publish one video write the same bytes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from itertools import chain
from typing import Any

from slomo_batch.errors import AccessRefused, ObjectMissing, OutputExists
from slomo_batch.plan.pair_doubts import levels_of, runs_of_levels
from slomo_batch.plan.pair_runs import joined
from slomo_batch.records.commits import ChunkDone
from slomo_batch.records.plans import VideoPlan
from slomo_batch.records.results import Published
from slomo_batch.records.source_facts import SurveyFacts
from slomo_batch.serialization import to_json
from slomo_batch.steps.context import StepContext
from slomo_batch.uri import Uri
from slomo_batch.version import __version__

FORMAT = 1
"""Version of the format. It is raised if a program that reads the earlier one would misread the file."""
SUFFIX = ".slomo.json"
"""What a sidecar's name adds to that of its output."""
_START = b'{\n"slomo_batch_sidecar": '
COLUMNS = ("pairs", "source", "others", "kind")
"""Of the runs: as in `records.PairRun`."""
DOUBT_COLUMNS = ("pairs", "sixteenths")


def sidecar_uri(output_uri: Uri) -> Uri:
    """The location of an output's sidecar."""
    return Uri(f"{output_uri}{SUFFIX}")


def sidecar_of(plan: VideoPlan, segments: Sequence[ChunkDone], published: Published) -> bytes:
    """The sidecar of an output, with an entry per line."""
    entries = {"slomo_batch_sidecar": FORMAT, **_entries(plan, segments, published)}
    lines = (f"{json.dumps(name)}: {to_json(value).decode()}" for name, value in entries.items())
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def _entries(plan: VideoPlan, segments: Sequence[ChunkDone], published: Published) -> Mapping[str, Any]:
    source, resolved, settings = plan.request.source, plan.resolved, plan.request.settings
    return {
        "made_by": f"slomo_batch {__version__}",
        "source": {
            "uri": source.uri,
            "size_bytes": source.size_bytes,
            "fingerprint": source.fingerprint,
            "num_frames": plan.facts.num_frames,
            "first_frame": plan.grid.first_pair,
            "left_out": _left_out(plan.facts.surveyed),
        },
        "output": {
            "uri": published.output_uri,
            "size_bytes": published.size_bytes,
            "sha256": published.sha256,
            "num_frames": published.num_frames,
            "rate": str(plan.grid.rate),
            "slowdown": str(plan.grid.slowdown),
            "ramp": settings.retime.ramp,
        },
        "method": {
            "name": settings.interpolate.method,
            "version": resolved.method_version,
            "weights": resolved.weights_name,
            "weights_sha256": resolved.weights_sha256,
            "precision": resolved.precision,
            "flow_scale": str(resolved.flow_scale),
            "doubt": settings.interpolate.doubt,
        },
        "encoder": {"name": resolved.encoder, "options": dict(resolved.encoder_options)},
        "machines": [{"host": one.host, "device": one.device, "builds": one.builds} for one in published.machines],
        "frames_sha256": published.frames_sha256,
        "frames": _runs(segments),
        "doubt": _doubt(segments),
        "damaged_source_frames": _damaged(segments),
        "notes": list(published.notes),
    }


def _left_out(surveyed: SurveyFacts | None) -> Mapping[str, int]:
    """How many decoded pictures are no source frames, by reason."""
    return {"repeated": surveyed.num_repeats} if surveyed and surveyed.num_repeats else {}


def _runs(segments: Sequence[ChunkDone]) -> Mapping[str, Any] | None:
    """What the frames are; None if an earlier version made a segment, since it did not record that."""
    if not all(done.pair_runs for done in segments):
        return None
    runs = joined(chain.from_iterable(done.pair_runs for done in segments))
    return {"columns": COLUMNS, "runs": [astuple(run) for run in runs]}


def _doubt(segments: Sequence[ChunkDone]) -> Mapping[str, Any] | None:
    """How much the method doubts its frames; None if it judged none, or an earlier version made a segment."""
    if not any(done.doubts for done in segments) or not all(done.pair_runs for done in segments):
        return None
    levels = chain.from_iterable(_levels(done) for done in segments)
    return {"columns": DOUBT_COLUMNS, "runs": runs_of_levels(levels)}


def _levels(done: ChunkDone) -> Sequence[int | None]:
    return levels_of(done.doubts) if done.doubts else [None] * sum(run.pairs for run in done.pair_runs)


def _damaged(segments: Sequence[ChunkDone]) -> list[int] | None:
    """Numbers of the source frames that were replaced by a neighbor; None if they are not known."""
    if any(len(done.damaged_frames) != done.counts.held_damaged for done in segments):
        return None
    return [number for done in segments for number in done.damaged_frames]


def check_name(output_uri: Uri, context: StepContext) -> None:
    """Check that a sidecar replaces nothing but a sidecar.

    Raises:
        OutputExists: another file has its name.
    """
    uri = sidecar_uri(output_uri)
    store, key = context.locate(uri)
    try:
        found = store.get(key)
    except (ObjectMissing, AccessRefused):
        return
    if not found.startswith(_START):
        raise OutputExists(
            "a file that is no sidecar of slomo_batch has the name of the output's sidecar",
            where=uri,
            remedy="Move the file away or set output.sidecar: false, then run again with --retry-failed.",
        )


def put_sidecar(output_uri: Uri, data: bytes, context: StepContext) -> None:
    """Write the sidecar of an output."""
    store, key = context.locate(sidecar_uri(output_uri))
    store.put(key, data)


def delete_sidecar(output_uri: Uri, context: StepContext) -> None:
    """Delete the sidecar that an earlier output of this name has, if any. A file that is no sidecar stays."""
    store, key = context.locate(sidecar_uri(output_uri))
    try:
        if store.get(key).startswith(_START):
            store.delete([key])
    except (ObjectMissing, AccessRefused):
        return
