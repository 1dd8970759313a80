"""The command `init`. Importing this module loads nothing heavy."""

import argparse
import sys
from importlib.resources import files
from pathlib import Path

from slomo_batch.cli.arguments import Commands, add_command, file_path, not_empty
from slomo_batch.errors import ManifestError
from slomo_batch.sanitize import one_line

MANIFEST = "slomo.yaml"


def add_init_command(commands: Commands) -> None:
    """Add the command."""
    summary = "write a commented manifest for the videos of a folder"
    details = "Examines the videos, and notes in comments what is unusual. It never overwrites a file."
    extras = {"find_error": _find_error}
    parser = add_command(commands, "init", summary, _init, details=details, **extras)
    parser.add_argument(
        "folder", metavar="FOLDER", nargs="?", type=not_empty, help="a folder or an s3:// prefix with videos"
    )
    examples = sorted(one.name.removesuffix(".yaml") for one in _examples() if one.name.endswith(".yaml"))
    parser.add_argument(
        "--example", metavar="NAME", choices=examples, help=f"write an example instead: {', '.join(examples)}"
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        type=file_path,
        default=Path(MANIFEST),
        help=f"the file to write (default: {MANIFEST}); - prints the manifest",
    )


def _examples() -> list[Path]:
    return [Path(str(one)) for one in (files("slomo_batch") / "examples").iterdir()]


def _find_error(options: argparse.Namespace) -> str:
    if bool(options.folder) == bool(options.example):
        return "name a folder with videos, or an example with --example"
    return ""


def _init(options: argparse.Namespace) -> int:
    if options.out.exists():
        raise ManifestError(
            "the file exists, and init never overwrites a file",
            where=str(options.out),
            remedy="Name another with --out.",
        )
    from slomo_batch.commands import init  # noqa: PLC0415 loads PyAV and what reads S3

    if options.example:
        text = init.example(options.example)
    else:
        num_videos, looks = init.look_into(options.folder, _show_progress)
        text = init.manifest_of_folder(options.folder, num_videos, looks)
    if str(options.out) == "-":
        sys.stdout.write(text)
        return 0
    try:
        with options.out.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ManifestError(f"cannot be written: {error.strerror}", where=str(options.out)) from error
    name = one_line(str(options.out))
    sys.stderr.write(
        f"wrote {name}\n  to see what it makes: slomo-batch plan {name}\n  to run it: slomo-batch run {name}\n"
    )
    return 0


def _show_progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\rexamined {done:,} of {total:,} videos{chr(10) if done == total else ''}")
        sys.stderr.flush()
