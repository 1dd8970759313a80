"""Open Super SloMo from a spec. Nothing is autotuned: the same spec on the same device gives the same bits."""

from pathlib import Path

import torch

from slomo_batch.interpolators.device import device_kind
from slomo_batch.interpolators.method import InterpolatorSpec
from slomo_batch.interpolators.superslomo.inference import SuperSlomo
from slomo_batch.interpolators.superslomo.weights import load


def open_superslomo(spec: InterpolatorSpec) -> SuperSlomo:
    """Open the network that the spec's weights are for.

    Raises:
        WeightsError: the weights file cannot be used.
        ValueError: flow_scale is not 1 / n.
    """
    _set_deterministic_numerics()
    network = load(Path(spec.weights_path)).build_network(pyramid_levels=spec.pyramid_levels)
    device = torch.device(device_kind() if spec.device == "auto" else spec.device)
    return SuperSlomo(
        network,
        device=device,
        precision=spec.precision,
        flow_scale=spec.flow_scale,
        threads=spec.threads,
        batch_px=spec.batch_px,
        tile_px=spec.tile_px,
    )


def _set_deterministic_numerics() -> None:
    """Disable cuDNN's autotuning, and TF32, to which cuDNN would otherwise round fp32."""
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.allow_tf32 = False
