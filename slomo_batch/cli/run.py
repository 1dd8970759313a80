"""The commands `run`, `plan` and `convert`. Importing this module loads nothing heavy."""

import argparse
import sys
from importlib import import_module
from typing import get_args

from slomo_batch import __version__
from slomo_batch.cli.arguments import (
    Commands,
    add_command,
    add_json,
    add_log,
    add_run_options,
    add_settings,
    add_strict,
    manifest_of,
    not_empty,
)
from slomo_batch.cli.displays import displays
from slomo_batch.cli.jobs import is_elsewhere, submit
from slomo_batch.errors import ClusterError, ManifestError
from slomo_batch.loading import fast_loading
from slomo_batch.manifest.load import Override
from slomo_batch.manifest.schema import Manifest
from slomo_batch.manifest.single_video import single
from slomo_batch.settings import Codec

EXIT_VIDEOS_FAILED = 1


def add_run_commands(commands: Commands) -> None:
    """Add the commands."""
    _add_run(commands)
    _add_plan(commands)
    _add_convert(commands)


# ---- run -------------------------------------------------------------------------------------------------------------


def _add_run(commands: Commands) -> None:
    details = "A run with the name and the work place of an earlier one resumes it: published videos are skipped."
    parser = add_command(commands, "run", "run the job of a manifest, or resume it", _run, details=details)
    add_run_options(parser)
    add_log(parser)
    parser.add_argument(
        "--require-version", metavar="VERSION", default="", help="fail if another version of slomo_batch is installed"
    )


def _run(options: argparse.Namespace) -> int:
    if options.require_version not in {"", __version__}:
        raise ClusterError(
            "another version of slomo_batch is installed here than required",
            expected=options.require_version,
            got=__version__,
            remedy="Install the required version. For a submitted run, install the same version on both machines.",
        )
    manifest = manifest_of(options)
    if is_elsewhere(manifest):
        if options.log:
            raise ManifestError(
                "not supported for runs submitted to a cluster", where="--log", remedy="Use --json >> FILE."
            )
        return submit(manifest, options, follow=True)
    with fast_loading():
        _load_what_makes_frames(manifest)
        from slomo_batch.commands import run  # noqa: PLC0415 loads everything else

    with displays(options, manifest.name) as display:
        return run.run(
            manifest,
            display=display,
            retry_failed=options.retry_failed,
            force=options.force,
            take_over=options.take_over,
            prewarm=options.prewarm,
            strict=options.strict,
        )


# ---- plan ------------------------------------------------------------------------------------------------------------


def _add_plan(commands: Commands) -> None:
    details = "Reads the headers of the sources and writes nothing."
    parser = add_command(commands, "plan", "show what a run would do, without doing it", _plan, details=details)
    parser.add_argument(
        "manifest", metavar="MANIFEST", type=not_empty, help='the manifest file; "-" reads standard input'
    )
    add_settings(parser)
    add_strict(parser)
    add_json(parser)


def _plan(options: argparse.Namespace) -> int:
    manifest = manifest_of(options)
    from slomo_batch.commands import dry_run  # noqa: PLC0415 loads everything
    from slomo_batch.report.answers import show_plan  # noqa: PLC0415 loads rich

    plan = dry_run.plan(manifest, strict=options.strict)
    show_plan(plan.rows, empty=plan.empty, as_json=options.json, stream=sys.stdout)
    return EXIT_VIDEOS_FAILED if any(row.problem for row in plan.rows) else 0


# ---- convert ---------------------------------------------------------------------------------------------------------

*_CODECS, _LAST_CODEC = get_args(Codec)
_CONVERT_FLAGS = {
    "--slowdown": ("retime.slowdown", "how many times longer the output lasts, such as 4, 2.5 or 5/2"),
    "--fps": ("retime.fps", "output frame rate: source, a rate such as 60, or a multiple of the source's such as x2"),
    "--start": (
        "retime.range.start",
        'begin at this time of the source: seconds, "1:30.5", or a timecode "00:01:30:12"',
    ),
    "--end": ("retime.range.end", "end at this time of the source"),
    "--duration": ("retime.range.duration", "take so much of the source, in place of --end"),
    "--method": ("interpolate.method", "interpolation method: superslomo, flow, mci, blend or duplicate"),
    "--weights": ("interpolate.weights", "shipped weights, or the path or URI of a weights file"),
    "--codec": ("encode.codec", f"auto, {', '.join(_CODECS)} or {_LAST_CODEC}"),
    "--quality": ("encode.quality", "quality of the codec; lower is better"),
}
"""Options of `convert`: the setting that each one sets, and its help."""


def _add_convert(commands: Commands) -> None:
    details = "Runs in this process, without Ray."
    parser = add_command(commands, "convert", "convert one video, without a manifest", _convert, details=details)
    parser.add_argument("source", metavar="IN", type=not_empty, help="the source video: a path or an s3:// URI")
    parser.add_argument(
        "output",
        metavar="OUT",
        type=not_empty,
        help="the output file: a path or an s3:// URI; its suffix selects the container",
    )
    for flag, (path, about) in _CONVERT_FLAGS.items():
        parser.add_argument(flag, metavar="VALUE", type=not_empty, help=f"{about} ({path})")
    # Messages suggest this option for every command, so `convert` accepts it too.
    parser.add_argument("--retry-failed", action="store_true", help="no effect: convert always retries")
    add_settings(parser)
    add_json(parser)
    add_log(parser)


def _convert(options: argparse.Namespace) -> int:
    manifest = convert_manifest(options)
    with fast_loading():
        _load_what_makes_frames(manifest)
        from slomo_batch.commands import run  # noqa: PLC0415 loads everything else

    with displays(options, manifest.name) as display:
        # A second `convert` of the same video is a request to try again.
        return run.run(manifest, display=display, retry_failed=True, clean_up=True)


def _load_what_makes_frames(manifest: Manifest) -> None:
    """Load torch if this process makes the frames; otherwise workers do, at the time that suits them."""
    if manifest.job.cluster.address == "inline":
        import_module("slomo_batch.steps.interpolate")


def convert_manifest(options: argparse.Namespace) -> Manifest:
    """Build the manifest that a `convert` is equal to."""
    flags = [
        Override(label=f"{flag} {value}", path=tuple(path.split(".")), value=value)
        for flag, (path, _) in _CONVERT_FLAGS.items()
        if (value := getattr(options, flag.removeprefix("--"))) is not None
    ]
    return single(options.source, options.output, settings=options.settings, flags=flags)
