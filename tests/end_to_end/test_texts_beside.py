"""Subtitles, closed captions and chapters of a range and of a ramp, in the finished file."""

import shutil
import subprocess
from bisect import bisect_left
from fractions import Fraction
from pathlib import Path

import av
import pytest

from slomo_batch.cli.main import main
from tests.clips.captions import FPS, SENT, film
from tests.media.picture_subtitles import with_pictures

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


def convert(source: Path, output: Path, *more: str) -> Path:
    assert main(["convert", str(source), str(output), "--method", "blend", *more]) == 0
    return output


def shown(path: Path) -> list[tuple[int, int, bytes]]:
    """Start, end and text of each packet of the subtitle track, in milliseconds."""
    with av.open(str(path)) as container:
        return [
            (packet.pts or 0, (packet.pts or 0) + (packet.duration or 0), bytes(packet))
            for packet in container.demux(subtitles=0)
            if packet.size
        ]


@pytest.mark.parametrize("chunks", ["chunks.pairs=3", "chunks.pairs=100"])
def test_a_caption_that_is_shown_when_a_range_begins_is_kept(
    chunks: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "source.ts"
    source.write_bytes(film(SENT))
    out = convert(source, tmp_path / "out.mkv", "--slowdown", "2", "--start", "0.8", "--set", chunks)
    ((start, end, text),) = shown(out)
    assert (start, end) == (0, (30 - 20) * 2 * 1000 // FPS)
    assert b"HI" in text
    assert "may be missing" not in capsys.readouterr().out


def test_a_caption_that_is_sent_before_a_range_is_shown_in_it(tmp_path: Path) -> None:
    source = tmp_path / "source.ts"
    source.write_bytes(film(SENT))
    out = convert(source, tmp_path / "out.mkv", "--slowdown", "2", "--start", "0.32")
    assert [(start, end) for start, end, _ in shown(out)] == [(160, (30 - 8) * 2 * 1000 // FPS)]


def test_a_picture_that_is_shown_when_a_range_begins_is_kept(tmp_path: Path) -> None:
    source = with_pictures(tmp_path / "source.mkv", "dvd_subtitle", at_s=(0.2,), duration_ms=0)
    out = convert(source, tmp_path / "out.mkv", "--slowdown", "2", "--start", "0.4")
    assert [start for start, _, _ in shown(out)] == [0]


# ---- a ramp --------------------------------------------------------------------------------------------------------

RAMP = "0 1, 1.2 2"
TEXTS_S = [(Fraction(first), Fraction(last)) for first, last in (("0.2", "0.6"), ("0.73", "1.31"), ("1.4", "1.9"))]
CHAPTERS_S = [Fraction(0), Fraction(77, 100), Fraction(15, 10)]


def source_s(output_s: Fraction) -> Fraction:
    """Source second of an output second: the speed falls from 1 to 1/2 within 1.2 s of the source, which last
    1.2 / 0.75 s, and stays there."""
    length_s = Fraction(16, 10)
    if output_s < length_s:
        u = output_s / length_s
        return length_s * (u - u * u / 4)
    return Fraction(12, 10) + (output_s - length_s) / 2


def first_tick(time_s: Fraction, tick_s: Fraction) -> int:
    """The first tick of the output at which this second of the source has been reached."""
    return bisect_left(range(round(4 / tick_s)), time_s, key=lambda tick: source_s(tick * tick_s))


def first_ms(time_s: Fraction) -> int:
    """The same in milliseconds."""
    return first_tick(time_s, Fraction(1, 1000))


def text_source(folder: Path) -> Path:
    """A film of two seconds with texts and chapters, at 25 frames/s."""
    texts = (
        f"{number}\n00:00:{float(start):06.3f} --> 00:00:{float(end):06.3f}\ntext {number}\n".replace(".", ",")
        for number, (start, end) in enumerate(TEXTS_S, 1)
    )
    (folder / "text.srt").write_text("\n".join(texts))
    ends = [*CHAPTERS_S[1:], Fraction(2)]
    chapters = (
        f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={start * 1000}\nEND={end * 1000}\ntitle=c\n"
        for start, end in zip(CHAPTERS_S, ends, strict=True)
    )
    (folder / "chapters.txt").write_text(f";FFMETADATA1\n{''.join(chapters)}")
    source = folder / "source.mkv"
    inputs = ["-f", "lavfi", "-i", "testsrc=size=32x32:rate=25:duration=2"]
    inputs += ["-i", str(folder / "text.srt"), "-i", str(folder / "chapters.txt")]
    coded = ["-map", "0", "-map", "1", "-map_metadata", "2", "-c:v", "mpeg4", "-c:s", "subrip"]
    subprocess.run(["ffmpeg", "-v", "error", *inputs, *coded, str(source)], check=True)
    return source


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_texts_and_chapters_of_a_ramp_begin_at_the_first_tick_that_reaches_them(suffix: str, tmp_path: Path) -> None:
    out = convert(text_source(tmp_path), tmp_path / f"out{suffix}", "--set", f"retime.ramp={RAMP}")
    found = [(start, end) for start, end, text in shown(out) if b"text" in text]
    assert found == [(first_ms(start), first_ms(end)) for start, end in TEXTS_S]
    with av.open(str(out)) as container:
        starts = [chapter["start"] * (chapter["time_base"] or 0) for chapter in container.chapters()]
    tick_s = Fraction(1, 10_000 if suffix == ".mp4" else 1_000_000)
    assert starts == [first_tick(time_s, tick_s) * tick_s for time_s in CHAPTERS_S]


def test_captions_of_a_ramp_begin_at_the_first_tick_that_reaches_them(tmp_path: Path) -> None:
    source = tmp_path / "source.ts"
    source.write_bytes(film(SENT))
    out = convert(source, tmp_path / "out.mkv", "--set", f"retime.ramp={RAMP}")
    ((start, end, _),) = shown(out)
    assert (start, end) == (first_ms(Fraction(10, FPS)), first_ms(Fraction(30, FPS)))
