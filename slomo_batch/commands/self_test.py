"""The self-test of a plan: compare methods on some seconds of a job's videos, before its frames are made."""

from collections.abc import Callable, Sequence

from slomo_batch.errors import ManifestError
from slomo_batch.evaluation.collector import FrameCollector
from slomo_batch.evaluation.sampling import LeftOut, choose_seconds
from slomo_batch.evaluation.self_test import OnAdvance, SelfTest, SelfTestMethods, measure_seconds
from slomo_batch.manifest.inputs import find_videos
from slomo_batch.manifest.schema import Manifest
from slomo_batch.scheduler.abilities import basis_of, probe_abilities
from slomo_batch.steps.job_pin import pin_job, pinned_basis
from slomo_batch.wiring import environment_of, open_context


def self_test(
    manifest: Manifest,
    num_seconds: int,
    *,
    strict: bool = False,
    collectors: Sequence[FrameCollector] = (),
    on_text: Callable[[str], None],
    on_advance: OnAdvance,
) -> SelfTest:
    """Measure the job's method and the others on so many seconds of its videos; write nothing.

    Args:
        manifest: of the job.
        num_seconds: of source video; at least 1.
        strict: every input must name a video.
        collectors: look at every predicted frame.
        on_text: gets what is being done, for a person.
        on_advance: gets how many frames are measured.

    Raises:
        ManifestError: no second can be measured; the problems say why.
        WeightsError: weights cannot be used.
    """
    context = open_context(environment_of(manifest))
    on_text("looking for videos")
    found = find_videos(manifest, context.locate, strict=strict)
    pin = pin_job(pinned_basis(context) or basis_of(probe_abilities()), found.requests, context, dry_run=True)
    sampling = choose_seconds(
        found.requests, num_seconds, seed=manifest.name, reader_of=context.reader, on_text=on_text
    )
    if not sampling.seconds:
        raise _nothing_measured(sampling.left_out)
    on_text("loading the methods")
    test = measure_seconds(
        sampling,
        SelfTestMethods([second.request for second in sampling.seconds], pin, manifest.job.storage),
        job=manifest.name,
        num_videos=len(found.requests),
        num_wanted=num_seconds,
        reader_of=context.reader,
        collectors=collectors,
        on_advance=on_advance,
    )
    if not test.measured:
        raise _nothing_measured(test.left_out)
    return test


def _nothing_measured(left_out: Sequence[LeftOut]) -> ManifestError:
    return ManifestError(
        "no second of the videos can be measured",
        problems=tuple(f"{one.uri}: {one.reason}" for one in left_out),
        remedy="Run `slomo-batch preview` on some of the videos, and look at the result.",
    )
