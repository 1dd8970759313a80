"""Make the source pictures of decoded ones as a recipe says: weave fields, deinterlace pictures, or take them as they
are."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from slomo_batch.media.deinterlace import deinterlaced
from slomo_batch.media.source_pictures import SourcePicture
from slomo_batch.picture import Picture
from slomo_batch.records.source_facts import FieldOrder, Scan
from slomo_batch.timeline.recipe import PictureAction, Recipe

TOP, BOTTOM = slice(0, None, 2), slice(1, None, 2)
"""Lines of the fields in each plane."""
_ORDERS: dict[PictureAction, FieldOrder] = {
    PictureAction.TFF_FIRST: "tff",
    PictureAction.TFF_SECOND: "tff",
    PictureAction.BFF_FIRST: "bff",
    PictureAction.BFF_SECOND: "bff",
}
_SECONDS = frozenset({PictureAction.TFF_SECOND, PictureAction.BFF_SECOND})


@dataclass(frozen=True, slots=True)
class _Step:
    """A decoded picture, and what is made of it."""

    source: SourcePicture
    before: Picture
    """The picture before it; the first picture itself if there is none."""
    actions: list[PictureAction]

    @property
    def order(self) -> FieldOrder | None:
        """The order of its fields if they are read together with those of its neighbors."""
        return _ORDERS.get(self.actions[0]) if self.actions else None


def frames_of_each(recipe: Recipe, decoded: Iterable[SourcePicture]) -> Iterator[tuple[SourcePicture, list[Picture]]]:
    """Each decoded picture, with the source pictures that are made of it, in order; none if it is left out.

    `decoded` are all pictures of the video. Successive pictures whose fields become frames are filtered like a video of
    their own.
    """
    for order, steps in groupby(_steps(recipe, decoded), key=lambda step: step.order):
        if order is None:
            yield from ((step.source, [_made(action, step) for action in step.actions]) for step in steps)
        else:
            yield from _fields_of(steps, Scan(field_order=order, frames_per_picture=2))


def _steps(recipe: Recipe, decoded: Iterable[SourcePicture]) -> Iterator[_Step]:
    firsts = np.searchsorted(recipe.pictures, np.arange(int(recipe.pictures.max(initial=-1)) + 2)).tolist()
    before: Picture | None = None
    for source in decoded:
        here = slice(*firsts[source.number : source.number + 2]) if source.number + 1 < len(firsts) else slice(0)
        actions = [PictureAction(number) for number in recipe.actions[here].tolist()]
        yield _Step(source, before or source.picture, actions)
        before = source.picture


def _made(action: PictureAction, step: _Step) -> Picture:
    match action:
        case PictureAction.TOP_BEFORE:
            return _with_lines_of(step.before, step.source.picture, TOP)
        case PictureAction.BOTTOM_BEFORE:
            return _with_lines_of(step.before, step.source.picture, BOTTOM)
        case PictureAction.TOP_ALONE:
            return _alone(step.source.picture, "tff")
        case PictureAction.BOTTOM_ALONE:
            return _alone(step.source.picture, "bff")
        case _:
            return step.source.picture


def _with_lines_of(other: Picture, picture: Picture, lines: slice) -> Picture:
    planes = tuple(plane.copy() for plane in picture.planes)
    for plane, source in zip(planes, other.planes, strict=True):
        plane[lines] = source[lines]
    return Picture(format=picture.format, planes=planes)


def _alone(picture: Picture, order: FieldOrder) -> Picture:
    """A frame made of the first field alone."""
    return next(deinterlaced([picture], Scan(field_order=order, frames_per_picture=2)))


def _fields_of(steps: Iterator[_Step], scan: Scan) -> Iterator[tuple[SourcePicture, list[Picture]]]:
    waiting: deque[_Step] = deque()

    def pictures() -> Iterator[Picture]:
        for step in steps:
            waiting.append(step)
            yield step.source.picture

    frames = deinterlaced(pictures(), scan)
    for one, other in zip(frames, frames, strict=True):
        step = waiting.popleft()
        yield step.source, _wanted(step, one, other)


def _wanted(step: _Step, first: Picture, second: Picture) -> list[Picture]:
    return [second if action in _SECONDS else first for action in step.actions]
