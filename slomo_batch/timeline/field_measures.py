"""What a picture shows about its fields, compared with those of the picture before it."""

from typing import NamedTuple


class FieldMeasures(NamedTuple):
    """How combed weaves of two fields are at moving places, and how much each field has changed.

    Sums are over the examined samples, in 8-bit levels beyond a threshold. All are 0 in the first picture of a video.
    """

    own: int = 0
    """Combs of the picture itself."""
    top: int = 0
    """Combs of its top field, woven with the bottom field of the picture before."""
    bottom: int = 0
    """Combs of its bottom field, woven with the top field of the picture before."""
    own_peak: int = 0
    """Combed samples in the most combed block of the picture, of 16x16 examined samples."""
    top_peak: int = 0
    """The same of the weave of `top`."""
    bottom_peak: int = 0
    """The same of the weave of `bottom`."""
    top_change: int = 0
    """Change of the top field from that of the picture before."""
    bottom_change: int = 0
    """Change of the bottom field from that of the picture before."""
    num_samples: int = 0
    """Number of examined samples; 0 if nothing was measured."""
