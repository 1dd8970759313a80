"""How many pictures of a surveyed video are film, interlaced and progressive, and what becomes of them."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanCounts:
    """What a survey found of the scan of a video, and what becomes of it."""

    progressive: int
    """Pictures that are kept as they are, outside of film."""
    interlaced: int
    """Pictures that are deinterlaced, outside of film."""
    film: int
    """Pictures of the runs of film."""
    film_frames: int
    """Frames that these become."""
    runs: int
    """Number of these runs."""
    repeated_fields: int
    """Fields of film that are left out because they repeat another."""
    single_fields: int
    """Frames of film that are made of one field, the only one there is."""
    combed: int
    """Other frames that are made of one of their fields, because they would be combed."""
    dropped: int
    """Single fields at the start and the end of the video that are left out."""
    film_rate: Fraction
    """Frames per second of the longest run of film; 0 if there is none."""
