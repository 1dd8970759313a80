"""The forward pass of `guided` for training: that of inference, on batches, with the intermediate results for losses.

Weights stay in fp32; convolutions and their gradients are computed in the configured precision (autocast).
"""

import torch
from torch import Tensor

from slomo_batch.interpolators.superslomo.guided import Guided
from slomo_batch.training.losses import Prediction


def guided_forward(
    network: Guided, i0: Tensor, i1: Tensor, prior: Tensor, t_B: Tensor, *, dtype: torch.dtype
) -> Prediction:
    """Predict the frames at t_B between i0 and i1, [B, 3, H, W], with one t per sample."""
    with torch.autocast(i0.device.type, dtype=dtype, enabled=dtype != torch.float32):
        flows = network.flows(i0, i1, prior)
        frame, flows_t, visibility_t0 = network.synthesis(i0, i1, flows, t_B)
    return Prediction(frame=frame, flows=flows, flows_t=flows_t, visibility_t0=visibility_t0)
