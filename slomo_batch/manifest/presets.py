"""Presets: settings for a purpose, by name (`convert --for web`). The options of single settings override them."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """Settings by dotted path."""

    doc: str
    """What it is for, in words."""
    settings: Mapping[str, str]
    codecs: Mapping[str, str] = field(default_factory=dict)
    """Lossless or nearly lossless codecs, by suffix of the output. They need no other setting of encoding."""

    def settings_for(self, suffix: str, *, codec_is_given: bool) -> dict[str, str]:
        """Return the settings for an output with this suffix.

        Quality means something else in each codec. It is left out if the codec is given by another option.
        """
        if not codec_is_given and suffix in self.codecs:
            return {"encode.codec": self.codecs[suffix]}
        left_out = {"encode.quality"} if codec_is_given else set()
        return {path: value for path, value in self.settings.items() if path not in left_out}


PRESETS: Mapping[str, Preset] = {
    "draft": Preset(
        doc="see quickly what a video will be like: classical flow, a fast encoder, a small file",
        settings={"interpolate.method": "flow", "encode.preset": "ultrafast", "encode.quality": "28"},
    ),
    "web": Preset(
        doc="share it: a smaller file that takes longer to encode",
        settings={"encode.preset": "slow", "encode.quality": "23"},
    ),
    "master": Preset(
        doc="edit or archive it: ProRes 422 HQ in .mov, lossless FFV1 in .mkv, and very high quality in .mp4 and .webm",
        settings={"encode.preset": "slow", "encode.quality": "10"},
        codecs={".mov": "prores", ".mkv": "ffv1"},
    ),
}
