"""The commands `schema`, `weights` and `archive`: they read and write single files, and run no job."""

import argparse
import json
import sys
from pathlib import Path

from slomo_batch.cli.arguments import Commands, add_command, add_group, file_path
from slomo_batch.errors import ManifestError, SegmentInvalid
from slomo_batch.interpolators.superslomo.shipped_weights import resolve_name, shipped_file, shipped_names
from slomo_batch.sanitize import one_line


def add_file_commands(commands: Commands) -> None:
    """Add the commands."""
    add_command(commands, "schema", "print the JSON Schema of the manifest", _schema)
    weights = add_group(commands, "weights", "list the shipped weights, show what a file is, or import a checkpoint")
    add_command(weights, "list", "list the weights that are shipped with slomo_batch", _weights_list)
    showing = add_command(
        weights, "show", "show which network and which prior flow a weights file is for", _weights_show
    )
    showing.add_argument("weights", metavar="WEIGHTS", help="a shipped name, or a file")
    importing = add_command(
        weights,
        "import",
        "convert a public SuperSloMo.ckpt to safetensors",
        _weights_import,
        details="No code in the checkpoint is executed.",
    )
    importing.add_argument("source", metavar="SRC", type=file_path, help="the checkpoint")
    importing.add_argument("target", metavar="OUT", type=file_path, help="the safetensors file to write")
    archive = add_group(commands, "archive", "inspect the chunk files of a work place")
    dumping = add_command(archive, "dump", "print the contents of a packet archive", _archive_dump)
    dumping.add_argument("file", metavar="FILE", type=file_path, help="a packet archive on disk")


def _schema(_: argparse.Namespace) -> int:
    from slomo_batch.manifest.schema import json_schema  # noqa: PLC0415 loads pydantic

    sys.stdout.write(json.dumps(json_schema(), indent=2) + "\n")
    return 0


def _weights_list(_: argparse.Namespace) -> int:
    for name in shipped_names():
        _print(name)
    return 0


def _weights_show(options: argparse.Namespace) -> int:
    from slomo_batch.interpolators.superslomo import weights  # noqa: PLC0415 loads torch

    name = resolve_name(options.weights)
    path = shipped_file(name) if name in shipped_names() else Path(name)
    for line in weights.describe(path):
        _print(line)
    return 0


def _weights_import(options: argparse.Namespace) -> int:
    from slomo_batch.interpolators.superslomo import weights  # noqa: PLC0415 loads torch

    weights.import_checkpoint(options.source, options.target)
    _print(str(options.target))
    return 0


def _archive_dump(options: argparse.Namespace) -> int:
    from slomo_batch.media import packet_archive  # noqa: PLC0415 loads FFmpeg's libraries

    try:
        with options.file.open("rb") as file:
            for line in packet_archive.dump(file):
                _print(line)
    except SegmentInvalid as error:
        raise ManifestError(str(error)) from error
    except OSError as error:
        raise ManifestError(f"cannot be read: {error.strerror}", where=str(options.file)) from error
    return 0


def _print(line: str) -> None:
    sys.stdout.write(one_line(line) + "\n")
