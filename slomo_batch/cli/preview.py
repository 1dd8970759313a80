"""The command `preview`. Importing this module loads nothing heavy."""

import argparse
import sys
from fractions import Fraction
from pathlib import Path, PurePosixPath

from slomo_batch.cli.arguments import Commands, add_command, add_json, add_log, file_path, not_empty, number
from slomo_batch.cli.displays import add_verbosity, displays
from slomo_batch.cli.setting_options import add_setting_options, setting_overrides
from slomo_batch.errors import ManifestError
from slomo_batch.loading import fast_loading
from slomo_batch.sanitize import json_line, one_line
from slomo_batch.timeline.instants import parse_instant

SECONDS = 3.0
_OF_PARTS = {"--start": "--at", "--end": "--seconds", "--duration": "--seconds"}
"""Options of `convert` that say which part to convert, and what they are called here."""


def add_preview_command(commands: Commands) -> None:
    """Add the command."""
    summary = "convert a few seconds of a video, and show them beside the source"
    details = "Takes the seconds with the most motion, unless --at says where to begin."
    parser = add_command(commands, "preview", summary, _preview, details=details, renamed=_OF_PARTS)
    parser.add_argument("source", metavar="IN", type=not_empty, help="the source video: a path or an s3:// URI")
    parser.add_argument(
        "out",
        metavar="OUT",
        type=file_path,
        nargs="?",
        help="the MP4 file to write; a PNG with its name is written beside it (default: IN.preview.mp4 in the current "
        "folder)",
    )
    parser.add_argument(
        "--at", metavar="TIME", type=_instant, help='where to begin: seconds (12 or 12s) or "1:30.5" of the source'
    )
    parser.add_argument(
        "--seconds",
        metavar="N",
        type=number(0, 600, above=True),
        default=SECONDS,
        help=f"length in the source (default: {SECONDS:.0f})",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist")
    add_verbosity(parser)
    add_json(parser)
    add_log(parser)
    add_setting_options(parser, without=tuple(_OF_PARTS))


def _instant(text: str) -> Fraction:
    try:
        found = parse_instant(not_empty(text).removesuffix("s"))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if found.frames is not None:
        raise argparse.ArgumentTypeError("expected seconds, not a timecode")
    return found.seconds


def _preview(options: argparse.Namespace) -> int:
    target = options.out or Path(f"{PurePosixPath(options.source).stem}.preview.mp4")
    strip = target.with_suffix(".png")
    if target.suffix.lower() != ".mp4":
        raise ManifestError("the name of a preview must end in .mp4", where=str(target))
    for path in (target, strip):
        if path.exists() and not options.overwrite:
            raise ManifestError("the file exists", where=str(path), remedy="Name another OUT, or pass --overwrite.")
    with fast_loading():
        from slomo_batch.commands.preview import preview  # noqa: PLC0415 loads everything

    found = preview(
        options.source,
        target,
        strip,
        at_s=options.at,
        seconds=Fraction(options.seconds).limit_denominator(10**6),
        settings=options.settings,
        flags=setting_overrides(options, ".mkv"),
        display=displays(options, "preview"),
    )
    if found.exit_code:
        return found.exit_code
    if options.json:
        part = {"at_s": float(found.at_s), "seconds": float(found.seconds), "num_frames": found.num_frames}
        lines = [json_line({"event": "preview", "file": str(target), "strip": str(strip), **part})]
    else:
        what = f"{float(found.seconds):.3g} s from {float(found.at_s):.3f} s, {found.num_frames:,} frames"
        lines = [
            f"wrote {target} ({what}; left: the source's frames, held; right: converted)",
            f"wrote {strip} (above: the source's frames; below: converted)",
        ]
    sys.stdout.writelines(f"{one_line(line)}\n" for line in lines)
    return 0
