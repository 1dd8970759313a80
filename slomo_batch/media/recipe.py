"""Follow the recipe of a surveyed video: make its source pictures of the decoded ones, in one pass."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from slomo_batch.errors import WorkDamaged
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
    places = iter(enumerate(recipe.pictures.tolist()))
    upcoming = next(places, None)
    made: SourcePicture | None = None
    for picture in decoded:
        if upcoming is not None and upcoming[1] == picture.number:
            if made is not None:
                yield made
            made = replace(picture, number=upcoming[0])
            upcoming = next(places, None)
        elif made is not None and picture.captions:
            made = replace(made, captions=made.captions + picture.captions)
    if made is not None:
        yield made
