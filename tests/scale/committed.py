"""What a simulated job has committed, over all its runs."""

from collections import defaultdict
from dataclasses import dataclass, field


@dataclass(slots=True)
class Committed:
    """What earlier runs and this one have committed; no chunk is lost again."""

    chunks: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    """By video, chunks of its latest lane."""
    audio: set[int] = field(default_factory=set)
    published: set[int] = field(default_factory=set)
