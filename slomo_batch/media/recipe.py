"""Follow the recipe of a surveyed video: make its source pictures of the decoded ones, in one pass."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from slomo_batch.errors import WorkDamaged
from slomo_batch.media.field_frames import frames_of_each
from slomo_batch.media.source_pictures import SourcePicture
from slomo_batch.timeline.recipe import Recipe
from slomo_batch.timeline.survey import Survey


def checked_pictures(pictures: Iterable[SourcePicture], survey: Survey, name: str) -> Iterator[SourcePicture]:
    """The decoded pictures of the source `name`, all of which must have the hashes that its survey has.

    Raises:
        WorkDamaged: a picture has another hash, or there are not as many pictures.
    """
    expected = iter(survey.hashes.tolist())
    number = -1
    for number, source in enumerate(pictures):
        got, wanted = source.picture.hash(), f"{next(expected, 0):016x}"
        if got != wanted:
            raise _difference(name, number, wanted, got)
        yield source
    if number + 1 != survey.num_pictures:
        raise _difference(name, number + 1, f"{survey.num_pictures} pictures", f"{number + 1}")


def _difference(name: str, number: int, expected: str, got: str) -> WorkDamaged:
    return WorkDamaged(
        "a picture was decoded differently than in the survey",
        where=f"{name}, picture {number}",
        expected=expected,
        got=got,
        remedy="The survey is made again; if that happens again, a machine has another decoder or defective memory.",
    )


def source_pictures(recipe: Recipe, decoded: Iterable[SourcePicture]) -> Iterator[SourcePicture]:
    """The source pictures of the recipe, made of the decoded ones, which are all of the video.

    The closed captions of a picture that is left out are added to those of the source picture before it.
    """
    number = 0
    made: SourcePicture | None = None
    for source, pictures in frames_of_each(recipe, decoded):
        if not pictures and made is not None:
            made = replace(made, captions=made.captions + source.captions)
        for place, picture in enumerate(pictures):
            if made is not None:
                yield made
            captions = b"" if place else source.captions
            made = replace(source, number=number, picture=picture, captions=captions)
            number += 1
    if made is not None:
        yield made
