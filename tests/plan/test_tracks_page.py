"""docs/tracks.md says what becomes of audio and subtitles."""

from tests.plan.tracks_page import PAGE, with_tracks


def test_the_page_has_the_table_of_the_containers() -> None:
    assert PAGE.read_text() == with_tracks(PAGE.read_text()), "run python -m tests.plan.tracks_page"
