"""The command `doctor`. Importing this module loads nothing heavy."""

import argparse
import sys
from dataclasses import asdict

from slomo_batch.cli.arguments import Commands, add_command, add_json, not_empty
from slomo_batch.errors import StoreUnusable
from slomo_batch.loading import fast_loading
from slomo_batch.sanitize import json_line, one_line

_HEAD = f"{'':<9}{'':<14}"


def add_doctor_command(commands: Commands) -> None:
    """Add the command."""
    summary = "check CPU, GPUs, codecs, memory, disk, Ray and storage, and say what to fix"
    details = "Exits with 3 if there is a fault."
    parser = add_command(commands, "doctor", summary, _doctor, details=details)
    parser.add_argument(
        "places",
        metavar="PLACE",
        type=not_empty,
        nargs="*",
        help="folders or s3:// prefixes to test by writing, reading and deleting small objects",
    )
    parser.add_argument(
        "--manifest",
        metavar="MANIFEST",
        type=not_empty,
        help="also test the inputs on S3, the work place and the outputs of this manifest, with its storage settings",
    )
    add_json(parser)


def _doctor(options: argparse.Namespace) -> int:
    with fast_loading():
        from slomo_batch.commands.doctor import examine  # noqa: PLC0415 loads torch, PyAV and boto3

    manifest = None
    if options.manifest:
        from slomo_batch.manifest.load import load, read_text  # noqa: PLC0415 loads pydantic

        manifest = load(read_text(options.manifest), where=options.manifest)
    has_fault = False
    for finding in examine(tuple(options.places), manifest):
        has_fault |= finding.level == "fault"
        if options.json:
            sys.stdout.write(f"{json_line(asdict(finding))}\n")
            continue
        sys.stdout.write(f"{finding.level:<9}{finding.subject:<14}{one_line(finding.text)}\n")
        if finding.remedy:
            sys.stdout.write(f"{_HEAD}{one_line(finding.remedy)}\n")
        sys.stdout.flush()
    return StoreUnusable.exit_code if has_fault else 0
