"""The commands `evaluate` and `compare`: their options, and what becomes of the answer. Loads nothing heavy itself."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from slomo_batch.errors import ManifestError
from slomo_batch.evaluation.datasets.known import LAYOUTS, layout_of
from slomo_batch.sanitize import legible_json, one_line
from slomo_batch.settings import Method, Precision

if TYPE_CHECKING:
    from slomo_batch.evaluation.contenders import OpenContender
    from slomo_batch.evaluation.lpips import Lpips
    from slomo_batch.evaluation.report import Report
    from slomo_batch.evaluation.worst import Worst

Add = Callable[[str, str, Callable[[argparse.Namespace], int]], Any]
"""Adds a command by name, help text and what runs it; gives its parser."""

LADDER = {"factors": [2], "skip": 20, "frames": 17, "max_width": None, "cuts": "ignore"}
"""What `evaluate` does with clips if nothing is said."""
COMPARISON = {"factors": [2], "skip": 0, "frames": 121, "max_width": None, "cuts": "hold"}
"""What `compare` does."""


def add_evaluation(add: Add) -> None:
    """Add the commands."""
    _add_evaluate(add)
    _add_compare(add)


def _add_evaluate(add: Add) -> None:
    about = "measure methods where the frames in between are known: on clips, or on a data set of the field"
    parser = add("evaluate", about, _evaluate)
    parser.add_argument(
        "inputs",
        metavar="INPUT",
        nargs="+",
        help="videos, on disk or on S3; or one folder that holds a data set as it is published",
    )
    _add_contenders(parser, "--method")
    _add_ladder(parser, LADDER, with_factors=True)
    sets = parser.add_argument_group("of data sets, whose protocol is fixed")
    names = ", ".join(LAYOUTS)
    sets.add_argument(
        "--layout", metavar="NAME", choices=LAYOUTS, help=f"the data set, where the folder does not tell: {names}"
    )
    sets.add_argument(
        "--cases", metavar="N", type=_at_least(1), help="at most N cases of each part, evenly over it, for a first look"
    )
    _add_answer(parser)


def _add_compare(add: Add) -> None:
    parser = add("compare", "drop every second frame of a video, and see who predicts it best", _evaluate)
    parser.add_argument("inputs", metavar="IN", nargs=1)
    parser.set_defaults(layout=None, cases=None)
    _add_contenders(parser, "--methods")
    _add_ladder(parser, COMPARISON, with_factors=False)
    _add_answer(parser)


def _add_contenders(parser: argparse.ArgumentParser, flag: str) -> None:
    methods = get_args(Method)
    group = parser.add_argument_group("who is measured")
    group.add_argument(
        flag, dest="methods", metavar="METHOD", choices=methods, nargs="+", default=methods, help=", ".join(methods)
    )
    group.add_argument(
        "--weights", metavar="NAME", nargs="+", default=["compact"], help="of superslomo: shipped names, or URIs"
    )
    group.add_argument("--levels", metavar="N", type=_at_least(1), help="levels of the network's pyramid")
    group.add_argument("--precision", choices=("auto", *get_args(Precision)), default="auto", help="of the network")
    group.add_argument("--threads", metavar="N", type=_at_least(1), default=1, help="of the network, on the CPU")


def _add_ladder(parser: argparse.ArgumentParser, defaults: dict[str, Any], *, with_factors: bool) -> None:
    """The options of clips; each is None where it was not given."""
    parser.set_defaults(factors=None, ladder=defaults)
    group = parser.add_argument_group("of clips")
    if with_factors:
        group.add_argument(
            "--factor", dest="factors", metavar="K", type=_at_least(2), nargs="+", help="keep every K-th frame (2)"
        )
    group.add_argument(
        "--skip", metavar="N", type=_at_least(0), help=f"frames left out at the beginning ({defaults['skip']})"
    )
    group.add_argument(
        "--frames", metavar="N", type=_at_least(0), help=f"frames taken after that ({defaults['frames']}); 0: all"
    )
    group.add_argument(
        "--max-width", metavar="PX", type=_at_least(16), help="wider pictures are averaged down over whole blocks"
    )
    group.add_argument(
        "--cuts",
        choices=("hold", "ignore"),
        help="at cuts and repeated frames: hold the nearest frame, as a job does, or ask the methods "
        f"({defaults['cuts']})",
    )


def _add_answer(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the answer")
    group.add_argument(
        "--lpips",
        metavar="FILE",
        nargs="+",
        type=Path,
        help="measure LPIPS too, with these weights of AlexNet and of the measure, which are not shipped",
    )
    group.add_argument(
        "--write",
        dest="files",
        metavar="FILE",
        type=_report_file,
        action="append",
        default=[],
        help="store the result, as .json (with every frame) or .parquet; repeatable",
    )
    group.add_argument(
        "--worst",
        metavar="FOLDER",
        type=_pictures_folder,
        help="store the ten worst frames of each method as pictures, with a page that shows them",
    )
    group.add_argument("--json", action="store_true", help="one JSON object on stdout instead of the table")


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


def _pictures_folder(text: str) -> Path:
    path = Path(text).absolute()
    there = next(place for place in (path, *path.parents) if place.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise argparse.ArgumentTypeError(f"{there} is no folder that can be written to")
    return path


# ---- running ---------------------------------------------------------------------------------------------------------


def _evaluate(options: argparse.Namespace) -> int:
    from slomo_batch.evaluation.tables import tables  # noqa: PLC0415 loads torch
    from slomo_batch.evaluation.worst import Worst  # noqa: PLC0415
    from slomo_batch.serialization import to_json  # noqa: PLC0415

    folder = _folder(options)
    worst = Worst() if options.worst else None
    report = _of_clips(options, worst) if folder is None else _of_set(options, folder, worst)
    for path in options.files:
        _write_report(path, report)
    for line in [legible_json(to_json(report).decode())] if options.json else map(one_line, tables(report)):
        sys.stdout.write(line + "\n")
    if worst:
        worst.write(options.worst)
    return 0


def _folder(options: argparse.Namespace) -> Path | None:
    """The folder of the data set; None where clips are named."""
    folders = [Path(place) for place in options.inputs if _is_folder(place)]
    if not folders:
        for flag in ("layout", "cases"):
            if getattr(options, flag) is not None:
                raise ManifestError(f"--{flag} is of data sets, and this is no folder", where=options.inputs[0])
        return None
    if len(options.inputs) > 1:
        raise ManifestError("a data set is measured alone", where=str(folders[0]), remedy="Name nothing beside it.")
    given = [name for name in options.ladder if getattr(options, name) is not None]
    if given:
        flag = "factor" if given[0] == "factors" else given[0].replace("_", "-")
        raise ManifestError(f"--{flag} is of clips; the protocol of a data set is fixed", where=str(folders[0]))
    return folders[0]


def _is_folder(place: str) -> bool:
    try:
        return Path(place).is_dir()
    except OSError as error:
        raise ManifestError("cannot be read", where=place, remedy=str(error.strerror)) from error


def _of_clips(options: argparse.Namespace, worst: "Worst | None") -> "Report":
    from slomo_batch.evaluation.report import ClipProtocol  # noqa: PLC0415
    from slomo_batch.evaluation.runs import evaluate_clips  # noqa: PLC0415

    said = {name: getattr(options, name) for name in options.ladder if getattr(options, name) is not None}
    asked = {**options.ladder, **said}
    protocol = ClipProtocol(
        skip=asked["skip"],
        frames=asked["frames"] or None,
        max_width=asked["max_width"],
        factors=tuple(asked["factors"]),
        cuts=asked["cuts"],
    )
    return evaluate_clips(
        options.inputs, _contenders(options), protocol, lpips=_lpips(options), worst=worst, tell=_told
    )


def _of_set(options: argparse.Namespace, folder: Path, worst: "Worst | None") -> "Report":
    from slomo_batch.evaluation.runs import evaluate_set  # noqa: PLC0415

    layout = LAYOUTS[options.layout] if options.layout else layout_of(folder)
    return evaluate_set(
        folder, layout, _contenders(options), num_cases=options.cases, lpips=_lpips(options), worst=worst, tell=_told
    )


def _contenders(options: argparse.Namespace) -> "list[OpenContender]":
    from slomo_batch.evaluation.contenders import OpenContender, contenders  # noqa: PLC0415
    from slomo_batch.interpolators.factory import supported_precision  # noqa: PLC0415

    precision = supported_precision() if options.precision == "auto" else options.precision
    return [
        OpenContender(named, precision=precision, threads=options.threads)
        for named in contenders(options.methods, options.weights, options.levels)
    ]


def _lpips(options: argparse.Namespace) -> "Lpips | None":
    from slomo_batch.evaluation.lpips import load_lpips  # noqa: PLC0415

    return load_lpips(options.lpips) if options.lpips else None


def _told(line: str) -> None:
    sys.stderr.write(one_line(line) + "\n")


def _write_report(path: Path, found: "Report") -> None:
    from slomo_batch.evaluation.report import columns  # noqa: PLC0415
    from slomo_batch.evaluation.scores_table import scores_parquet  # noqa: PLC0415 loads pyarrow
    from slomo_batch.serialization import to_json  # noqa: PLC0415

    data = to_json(found) if path.suffix == ".json" else scores_parquet(columns(found))
    try:
        path.write_bytes(data)
    except OSError as error:
        raise ManifestError("cannot be written", where=str(path), remedy=str(error.strerror)) from error
