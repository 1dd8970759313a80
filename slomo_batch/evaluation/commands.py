"""The commands `evaluate` and `compare`: their options, and what becomes of the answer. Loads nothing heavy itself."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from slomo_batch.errors import ManifestError
from slomo_batch.legible import legible_json, one_line
from slomo_batch.records import Method, Precision

if TYPE_CHECKING:
    from slomo_batch.evaluation.report import Report

Add = Callable[[str, str, Callable[[argparse.Namespace], int]], Any]
"""Adds a command by name, help text and what runs it; gives its parser."""


def add_evaluation(add: Add) -> None:
    """Add the commands."""
    _add_evaluate(add)
    _add_compare(add)


def _add_evaluate(add: Add) -> None:
    parser = add("evaluate", "measure methods on clips whose frames in between are known", _evaluate)
    parser.add_argument("clips", metavar="CLIP", nargs="+", help="a video, on disk or on S3")
    parser.add_argument(
        "--factor", dest="factors", metavar="K", type=_at_least(2), nargs="+", default=[2], help="keep every K-th frame"
    )
    _add_contenders(parser, "--method")
    _add_protocol(parser, skip=20, frames=17, cuts="ignore")


def _add_compare(add: Add) -> None:
    parser = add("compare", "drop every second frame of a video, and see who predicts it best", _evaluate)
    parser.add_argument("clips", metavar="IN", nargs=1)
    parser.set_defaults(factors=[2])
    _add_contenders(parser, "--methods")
    _add_protocol(parser, skip=0, frames=121, cuts="hold")


def _add_contenders(parser: argparse.ArgumentParser, flag: str) -> None:
    methods = get_args(Method)
    parser.add_argument(
        flag, dest="methods", metavar="METHOD", choices=methods, nargs="+", default=methods, help=", ".join(methods)
    )
    parser.add_argument(
        "--weights", metavar="NAME", nargs="+", default=["compact"], help="of superslomo: shipped names, or URIs"
    )
    parser.add_argument("--levels", metavar="N", type=_at_least(1), help="levels of the network's pyramid")
    parser.add_argument("--precision", choices=("auto", *get_args(Precision)), default="auto", help="of the network")
    parser.add_argument("--threads", metavar="N", type=_at_least(1), default=1, help="of the network, on the CPU")


def _add_protocol(parser: argparse.ArgumentParser, *, skip: int, frames: int, cuts: str) -> None:
    parser.add_argument(
        "--skip", metavar="N", type=_at_least(0), default=skip, help=f"frames left out at the beginning ({skip})"
    )
    parser.add_argument(
        "--frames", metavar="N", type=_at_least(0), default=frames, help=f"frames taken after that ({frames}); 0: all"
    )
    parser.add_argument(
        "--max-width", metavar="PX", type=_at_least(16), help="wider pictures are averaged down over whole blocks"
    )
    parser.add_argument(
        "--cuts",
        choices=("hold", "ignore"),
        default=cuts,
        help=f"at cuts and repeated frames: hold the nearest frame, as a job does, or ask the methods ({cuts})",
    )
    parser.add_argument(
        "--write",
        dest="files",
        metavar="FILE",
        type=_report_file,
        action="append",
        default=[],
        help="store the result, as .json (with every frame) or .parquet; repeatable",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout instead of the table")


def _at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} is too small: at least {least}")
        return value

    return number


def _report_file(text: str) -> Path:
    path = Path(text)
    if path.suffix not in {".json", ".parquet"}:
        raise argparse.ArgumentTypeError(f"{text!r} ends in neither .json nor .parquet")
    if not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {path.absolute().parent}")
    return path


def _evaluate(options: argparse.Namespace) -> int:
    from slomo_batch.documents import to_json  # noqa: PLC0415
    from slomo_batch.evaluation import measuring, report  # noqa: PLC0415 loads torch and FFmpeg's libraries
    from slomo_batch.evaluation.contenders import contenders  # noqa: PLC0415
    from slomo_batch.interpolators.opening import supported_precision  # noqa: PLC0415

    found = measuring.evaluate(
        options.clips,
        contenders(options.methods, options.weights, options.levels),
        report.Protocol(
            skip=options.skip,
            frames=options.frames or None,
            max_width=options.max_width,
            factors=tuple(options.factors),
            cuts=options.cuts,
        ),
        precision=supported_precision() if options.precision == "auto" else options.precision,
        threads=options.threads,
        tell=_told,
    )
    for path in options.files:
        _write_report(path, found)
    for line in [legible_json(to_json(found).decode())] if options.json else map(one_line, report.tables(found)):
        sys.stdout.write(line + "\n")
    return 0


def _told(line: str) -> None:
    sys.stderr.write(one_line(line) + "\n")


def _write_report(path: Path, found: "Report") -> None:
    from slomo_batch.documents import to_json  # noqa: PLC0415
    from slomo_batch.evaluation.report import columns  # noqa: PLC0415
    from slomo_batch.tables.scores import scores_parquet  # noqa: PLC0415 loads pyarrow

    data = to_json(found) if path.suffix == ".json" else scores_parquet(columns(found))
    try:
        path.write_bytes(data)
    except OSError as error:
        raise ManifestError("cannot be written", where=str(path), remedy=str(error.strerror)) from error
