"""The command `convert`. Importing this module loads nothing heavy."""

import argparse
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from slomo_batch.cli.arguments import Commands, add_command, add_json, add_log, not_empty
from slomo_batch.cli.displays import add_verbosity, displays
from slomo_batch.cli.run import load_what_makes_frames
from slomo_batch.cli.setting_options import add_setting_options, setting_overrides
from slomo_batch.errors import ManifestError
from slomo_batch.loading import fast_loading

if TYPE_CHECKING:
    from slomo_batch.manifest.schema import Manifest

_DETAILS = (
    "Without options it makes 4x slow motion at the source's frame rate. Runs in this process, without Ray; if it is "
    "interrupted, run it again to continue. Examples: "
    "`slomo-batch convert in.mp4 out.mp4 --slowdown 8`, `slomo-batch convert in.mp4 out.mp4 --slowdown 1 --fps 60`, "
    "`slomo-batch convert *.mov slow/ --for web`."
)


def add_convert_command(commands: Commands) -> None:
    """Add the command."""
    summary = "convert one or more videos, without a manifest"
    extras = {"takes_more": "paths", "find_error": _path_error}
    parser = add_command(commands, "convert", summary, _convert, details=_DETAILS, **extras)
    parser.add_argument(
        "paths",
        metavar="IN [IN ...] OUT",
        nargs="+",
        type=not_empty,
        help="the source videos, and the output: a file, whose suffix selects the container, or a folder, in which "
        "each output gets the name of its source. Each is a path or an s3:// URI",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace an output that exists and is not what this command makes"
    )
    # Messages suggest this option for every command, so `convert` accepts it too.
    parser.add_argument("--retry-failed", action="store_true", help="no effect: convert always retries")
    add_verbosity(parser)
    add_json(parser)
    add_log(parser)
    add_setting_options(parser)


def _path_error(options: argparse.Namespace) -> str:
    return "" if len(options.paths) > 1 else "the following arguments are required: OUT"


def _convert(options: argparse.Namespace) -> int:
    manifests = convert_manifests(options)
    with displays(options, manifests[0].name) as display:
        load_what_makes_frames(manifests[0], display)
        with fast_loading():
            from slomo_batch.commands.convert import convert  # noqa: PLC0415 loads everything else

    return convert(manifests, lambda job: displays(options, job), overwrite=options.overwrite)


# ---- manifests -------------------------------------------------------------------------------------------------------


def convert_manifests(options: argparse.Namespace) -> "list[Manifest]":
    """Build the manifests that a `convert` is equal to, one for each source.

    Raises:
        ManifestError: an argument is wrong.
    """
    from slomo_batch.manifest.load import Override  # noqa: PLC0415 loads pydantic
    from slomo_batch.manifest.single_video import single  # noqa: PLC0415 as above

    *sources, target = options.paths
    for source in sources:
        if source.endswith("/") or _is_folder(source):
            folder = source.rstrip("/")
            remedy = f"Name its videos, such as {folder}/*.mp4, or write a manifest: slomo-batch init {folder}."
            raise ManifestError("is a folder, expected a video", where=source, remedy=remedy)
    outputs = _outputs(sources, target, options)
    exists = [Override(label="--overwrite", path=("output", "exists"), value="replace")] if options.overwrite else []
    return [
        single(
            source,
            output,
            settings=options.settings,
            flags=[*exists, *setting_overrides(options, PurePosixPath(output).suffix)],
        )
        for source, output in zip(sources, outputs, strict=True)
    ]


def _outputs(sources: list[str], target: str, options: argparse.Namespace) -> list[str]:
    """The output of each source: the target, or a file in it if it is a folder or there are several sources."""
    is_folder = target.endswith("/") or _is_folder(target)
    if len(sources) == 1 and not is_folder:
        return [target]
    if not is_folder and PurePosixPath(target).suffix:
        raise ManifestError(
            "several inputs need a folder as OUT", where=target, remedy="Put a slash after the name of a new folder."
        )
    outputs = [f"{target.rstrip('/')}/{_name_in_folder(source, options)}" for source in sources]
    twice = sorted({output for output in outputs if outputs.count(output) > 1})
    if twice:
        problems = tuple(f"{output}: is the output of several inputs" for output in twice)
        raise ManifestError("conflicting outputs", problems=problems, remedy="Convert them into different folders.")
    return outputs


def _is_folder(target: str) -> bool:
    try:
        return "://" not in target and Path(target).expanduser().is_dir()
    except (OSError, RuntimeError, ValueError):
        return False


def _name_in_folder(source: str, options: argparse.Namespace) -> str:
    """The source's name, with its own suffix if such a file takes the codec, otherwise with the first that does."""
    from slomo_batch.plan.containers import CONTAINERS  # noqa: PLC0415 loads numpy

    name = PurePosixPath(source)
    codec = getattr(options, "encode.codec")
    suffixes = [*CONTAINERS]
    taking = [suffix for suffix in suffixes if codec in {None, "auto", *CONTAINERS[suffix].codecs}]
    if options.purpose == "master" and codec is None:
        taking = [".mov", ".mkv"]
    suffix = name.suffix.lower()
    return f"{name.stem}{suffix if suffix in taking else (taking or suffixes)[0]}"
