"""The commands `submit`, `cancel` and `logs`, and a `run` that goes elsewhere: jobs on a cluster, seen from outside.

Loads nothing heavy itself.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from slomo_batch import __version__
from slomo_batch.errors import ClusterError, Interrupted
from slomo_batch.manifest.canonical import canonical_manifest, local_paths
from slomo_batch.manifest.load import is_file, load, read_text
from slomo_batch.manifest.schema import Manifest
from slomo_batch.redact import redacted
from slomo_batch.report.events import Display
from slomo_batch.sanitize import json_line, legible_json, one_line
from slomo_batch.streams import for_display

if TYPE_CHECKING:
    from slomo_batch.cluster.job_api import JobApi
    from slomo_batch.cluster.log_follower import Show
    from slomo_batch.cluster.log_reader import LogLine
    from slomo_batch.cluster.submissions import Request

Add = Callable[[str, str, Callable[[argparse.Namespace], int]], Any]
"""Adds a command by name, help text and what runs it; gives its parser."""
DisplayOf = Callable[[str, TextIO], Display]
"""The display of a job by its name, on a stream, for a person."""
_NO_ADDRESS = ("auto", "inline", "local")
"""What cluster.address may say besides an address."""


def add_job_commands(add: Add, add_run_options: Callable[[Any], None], display_of: DisplayOf) -> None:
    """Add the commands that speak to a cluster; `add_run_options` adds to `submit` what it has in common with `run`."""
    submitting = add("submit", "have a cluster run what a manifest asks for", partial(_submit, display_of))
    add_run_options(submitting)
    _add_address(submitting)
    submitting.add_argument("--follow", action="store_true", help="show its progress, and exit with its exit code")
    canceling = add("cancel", "ask the run of a job on a cluster to finish what it has in hand and stop", _cancel)
    _add_job(canceling)
    canceling.add_argument("--wait", action="store_true", help="return when it has stopped")
    logging = add("logs", "show what the latest run of a job on a cluster tells", partial(_logs, display_of))
    _add_job(logging)
    logging.add_argument("--follow", action="store_true", help="until its end; exit with its exit code")
    logging.add_argument("--json", action="store_true", help="one JSON object per line on stdout")


def _add_address(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--address",
        metavar="ADDRESS",
        default="",
        help="of the cluster's dashboard, like http://head:8265; by default the manifest's, else RAY_ADDRESS, else the "
        "cluster of this machine",
    )


def _add_job(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", metavar="JOB", help="a manifest, or the name of a job")
    _add_address(parser)


# ---- submit --------------------------------------------------------------------------------------------------------


def is_elsewhere(manifest: Manifest) -> bool:
    """Whether the manifest names a cluster that this machine is no part of: what runs there is submitted."""
    return manifest.cluster.address.startswith(("http://", "https://", "ray://"))


def _submit(display_of: DisplayOf, options: argparse.Namespace) -> int:
    manifest = load(read_text(options.manifest), where=options.manifest, overrides=options.settings)
    return submit(manifest, options, display_of, follow=options.follow)


def submit(manifest: Manifest, options: argparse.Namespace, display_of: DisplayOf, *, follow: bool) -> int:
    """Have a cluster run the manifest, or find that it does; with `follow`, show the run to its end.

    The exit code is the run's own where it is followed.
    """
    api = _api(options, manifest)
    request = _request(manifest, options, api)
    submission_id, began = _started(api, request)
    if not began and (request.prewarm or request.take_over):
        _tell("it was running already: --prewarm and --take-over are for a run that begins")
    if follow:
        _tell(f"{'submitted' if began else 'attached to'} {submission_id}")
        return _follow(api, submission_id, _shown(display_of, manifest.name, _followed(), as_json=options.json))
    told = json_line({"submission": submission_id, "began": began}) if options.json else submission_id
    sys.stdout.write(f"{told}\n")
    _tell(f"submitted to {api.address}" if began else f"running already on {api.address}")
    return 0


def _api(options: argparse.Namespace, manifest: Manifest | None) -> "JobApi":
    from slomo_batch.cluster.job_api import JobApi  # noqa: PLC0415 loads Ray

    named = manifest.cluster.address if manifest is not None else ""
    return JobApi(getattr(options, "address", "") or ("" if named in _NO_ADDRESS else named))


def _request(manifest: Manifest, options: argparse.Namespace, api: "JobApi") -> "Request":
    from slomo_batch.cluster.gpu_choice import check_gpu_choice  # noqa: PLC0415 as the next
    from slomo_batch.cluster.shared_disk import judge_reach, judge_sharing  # noqa: PLC0415 loads pydantic
    from slomo_batch.cluster.submissions import Request  # noqa: PLC0415 as above
    from slomo_batch.storage.location import normalise_uri  # noqa: PLC0415 as above

    places = local_paths(manifest)
    judge_sharing(api.num_machines(), places)
    if not api.is_this_machine():
        judge_reach(places)
    cluster = manifest.cluster
    check_gpu_choice(
        api.offer(),
        gpus_per_worker=float(cluster.gpus_per_worker),
        is_in_manifest="gpus_per_worker" in cluster.model_fields_set,
    )
    return Request(
        job=manifest.name,
        manifest=canonical_manifest(manifest, partial(normalise_uri, base=Path.cwd())),
        retry_failed=options.retry_failed,
        force=options.force,
        take_over=options.take_over,
        prewarm=options.prewarm,
        strict=options.strict,
    )


def _started(api: "JobApi", request: "Request") -> tuple[str, bool]:
    """The id of the run, and whether it was begun now rather than found. Who is beaten to a number looks again."""
    from slomo_batch.cluster.submissions import Start, command_of, decide  # noqa: PLC0415

    command = command_of(request, version=__version__)
    while True:
        decision = decide(request, api.submissions())
        if not isinstance(decision, Start):
            return decision.id, False
        if api.start(decision.id, command, {"slomo_batch_version": __version__}):
            return decision.id, True


def _follow(api: "JobApi", submission_id: str, shown: "AbstractContextManager[Show]") -> int:
    from slomo_batch.cluster.log_follower import follow  # noqa: PLC0415 loads Ray
    from slomo_batch.cluster.submissions import exit_code_of  # noqa: PLC0415

    try:
        with shown as show:
            run = follow(api, submission_id, show)
    except KeyboardInterrupt:
        _tell(f"left: {submission_id} goes on; `slomo-batch logs` watches it, `slomo-batch cancel` ends it")
        return Interrupted.exit_code
    except ClusterError as error:
        raise ClusterError(
            "is out of reach; the run goes on there", where=submission_id, got=str(error), remedy="Submit it again."
        ) from error
    return exit_code_of(run)


def _followed() -> TextIO:
    """Where a run is shown that goes on, whether it can be shown or not."""
    return for_display(sys.stdout, "standard output")


@contextmanager
def _shown(display_of: DisplayOf, job: str, stream: TextIO, *, as_json: bool) -> "Iterator[Show]":
    """What shows the lines of a run: events to a person, or as they were written; all others as they are, on stderr."""
    display = display_of(job, stream)
    with nullcontext() if as_json else display:

        def show(line: "LogLine") -> None:
            if line.event is None:
                _tell(line.text)
            elif as_json:
                stream.write(legible_json(line.text) + "\n")
                stream.flush()
            else:
                display.show(line.event)

        yield show


# ---- cancel, logs --------------------------------------------------------------------------------------------------


def _job_and_api(options: argparse.Namespace) -> tuple[str, "JobApi"]:
    """The job that a command names, by its manifest or by its name, and its cluster."""
    if is_file(options.job):
        manifest = load(read_text(options.job), where=options.job)
        return manifest.name, _api(options, manifest)
    return options.job, _api(options, None)


def _cancel(options: argparse.Namespace) -> int:
    from slomo_batch.cluster.log_follower import wait_for_end  # noqa: PLC0415 loads Ray
    from slomo_batch.cluster.submissions import DRAIN_S, latest_run  # noqa: PLC0415

    job, api = _job_and_api(options)
    run = latest_run(job, api.submissions())
    if run.has_ended or not api.stop(run.id):
        _tell(f"{run.id} ended before: nothing was stopped")
        return 0
    _tell(f"{run.id} finishes what it has in hand, for {DRAIN_S // 60} minutes at most, and stops")
    if options.wait:
        _tell(f"{run.id}: {wait_for_end(api, run.id).status.lower()}")
    return 0


def _logs(display_of: DisplayOf, options: argparse.Namespace) -> int:
    from slomo_batch.cluster.log_follower import show_so_far  # noqa: PLC0415 loads Ray
    from slomo_batch.cluster.submissions import latest_run  # noqa: PLC0415

    job, api = _job_and_api(options)
    run = latest_run(job, api.submissions())
    _tell(f"{run.id}: {run.status.lower()}")
    shown = _shown(display_of, run.job, _followed() if options.follow else sys.stdout, as_json=options.json)
    if options.follow:
        return _follow(api, run.id, shown)
    with shown as show:
        show_so_far(api, run, show)
    return 0


def _tell(line: str) -> None:
    sys.stderr.write(one_line(redacted(line)) + "\n")
