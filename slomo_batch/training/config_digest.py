"""The digest of a training config: its id in checkpoints and weights files.

The digest input is a frozen list of fields. Renaming or moving a class, or adding a field, therefore does not change an
id, and checkpoints of earlier versions can be resumed. Never change, reorder or remove an entry. Include a later field
only if its value differs from the neutral one, which means what earlier versions did.
"""

from collections.abc import Mapping

from slomo_batch.interpolators.superslomo.prior import FIRST
from slomo_batch.serialization import digest, to_json

DIGEST_FIELDS: Mapping[str, tuple[str, ...]] = {
    "": (
        "network", "shape", "start", "seed", "steps", "batch", "zero_last_layers", "learning_rate", "warm_up_steps",
        "falls", "last_share", "weight_decay", "max_gradient_norm", "ema_decay", "precision", "sources", "samples",
        "losses",
    ),
    ".shape": ("channels", "first_kernel"),
    ".sources": ("prepared", "videos", "validation", "longest_px"),
    ".sources.videos": ("uri", "without", "table", "names"),
    ".sources.validation": ("uri", "without", "table", "names"),
    ".samples": ("crop_px", "film_share", "spans", "span_shares", "scenes", "degrade"),
    ".samples.scenes": (
        "max_motion_px", "max_cut_outs", "still_share", "small_share", "medium_share", "affine_share",
    ),
    ".samples.degrade": ("noise_share", "max_noise", "compression_share", "min_quality"),
    ".losses": (
        "penalty", "pixel_range", "reconstruction", "decibels", "laplacian", "census", "perceptual", "vgg16", "flow",
        "flow_at_end", "warping", "smoothness",
    ),
    ".prior": (
        "kind", "finest_scale", "patch_stride", "descent_iterations", "refinement_iterations", "median_px",
    ),
}  # fmt: skip
"""The fields of each record of a config, by its path in the config, in the order of the digest input."""

LATER_FIELDS: Mapping[str, Mapping[str, object]] = {
    "": {"prior": FIRST, "teacher": "", "guide": "", "num_scales": 1, "keeps_edges": False},
    ".sources": {"stride": 1},
    ".samples": {"stored": 0, "margin_px": 32},
    ".losses": dict.fromkeys(("levels", "flow_t", "taught", "guided", "visibility", "style"), 0.0),
    ".samples.scenes": dict.fromkeys(
        (
            "thin_share", "pattern_share", "enlarged_share", "overlay_share", "accelerated_share", "blur_share",
            "light_share",
        ),
        0.0,
    ),
}  # fmt: skip
"""The later fields of each record, with their neutral values."""


def known_fields(path: str) -> tuple[str, ...]:
    """Return the names of all fields of the record at this path."""
    return (*DIGEST_FIELDS[path], *LATER_FIELDS.get(path, ()))


def config_digest(config: object) -> str:
    """Return 32 hex digits that identify the config."""
    return digest(to_json(digest_input(config)))


def digest_input(value: object, path: str = "") -> object:
    """Return the digest input of the record at this path, as nested dicts."""
    if isinstance(value, tuple):
        return [digest_input(item, path) for item in value]
    if path not in DIGEST_FIELDS:
        return value
    later = [name for name, neutral in LATER_FIELDS.get(path, {}).items() if getattr(value, name) != neutral]
    return {name: digest_input(getattr(value, name), f"{path}.{name}") for name in (*DIGEST_FIELDS[path], *later)}
