"""The forward pass of `matched` for training: that of inference, on batches, with the intermediate results for losses.

Weights stay in fp32; convolutions and their gradients are computed in the configured precision (autocast).
"""

import torch
from torch import Tensor

from slomo_batch.interpolators.superslomo.matched import Matched
from slomo_batch.training.losses import Prediction


def matched_forward(network: Matched, i0: Tensor, i1: Tensor, t_B: Tensor, *, dtype: torch.dtype) -> Prediction:
    """Predict the frames at t_B between i0 and i1, [B, 3, H, W], with one t per sample."""
    with torch.autocast(i0.device.type, dtype=dtype, enabled=dtype != torch.float32):
        h0, h1 = network.frame_inputs(i0, i1)
        *levels, flows = network.flows_by_level(h0, h1)
        warped, flows_t = network.refined(i0, i1, network.polished(h0, h1, flows), t_B, h0, h1)
        visibility_t0 = warped.visibility_t0
        frame = network.blended(warped, t_B)
    return Prediction(frame=frame, flows=flows, flows_t=flows_t, visibility_t0=visibility_t0, levels=tuple(levels))
