"""What becomes of audio and subtitles, by codec and container: the table of docs/tracks.md.

`python -m tests.plan.tracks_page` writes it. Other tests show that finished files have what it says.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from slomo_batch.plan.containers import CONTAINERS, Container
from slomo_batch.plan.subtitles import PICTURE_CODECS, subtitle_codec
from tests.page_tables import markdown_rows, with_table

PAGE = Path(__file__).parents[2] / "docs" / "tracks.md"
AUDIO = (
    "aac",
    "mp3",
    "mp2",
    "ac3",
    "eac3",
    "dts",
    "truehd",
    "opus",
    "vorbis",
    "flac",
    "alac",
    "pcm_s16le",
    "pcm_s24le",
)
TEXT = ("subrip", "ass", "webvtt", "mov_text")


def with_tracks(page: str) -> str:
    """The page with the table as it is now."""
    head = ["", *(f"`{suffix}`" for suffix in CONTAINERS)]
    return with_table(page, "tracks", markdown_rows([head, ["---"] * len(head), *_rows()]))


def _rows() -> Iterator[Sequence[str]]:
    for codec in AUDIO:
        yield [f"audio, {codec}, at slowdown 1", *(_audio(codec, one) for one in CONTAINERS.values())]
    lossy = [one.lossy_audio.title for one in CONTAINERS.values()]
    lossless = [one.lossless_audio.title for one in CONTAINERS.values()]
    yield ["other audio, and all audio at other slowdowns", *(f"converted to {title}" for title in lossy)]
    yield ["the same from a lossless source", *(f"converted to {title}" for title in lossless)]
    for codec in (*TEXT, *sorted(PICTURE_CODECS)):
        yield [f"subtitles, {codec}", *(_subtitles(codec, one) for one in CONTAINERS.values())]
    yield [
        "closed captions in the pictures, CEA-608",
        *(f"converted to {one.text_subtitles}" for one in CONTAINERS.values()),
    ]
    yield ["the same, CEA-708", *("dropped, named" for _ in CONTAINERS)]


def _audio(codec: str, container: Container) -> str:
    if codec in container.copied_audio:
        return "kept"
    is_lossless = codec in {"flac", "alac", "truehd"} or codec.startswith("pcm_")
    return f"converted to {(container.lossless_audio if is_lossless else container.lossy_audio).title}"


def _subtitles(codec: str, container: Container) -> str:
    made = subtitle_codec(codec, container)
    if not made:
        return "dropped, named"
    return "kept" if made == codec else f"converted to {made}"


if __name__ == "__main__":
    PAGE.write_text(with_tracks(PAGE.read_text()))
