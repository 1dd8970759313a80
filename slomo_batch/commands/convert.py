"""Convert single videos, each as a job of its own.

A job works in the user's state folder, and leaves only its records there: that the output is published, and what it was
made of. If the output is on another volume or on S3, the job works beside the output, and its records move to the state
folder once there is nothing to resume.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from slomo_batch.commands import run
from slomo_batch.commands.run_end import EXIT_PUBLISHED
from slomo_batch.commands.status import gc
from slomo_batch.errors import Interrupted, SlomoError, WorkDamaged
from slomo_batch.manifest.output_names import default_work
from slomo_batch.manifest.schema import Manifest
from slomo_batch.report.events import Display, Event, JobEnded, JobStarted, Note
from slomo_batch.report.lines import ended_line
from slomo_batch.scheduler.leases import is_led
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.output_ownership import output_object, read_ownership
from slomo_batch.storage.existence import check_readable
from slomo_batch.storage.state_folder import state_folder
from slomo_batch.storage.store import ObjectStore
from slomo_batch.uri import Uri
from slomo_batch.wiring import environment_of, forget_contexts, open_context


def convert(
    manifests: Sequence[Manifest], open_display: Callable[[str], AbstractContextManager[Display]], *, overwrite: bool
) -> int:
    """Convert the video of each manifest, one after the other; return the exit code of the worst.

    `overwrite`: replace files under the outputs' names that are not what a manifest asks for.

    Raises:
        ManifestError: a source cannot be read. Nothing is started.
        JobError: the machine or a store cannot be used.
    """
    sources = [Uri.parse(spec.uri) for manifest in manifests for spec in manifest.inputs]
    check_readable(sources, open_context(environment_of(manifests[0])).locate)
    worst, ends = EXIT_PUBLISHED, list[JobEnded]()
    for manifest in manifests:
        with open_display(manifest.name) as display:
            code = _convert(manifest, _OneVideo(display, manifest, ends), overwrite=overwrite)
            if len(manifests) > 1 and manifest is manifests[-1] and code != Interrupted.exit_code:
                display.show(Note(text=f"in all: {ended_line(_total(ends))}"))
        forget_contexts()
        if code == Interrupted.exit_code:
            return code
        worst = max(worst, code)
    return worst


def _title(manifest: Manifest, work: str) -> str:
    """What is converted into what. The work place is named unless it is the state folder."""
    place = "" if work == str(state_folder()) else f"; work in {work}"
    return f"{manifest.inputs[0].uri} -> {manifest.output.uri}{place}"


class _OneVideo(Display):
    """A display that shows a job by its files, and appends its end to `ends`."""

    def __init__(self, display: Display, manifest: Manifest, ends: list[JobEnded]) -> None:
        self._display, self._manifest, self._ends = display, manifest, ends

    def show(self, event: Event) -> None:
        """Show the event."""
        if isinstance(event, JobStarted):
            event = replace(event, title=_title(self._manifest, event.work))
        elif isinstance(event, JobEnded):
            event = replace(event, videos_to_retry=0)  # the next `convert` always tries again
            self._ends.append(event)
        self._display.show(event)


def _total(ends: Sequence[JobEnded]) -> JobEnded:
    return JobEnded(
        videos_published=sum(end.videos_published for end in ends),
        videos_skipped=sum(end.videos_skipped for end in ends),
        videos_failed=sum(end.videos_failed for end in ends),
        num_frames=sum(end.num_frames for end in ends),
        seconds=sum(end.seconds for end in ends),
    )


def _convert(manifest: Manifest, display: Display, *, overwrite: bool) -> int:
    context = open_context(environment_of(manifest))
    with _tidied(manifest, context):
        # A second `convert` of the same video is a request to try again.
        force = overwrite and not _is_untouched(manifest, context)
        return run.run(manifest, display=display, retry_failed=True, force=force, clean_up=True)


def _is_untouched(manifest: Manifest, context: StepContext) -> bool:
    """Whether the output, if it exists, is as this job put it."""
    output_uri = Uri.parse(manifest.output.uri)
    found = output_object(output_uri, context)
    try:
        return found is None or read_ownership(output_uri, found, context) is not None
    except WorkDamaged:
        return False


# ---- what a job leaves ---------------------------------------------------------------------------------------------


@contextmanager
def _tidied(manifest: Manifest, context: StepContext) -> Iterator[None]:
    """Delete what a job no longer needs when it ends, and keep its records in the state folder while it does not run.

    A work place that --set names is left as it is. If this fails, only files are left over.
    """
    work, state, beside = context.work.root, state_folder(), Uri.parse(default_work(manifest.output.uri))
    if state is None or work not in {Uri(state), beside}:
        yield
        return
    records, _ = context.locate(Uri(state / "any"))
    with suppress(SlomoError):
        if work == beside and not _has_objects(context.work, context.layout.root):
            _move(context, records, context.work)
    yield
    with suppress(SlomoError, OSError):
        gc(manifest, delete=True)
        if work == beside and not _has_objects(context.work, context.layout.videos):
            _move(context, context.work, records)
            if work.is_local:
                Path(work).rmdir()


def _has_objects(store: ObjectStore, prefix: str) -> bool:
    return any(True for _ in store.list(prefix))


def _move(context: StepContext, source: ObjectStore, target: ObjectStore) -> None:
    """Move all objects of the job from one store to another, unless a driver works on them."""
    if is_led(context.work, context.layout):
        return
    keys = [found.key for found in source.list(context.layout.root)]
    for key in keys:
        target.put(key, source.get(key))
    source.delete(keys)
