"""`guided` as training sees it: the code of inference on batches, with gradients and what losses need.

Weights stay in fp32; convolutions run in the precision asked for, and gradients come back through it.
"""

import torch
from torch import Tensor

from slomo_batch.interpolators.superslomo.guided import Guided
from slomo_batch.training.losses import Made


def unrolled(network: Guided, i0: Tensor, i1: Tensor, prior: Tensor, t_B: Tensor, *, dtype: torch.dtype) -> Made:
    """The frames at t_B between the batches i0 and i1, [B, 3, H, W]; t is each sample's own."""
    with torch.autocast(i0.device.type, dtype=dtype, enabled=dtype != torch.float32):
        flows = network.flows(i0, i1, prior)
        frame, flows_t, visibility_t0 = network.synthesis(i0, i1, flows, t_B)
    return Made(frame=frame, flows=flows, flows_t=flows_t, visibility_t0=visibility_t0)
