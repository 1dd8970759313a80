"""The commands `submit`, `cancel` and `logs`, and `run` with the address of a remote cluster.

Importing this module loads nothing heavy.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, TextIO

from slomo_batch.cli.arguments import (
    Commands,
    add_command,
    add_json,
    add_run_options,
    add_settings,
    integer,
    manifest_of,
    not_empty,
)
from slomo_batch.cli.displays import terminal_display, verbosity_of
from slomo_batch.cli.streams import for_display
from slomo_batch.errors import ClusterError, Interrupted
from slomo_batch.sanitize import json_line, one_line, redact_credentials, sanitize_json
from slomo_batch.version import __version__

if TYPE_CHECKING:
    from slomo_batch.cluster.job_api import JobApi
    from slomo_batch.cluster.log_follower import Show
    from slomo_batch.cluster.log_reader import LogLine
    from slomo_batch.cluster.submissions import Request
    from slomo_batch.manifest.schema import Manifest

_NO_ADDRESS = ("auto", "inline", "local")
"""The values of cluster.address that are not addresses."""


def add_job_commands(commands: Commands) -> None:
    """Add the commands."""
    details = "Prints the id of the run and returns. If the job is already running there, prints the id of that run."
    submitting = add_command(commands, "submit", "run a job on a Ray cluster", _submit, details=details)
    add_run_options(submitting)
    _add_address(submitting)
    submitting.add_argument(
        "--follow", action="store_true", help="show the progress of the run, and exit with its exit code"
    )
    details = "The run finishes its work in progress first; published videos and committed chunks are kept."
    canceling = add_command(commands, "cancel", "stop the run of a job on a Ray cluster", _cancel, details=details)
    _add_job(canceling)
    canceling.add_argument("--wait", action="store_true", help="wait until the run has stopped")
    logging = add_command(commands, "logs", "show the output of the latest run of a job on a Ray cluster", _logs)
    _add_job(logging)
    logging.add_argument(
        "--follow", action="store_true", help="show new output until the run ends, and exit with its exit code"
    )
    logging.add_argument(
        "--tail",
        metavar="N",
        type=integer(1),
        help="begin with the last N lines of the run's output (default: with its first line)",
    )
    add_json(logging)


def _add_address(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--address",
        metavar="ADDRESS",
        default="",
        help="the address of the cluster's dashboard, such as http://head:8265 (default: the manifest's address, "
        "RAY_ADDRESS, or the cluster of this machine)",
    )


def _add_job(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", metavar="JOB", type=not_empty, help="a manifest file, or the name of a job")
    add_settings(parser)
    _add_address(parser)


# ---- submit --------------------------------------------------------------------------------------------------------


def is_elsewhere(manifest: "Manifest") -> bool:
    """Return whether the manifest has the address of a remote cluster, to which `run` submits the job."""
    return manifest.job.cluster.address.startswith(("http://", "https://", "ray://"))


def _submit(options: argparse.Namespace) -> int:
    return submit(manifest_of(options), options, follow=options.follow)


def submit(manifest: "Manifest", options: argparse.Namespace, *, follow: bool) -> int:
    """Submit the manifest to a cluster, unless its job is already running there. With `follow`, show the run.

    Returns the exit code: that of the run if it is followed.
    """
    api = _api(options, manifest)
    request = _request(manifest, options, api)
    submission_id, began = _started(api, request)
    if not began and (request.prewarm or request.take_over):
        _print("the job is already running: --prewarm and --take-over have no effect")
    if follow:
        _print(f"{'submitted' if began else 'attached to'} {submission_id}")
        return _follow(api, submission_id, _show_lines(manifest.name, _robust_stdout(), options))
    result = json_line({"submission": submission_id, "began": began}) if options.json else submission_id
    sys.stdout.write(f"{result}\n")
    _print(f"submitted to {api.address}" if began else f"already running on {api.address}")
    _print(f"to see its progress: slomo-batch logs {manifest.name} --follow --address {api.address}")
    return 0


def _api(options: argparse.Namespace, manifest: "Manifest | None") -> "JobApi":
    from slomo_batch.cluster.job_api import JobApi  # noqa: PLC0415 loads Ray

    named = manifest.job.cluster.address if manifest is not None else ""
    return JobApi(getattr(options, "address", "") or ("" if named in _NO_ADDRESS else named))


def _request(manifest: "Manifest", options: argparse.Namespace, api: "JobApi") -> "Request":
    from slomo_batch.cluster.gpu_choice import check_gpu_choice  # noqa: PLC0415 as the next
    from slomo_batch.cluster.shared_disk import check_absolute_paths, check_no_local_paths  # noqa: PLC0415 loads pydantic
    from slomo_batch.cluster.submissions import Request  # noqa: PLC0415 as above
    from slomo_batch.manifest.canonical import canonical_manifest, local_paths  # noqa: PLC0415 as above

    local = local_paths(manifest)
    check_no_local_paths(api.num_machines(), local, shared=manifest.job.storage.shared)
    if not api.is_this_machine():
        check_absolute_paths(local)
    gpus = manifest.job.cluster.gpus_per_worker
    check_gpu_choice(api.offer(), gpus_per_worker=1.0 if gpus == "auto" else float(gpus), is_in_manifest=gpus != "auto")
    return Request(
        job=manifest.name,
        manifest=canonical_manifest(manifest),
        retry_failed=options.retry_failed,
        force=options.force,
        take_over=options.take_over,
        prewarm=options.prewarm,
        strict=options.strict,
    )


def _started(api: "JobApi", request: "Request") -> tuple[str, bool]:
    """Return the id of the run, and whether this call started it.

    Another client can take the same run number first; this one then reads the list of runs again.
    """
    from slomo_batch.cluster.submissions import Start, command_of, decide  # noqa: PLC0415

    command = command_of(request, version=__version__)
    while True:
        decision = decide(request, api.submissions())
        if not isinstance(decision, Start):
            return decision.id, False
        if api.start(decision.id, command, {"slomo_batch_version": __version__}):
            return decision.id, True


def _follow(
    api: "JobApi", submission_id: str, shown: "AbstractContextManager[Show]", *, lines: int | None = None
) -> int:
    from slomo_batch.cluster.log_follower import follow  # noqa: PLC0415 loads Ray
    from slomo_batch.cluster.log_reader import ALL  # noqa: PLC0415
    from slomo_batch.cluster.submissions import exit_code_of  # noqa: PLC0415

    try:
        with shown as show:
            run = follow(api, submission_id, show, lines=lines or ALL)
    except KeyboardInterrupt:
        _print(
            f"{submission_id} continues to run; use `slomo-batch logs` to follow it or `slomo-batch cancel` to stop it"
        )
        return Interrupted.exit_code
    except ClusterError as error:
        raise ClusterError(
            "lost the connection to the run, which continues",
            where=submission_id,
            got=str(error),
            remedy="Run `slomo-batch submit` again to follow it.",
        ) from error
    return exit_code_of(run)


def _robust_stdout() -> TextIO:
    """Return stdout for following a run: output errors do not end the command."""
    return for_display(sys.stdout, "standard output")


@contextmanager
def _show_lines(job: str, stream: TextIO, options: argparse.Namespace) -> "Iterator[Show]":
    """Show the lines of a run: events on `stream`, as JSON or for a person; all other lines unchanged on stderr."""
    as_json: bool = options.json
    display = terminal_display(job, stream, verbosity_of(options))
    with nullcontext() if as_json else display:

        def show(line: "LogLine") -> None:
            if not line.is_event:
                _print(line.text)
            elif as_json:
                stream.write(sanitize_json(line.text) + "\n")
                stream.flush()
            elif line.event:
                display.show(line.event)

        yield show


# ---- cancel, logs --------------------------------------------------------------------------------------------------


def _job_and_api(options: argparse.Namespace) -> tuple[str, "JobApi"]:
    """Return the name of the job, given by its manifest or its name, and the API of its cluster."""
    from slomo_batch.manifest.load import is_file, load, read_text  # noqa: PLC0415 loads pydantic

    if is_file(options.job):
        manifest = load(read_text(options.job), where=options.job, overrides=options.settings)
        return manifest.name, _api(options, manifest)
    return options.job, _api(options, None)


def _cancel(options: argparse.Namespace) -> int:
    from slomo_batch.cluster.log_follower import wait_for_end  # noqa: PLC0415 loads Ray
    from slomo_batch.cluster.submissions import DRAIN_S, latest_run  # noqa: PLC0415

    job, api = _job_and_api(options)
    run = latest_run(job, api.submissions())
    if run.has_ended or not api.stop(run.id):
        _print(f"{run.id} has already ended; nothing was stopped")
        return 0
    _print(f"{run.id} finishes its work in progress, within {DRAIN_S // 60} minutes, and then stops")
    if options.wait:
        _print(f"{run.id}: {wait_for_end(api, run.id).status.lower()}")
    return 0


def _logs(options: argparse.Namespace) -> int:
    from slomo_batch.cluster.log_follower import show_so_far  # noqa: PLC0415 loads Ray
    from slomo_batch.cluster.log_reader import ALL  # noqa: PLC0415
    from slomo_batch.cluster.submissions import latest_run  # noqa: PLC0415

    job, api = _job_and_api(options)
    run = latest_run(job, api.submissions())
    _print(f"{run.id}: {run.status.lower()}")
    shown = _show_lines(run.job, _robust_stdout() if options.follow else sys.stdout, options)
    if options.follow:
        return _follow(api, run.id, shown, lines=options.tail)
    with shown as show:
        show_so_far(api, run, show, lines=options.tail or ALL)
    return 0


def _print(line: str) -> None:
    sys.stderr.write(one_line(redact_credentials(line)) + "\n")
