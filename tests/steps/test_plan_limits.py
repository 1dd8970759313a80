"""What `plan` refuses or warns of before any work: rates and sizes that cannot be written, very long outputs."""

from fractions import Fraction

import pytest

from slomo_batch.errors import SourceUnsupported
from slomo_batch.media.probe import probe
from slomo_batch.plan.job_pin import JobPin, MethodPin
from slomo_batch.plan.stored_plan import StoredPlan
from slomo_batch.records.requests import Source, VideoRequest
from slomo_batch.settings import Encode, FpsTarget, Interpolate, Retime, Settings
from slomo_batch.steps.open import plan_video
from slomo_batch.uri import Uri
from tests.clips.edits import lasting
from tests.clips.film import Film, made
from tests.media.sources import reader_of

PIN = JobPin(pixel_revision=1, precision="fp32", threads=1, nvenc_works=False, methods={"blend": MethodPin()})
SOURCE_RATE, TWICE = FpsTarget(kind="source", value=Fraction(1)), FpsTarget(kind="multiple", value=Fraction(2))
SIXTY = FpsTarget(kind="rate", value=Fraction(60))


def planned(film: Film, output: str, *, fps: FpsTarget = SOURCE_RATE, encode: Encode | None = None) -> StoredPlan:
    settings = Settings(
        interpolate=Interpolate(method="blend"),
        retime=Retime(slowdown=Fraction(2), fps=fps),
        encode=encode or Encode(),
    )
    source = Source(uri=Uri("/in.mp4"), size_bytes=1, fingerprint="1")
    request = VideoRequest(source=source, output_uri=Uri(f"/{output}"), exists="skip", settings=settings)
    return plan_video("id", request, PIN, probe(reader_of(made(film)), "/in.mp4"))


FAST = Film(rate=Fraction(1000))
ABSURD = Film(rate=Fraction(1_000_000), num_frames=15, suffix=".mov")


def test_a_rate_beyond_what_matroska_counts_is_refused_and_fits_elsewhere() -> None:
    assert planned(FAST, "out.mkv").plan.grid.rate == 1000
    with pytest.raises(SourceUnsupported, match=r"/in.mp4: .*at most 1,000 frames/s \(.mkv counts milliseconds\)"):
        planned(FAST, "out.mkv", fps=TWICE)
    assert planned(FAST, "out.mp4", fps=TWICE).plan.grid.rate == 2000


def test_a_rate_beyond_the_encoder_is_refused() -> None:
    with pytest.raises(SourceUnsupported, match="supports at most 240 frames/s"):
        planned(FAST, "out.mp4", encode=Encode(codec="av1"))


def test_an_absurd_rate_is_refused_and_a_rate_of_ones_own_helps() -> None:
    with pytest.raises(SourceUnsupported, match=r"at most 10,000 frames/s .*got 1,000,000 frames/s"):
        planned(ABSURD, "out.mp4")
    assert planned(ABSURD, "out.mp4", fps=SIXTY).plan.grid.num_frames == 1


def test_a_very_long_output_is_noted() -> None:
    film = Film(num_frames=5, edit=lasting(25 * 20))
    notes = planned(film, "out.mp4").notes
    assert "1,008 output frames from 5: more than 50 for each source frame" in notes
    assert not [note for note in planned(Film(), "out.mp4").notes if "more than" in note]
