"""What becomes of audio and subtitles, by codec and container: the table of docs/tracks.md.

`python -m tests.plan.tracks_page` writes it. Other tests show that finished files have what it says.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from slomo_batch.plan.containers import CONTAINERS, Container
from slomo_batch.plan.subtitles import PICTURE_CODECS, subtitle_codec

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
_TABLE = re.compile(r"(<!-- tracks -->\n).*?(<!-- end -->)", re.DOTALL)


def table() -> str:
    """The table, in Markdown."""
    suffixes = " | ".join(f"`{suffix}`" for suffix in CONTAINERS)
    rows = "".join(f"| {row} |\n" for row in _rows())
    return f"|  | {suffixes} |\n|{' --- |' * (1 + len(CONTAINERS))}\n{rows}"


def _rows() -> Iterator[str]:
    for codec in AUDIO:
        yield _row(f"audio, {codec}, at slowdown 1", [_audio(codec, one) for one in CONTAINERS.values()])
    lossy = [one.lossy_audio.title for one in CONTAINERS.values()]
    lossless = [one.lossless_audio.title for one in CONTAINERS.values()]
    yield _row("other audio, and all audio at other slowdowns", [f"converted to {title}" for title in lossy])
    yield _row("the same from a lossless source", [f"converted to {title}" for title in lossless])
    for codec in (*TEXT, *sorted(PICTURE_CODECS)):
        yield _row(f"subtitles, {codec}", [_subtitles(codec, one) for one in CONTAINERS.values()])
    yield _row(
        "closed captions in the pictures, CEA-608",
        [f"converted to {one.text_subtitles}" for one in CONTAINERS.values()],
    )
    yield _row("the same, CEA-708", ["dropped, named" for _ in CONTAINERS])


def _row(what: str, cells: list[str]) -> str:
    return " | ".join((what, *cells))


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


def with_table(page: str) -> str:
    """The page with the table as it is now."""
    return _TABLE.sub(lambda match: match[1] + table() + match[2], page)


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text()))
