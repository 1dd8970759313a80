"""What becomes of everything beside the pictures, by container: the matrix of docs/carriage.md.

`python -m tests.end_to_end.carriage_matrix` writes it into the page. Whole jobs run on tiny films; Debian's ffprobe,
whose libraries are older than those of the PyAV wheel, says what the outputs have.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from slomo_batch.plan.containers import CONTAINERS
from slomo_batch.side_data import Cropping, Projection, SideData
from tests.clips.catalogue import clip
from tests.clips.film import Film, made
from tests.clips.stated import (
    CAMERA_TAGS,
    LIGHT,
    MASTERING,
    camera_file,
    disc_file,
    hdr10_plus,
    in_dolby_vision,
    stated,
    turned_file,
)
from tests.end_to_end.running import Job
from tests.page_tables import markdown_rows, with_table

PAGE = Path(__file__).parents[2] / "docs" / "carriage.md"

# ---- sources -------------------------------------------------------------------------------------------------------

EVERYTHING = SideData(
    mastering=MASTERING,
    content_light=LIGHT,
    projection=Projection(kind="equirectangular", yaw=90 << 16, pitch=0, roll=0),
    stereo="side by side",
    cropping=Cropping(left=4, top=2, right=8, bottom=0),
)
_PQ = Film(
    codec="libx265",
    pix_fmt="yuv420p10le",
    num_frames=4,
    size=(64, 64),
    options={"x265-params": "log-level=none:transfer=smpte2084:colorprim=bt2020:colormatrix=bt2020nc"},
)
_SDR = Film(num_frames=6)
_WIDE = replace(_SDR, options={"x264-params": "sar=4/3:threads=1"})


SOURCES: Mapping[str, tuple[str, Callable[[], bytes]]] = {
    "hdr10": (".mp4", lambda: stated(_PQ, EVERYTHING)),
    "hlg": (".mp4", lambda: clip("hdr_hlg").data),
    "plus": (".ts", lambda: made(replace(_PQ, suffix=".ts", edit=hdr10_plus))),
    "dv8": (".mp4", lambda: in_dolby_vision(_PQ, ".mp4", 8, 1)),
    "dv5": (".mp4", lambda: in_dolby_vision(_PQ, ".mp4", 5, 0)),
    "camera": (".mov", lambda: camera_file(_WIDE)),
    "selfie": (".mp4", lambda: turned_file(_SDR, 90, is_mirrored=True)),
    "disc": (".mkv", lambda: disc_file(_SDR)),
}
"""By name: the suffix, and what makes the file."""

# ---- what ffprobe must find ----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Output:
    """A finished output as ffprobe reads it."""

    path: Path
    notes: tuple[str, ...]
    found: dict[str, Any]

    @property
    def video(self) -> dict[str, Any]:
        """The main video stream."""
        video: dict[str, Any] = self.found["streams"][0]
        return video

    def side(self, kind: str) -> dict[str, Any]:
        """The side data of this type; empty if there is none."""
        sides = self.video.get("side_data_list", [])
        return next((side for side in sides if side["side_data_type"] == kind), {})

    @property
    def tags(self) -> dict[str, str]:
        """The tags of the file, by their names in lower case."""
        return {name.lower(): value for name, value in self.found["format"].get("tags", {}).items()}

    @property
    def video_tags(self) -> dict[str, str]:
        """The tags of the video stream, likewise."""
        return {name.lower(): value for name, value in self.video.get("tags", {}).items()}


def _color(transfer: str) -> Callable[[Output], bool]:
    def is_kept(output: Output) -> bool:
        video = output.video
        return (video["color_transfer"], video["pix_fmt"][-5:]) == (transfer, "p10le") and (
            video["codec_name"] in {"hevc", "av1"} and video["codec_tag_string"] in {"hvc1", "[0][0][0][0]"}
        )

    return is_kept


def _levels(output: Output) -> bool:
    light, display = output.side("Content light level metadata"), output.side("Mastering display metadata")
    return (light.get("max_content"), light.get("max_average")) == (1000, 400) and Fraction(
        display.get("green_y", "0/1")
    ) == Fraction(69, 100)


def _projection(output: Output) -> bool:
    found = output.side("Spherical Mapping")
    return (found.get("projection"), found.get("yaw")) == ("equirectangular", 90)


def _cropping(output: Output) -> bool:
    """Ffprobe 5.1 does not show it: the bytes of the clean aperture, or of Matroska's PixelCropLeft and -Right."""
    data = output.path.read_bytes()
    return b"clap" in data or (b"\x54\xcc\x81\x04" in data and b"\x54\xdd\x81\x08" in data)


def _rotation(output: Output) -> bool:
    return output.side("Display Matrix").get("rotation") == 90


def _chapters(output: Output) -> bool:
    chapters = [(one["start_time"], one["tags"]["title"]) for one in output.found["chapters"]]
    return chapters == [("0.000000", "One"), ("0.240000", "Two")]


def _cover(output: Output) -> bool:
    return any(stream["disposition"]["attached_pic"] for stream in output.found["streams"])


def _mirroring(output: Output) -> bool:
    """The display matrix of a quarter turn and a flip: x and y change places."""
    matrix = output.side("Display Matrix").get("displaymatrix", "")
    return re.findall(r"-?\d+", re.sub(r"\d{8}:", "", matrix))[:5] == ["0", "-65536", "0", "-65536", "0"]


def _font(output: Output) -> bool:
    named = [stream.get("tags", {}).get("filename") for stream in output.found["streams"]]
    return "letters.ttf" in named


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A row of the matrix."""

    name: str
    source: str
    """A key of SOURCES."""
    is_kept: Callable[[Output], bool]
    word: str = ""
    """What a note says if it is not kept."""


KINDS = (
    Kind(name="PQ, at 10 bits", source="hdr10", is_kept=_color("smpte2084")),
    Kind(name="HLG, at 10 bits", source="hlg", is_kept=_color("arib-std-b67")),
    Kind(name="mastering display, content light level", source="hdr10", is_kept=_levels),
    Kind(name="HDR10+ dynamic metadata", source="plus", is_kept=lambda _: False, word="HDR10+"),
    Kind(name="Dolby Vision layer over HDR10 (profile 8)", source="dv8", is_kept=lambda _: False, word="Dolby Vision"),
    Kind(name="Dolby Vision profile 5", source="dv5", is_kept=lambda _: False, word="Dolby Vision profile 5"),
    Kind(name="360-degree projection", source="hdr10", is_kept=_projection, word="360-degree"),
    Kind(
        name="stereo layout",
        source="hdr10",
        is_kept=lambda output: output.side("Stereo 3D").get("type") == "side by side",
        word="stereo layout",
    ),
    Kind(name="cropping", source="hdr10", is_kept=_cropping, word="cropping"),
    Kind(name="rotation", source="camera", is_kept=_rotation, word="rotation"),
    Kind(name="mirroring", source="selfie", is_kept=_mirroring, word="mirror"),
    Kind(
        name="sample aspect ratio",
        source="camera",
        is_kept=lambda output: output.video.get("sample_aspect_ratio") == "4:3",
        word="sample aspect ratio",
    ),
    Kind(
        name="tags: title, creation time, place, camera",
        source="camera",
        is_kept=lambda output: all(output.tags.get(name.lower()) == value for name, value in CAMERA_TAGS.items()),
        word="the tag",
    ),
    Kind(
        name="the same beside a cover",
        source="disc",
        is_kept=lambda output: output.tags.get("director") == "B. Person" and output.tags["title"] == "Feature",
        word="the tag DIRECTOR;",
    ),
    Kind(
        name="title of the video stream",
        source="disc",
        is_kept=lambda output: "Main film" in {output.video_tags.get("title"), output.video_tags.get("handler_name")},
    ),
    Kind(
        name="other tags of the video stream",
        source="disc",
        is_kept=lambda output: output.video_tags.get("scanned_by") == "C. Person",
        word="SCANNED_BY",
    ),
    Kind(
        name="start timecode",
        source="camera",
        is_kept=lambda output: output.video_tags.get("timecode") == "10:20:30:05",
        word="timecode",
    ),
    Kind(name="chapters, retimed", source="disc", is_kept=_chapters, word="chapters not kept"),
    Kind(name="cover picture", source="disc", is_kept=_cover, word="cover not kept"),
    Kind(name="attachment (font)", source="disc", is_kept=_font, word="attachment not kept"),
)

# ---- the matrix ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of the sources in one container."""

    outputs: Mapping[str, Output]
    """By source."""
    failures: str
    """The reasons of those that failed."""

    def of(self, kind: Kind) -> str:
        """The cell of a kind: kept, named as dropped, refused by name, or LOST."""
        if kind.source not in self.outputs:
            return "refused" if kind.word in self.failures else "LOST"
        output = self.outputs[kind.source]
        if kind.is_kept(output):
            return "kept"
        return "dropped, named" if kind.word and kind.word in " ".join(output.notes) else "LOST"


@cache
def sources() -> dict[str, bytes]:
    """The sources, made once."""
    return {f"{name}{suffix}": make() for name, (suffix, make) in SOURCES.items()}


def outcome(folder: Path, suffix: str) -> Outcome:
    """Convert all sources to files with this suffix."""
    for name, data in sources().items():
        (folder / name).write_bytes(data)
    job = Job(folder).write(
        [str(folder / name) for name in sources()],
        output={"uri": f"{folder}/out/{{stem}}{suffix}"},
        interpolate={"method": "duplicate"},
        retime={"slowdown": 2},
        encode={"preset": "ultrafast"},
    )
    run = job.run()
    receipts = job.receipts()
    outputs = {stem: _output(folder / "out" / f"{stem}{suffix}", receipts[stem].notes) for stem in receipts}
    return Outcome(outputs=outputs, failures=run.stdout + run.stderr)


def _output(path: Path, notes: tuple[str, ...]) -> Output:
    what = ("-show_format", "-show_streams", "-show_chapters")
    command = ["ffprobe", "-v", "error", *what, "-of", "json", str(path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return Output(path=path, notes=notes, found=json.loads(answer.stdout))


def documented(matrix: str, suffix: str) -> dict[str, str]:
    """The column of a container in a matrix of the page, by the name of the row."""
    table = PAGE.read_text().partition(f"<!-- {matrix} -->")[2].partition("<!-- end -->")[0]
    rows = [row.split(" | ") for row in re.findall(r"^\| (.*) \|$", table, re.MULTILINE)]
    column = rows[0].index(f"`{suffix}`")
    return {row[0]: row[column] for row in rows[2:]}


def with_matrix(page: str, outcomes: Mapping[str, Outcome]) -> str:
    """Return the page with its table as the outcomes, by suffix, have it."""
    head = ["", *(f"`{suffix}`" for suffix in outcomes)]
    rows = [head, ["---"] * len(head)]
    rows += [[kind.name, *(found.of(kind) for found in outcomes.values())] for kind in KINDS]
    return with_table(page, "matrix", markdown_rows(rows))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        made_here = {suffix: Path(name) / suffix[1:] for suffix in CONTAINERS}
        for one in made_here.values():
            one.mkdir()
        every = {suffix: outcome(one, suffix) for suffix, one in made_here.items()}
        PAGE.write_text(with_matrix(PAGE.read_text(), every))
    sys.exit("LOST" in PAGE.read_text())
