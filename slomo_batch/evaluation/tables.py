"""Format a report as Markdown tables, one per measure, with notes below."""

from collections.abc import Callable, Sequence
from statistics import fmean

from slomo_batch.evaluation.evaluators import EVALUATORS
from slomo_batch.evaluation.report import ClipProtocol, DatasetProtocol, Report, Score, frame_label, perceptual_titles

Cell = tuple[float, ...]
"""The numbers in one table cell; empty if there is no value."""
RowKey = tuple[str, int, str]
"""Name, factor and evaluator of a score."""


def _single(value: float | None) -> Cell:
    return () if value is None else (value,)


_PICTURE: dict[str, tuple[int, Callable[[Score], Cell]]] = {
    "PSNR, dB": (2, lambda score: _single(score.psnr_db)),
    "SSIM": (4, lambda score: _single(score.ssim)),
    "IE, levels": (2, lambda score: _single(score.ie)),
}
"""Measures of a frame beside the true one. By title: digits after the decimal point, and the function that returns the
numbers of a score."""

_PERCEPTUAL: dict[str, Callable[[Score], Cell]] = {
    "lpips": lambda score: _single(score.lpips),
    "flip": lambda score: _single(score.flip),
}
"""By field of a score: the function that returns its numbers."""

_OTHER: dict[str, tuple[int, Callable[[Score], Cell]]] = {
    "flicker: mean, sharpness, noise": (
        2,
        lambda score: (score.flicker.mean, score.flicker.sharpness, score.flicker.noise),
    ),
    "seconds per frame": (3, lambda score: _single(score.seconds_per_frame)),
}

_CUTS = {
    "hold": "At cuts and repeated frames every method holds the nearest frame, as in a job.",
    "ignore": "Every method interpolates at cuts and repeated frames too.",
    "exclude": "Pairs with a cut between their frames are not measured.",
}


def format_tables(report: Report) -> list[str]:
    """Return the lines of the report."""
    perceptual = {title: (4, _PERCEPTUAL[field]) for field, title in perceptual_titles(report).items()}
    lines: list[str] = []
    for title, (digits, cell) in {**_PICTURE, **perceptual, **_OTHER}.items():
        lines += [*_table(report, title, digits, cell), ""]
    return [*lines, *_worst_frames(report.scores), "", *_notes(report)]


def _table(report: Report, title: str, digits: int, cell: Callable[[Score], Cell]) -> list[str]:
    labels = list(dict.fromkeys(score.entry.label for score in report.scores))
    rows: dict[RowKey, dict[str, Cell]] = {}
    for score in report.scores:
        rows.setdefault((score.name, score.factor, score.evaluator), {})[score.entry.label] = cell(score)
    several = len({evaluator for _, _, evaluator in rows}) > 1
    cells = [
        [_row_name(*row, several=several), *(_format_cell(found[label], digits) for label in labels)]
        for row, found in rows.items()
    ]
    if len(rows) > 1 and isinstance(report.protocol, ClipProtocol):
        means = [_mean([found[label] for found in rows.values()]) for label in labels]
        cells.append(["mean", *(_format_cell(value, digits) for value in means)])
    return _markdown_table([[title, *labels], *cells])


def _row_name(name: str, factor: int, evaluator: str, *, several: bool) -> str:
    return f"{name} {factor}x, {evaluator}" if several else f"{name} {factor}x"


def _mean(cells: Sequence[Cell]) -> Cell:
    """Mean over the rows that have a number."""
    present = [cell for cell in cells if cell]
    return tuple(fmean(values) for values in zip(*present, strict=True))


def _format_cell(cell: Cell, digits: int) -> str:
    return " / ".join(f"{value:.{digits}f}" for value in cell) or "-"


def _markdown_table(cells: Sequence[Sequence[str]]) -> list[str]:
    """Format a Markdown table: the first row is the header, the first column text, the others numbers."""
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    lines = [
        "| "
        + " | ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        + " |"
        for row in cells
    ]
    rule = "| " + " | ".join(["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]) + " |"
    return [lines[0], rule, *lines[1:]]


def _worst_frames(scores: Sequence[Score]) -> list[str]:
    """The frame with the lowest PSNR of each method."""
    lines = ["Worst frames:"]
    for label in dict.fromkeys(score.entry.label for score in scores):
        measured = [
            (frame.psnr_db, frame, score)
            for score in scores
            if score.entry.label == label
            for frame in score.frames
            if frame.psnr_db is not None
        ]
        if measured:
            psnr_db, frame, score = min(measured, key=lambda entry: entry[0])
            lines.append(f"  {label}: {psnr_db:.2f} dB, {score.name} {score.factor}x, {frame_label(frame)}")
    return lines


def _notes(report: Report) -> list[str]:
    machine, protocol = report.machine, report.protocol
    protocol_notes = _clip_notes(protocol) if isinstance(protocol, ClipProtocol) else _dataset_notes(protocol)
    entries = {score.entry.label: score.entry for score in report.scores if score.entry.weights_sha256}
    return [
        *protocol_notes,
        *(f"{name}: {EVALUATORS[name].about}." for name in dict.fromkeys(score.evaluator for score in report.scores)),
        f"Machine: {machine.device}; {machine.builds}.",
        *(
            f"{label}: weights {entry.weights_name}, SHA-256 {entry.weights_sha256}, {entry.precision}, "
            f"{entry.threads} thread{'s' if entry.threads > 1 else ''}."
            for label, entry in entries.items()
        ),
        *(
            [f"{report.lpips_name}: with AlexNet, SHA-256 of its weights {report.lpips_sha256}."]
            if report.lpips_name
            else []
        ),
    ]


def _clip_notes(protocol: ClipProtocol) -> list[str]:
    taken = "all" if protocol.frames is None else str(protocol.frames)
    width = f", at most {protocol.max_width} px wide" if protocol.max_width else ""
    return [
        f"Frames: {taken} after the first {protocol.skip}{width}; without the first and last pair of each clip.",
        _CUTS[protocol.cuts],
    ]


def _dataset_notes(protocol: DatasetProtocol) -> list[str]:
    published = f", of {protocol.cases_published} published" if protocol.cases_published else ""
    lines = [f"Data set: {protocol.layout}, {protocol.cases} cases of {protocol.cases_there} in the folder{published}."]
    if protocol.cases_published and protocol.cases != protocol.cases_published:
        lines.append("These are not all the published cases, so the numbers do not compare with published ones.")
    return lines
