"""The forward pass of the paper's network for training: the results of inference, on batches, with gradients.

Weights stay in fp32; convolutions run in the configured precision (autocast). Gradients also flow through the warped
input pictures of the second net, as in the public code (train.py at avinashpaliwal/Super-SloMo 544802b).
"""

import torch
from torch import Tensor

from slomo_batch.interpolators.superslomo.paper import MEAN_RGB, Paper, paper_warp
from slomo_batch.interpolators.superslomo.warp import intermediate_flows
from slomo_batch.training.losses import Prediction


def paper_forward(network: Paper, i0: Tensor, i1: Tensor, t_B: Tensor, *, dtype: torch.dtype) -> Prediction:
    """Predict the frames at t_B between i0 and i1, [B, 3, H, W], with one t per sample.

    Flows are at full resolution, in its pixels; `flows_t` are those before the correction by the second net.
    """
    mean = i0.new_tensor(MEAN_RGB)[:, None, None]
    with torch.autocast(i0.device.type, dtype=dtype, enabled=dtype != torch.float32):
        flows = network.flows(i0, i1)
        i0, i1 = i0 - mean, i1 - mean
        flow_t0, flow_t1 = intermediate_flows(flows, t_B)
        seen = (i0, i1, flows, flow_t1, flow_t0, paper_warp(i1, flow_t1), paper_warp(i0, flow_t0))
        out = network.at(torch.cat(seen, dim=1))
    g0 = paper_warp(i0, flow_t0 + out[:, 0:2])
    g1 = paper_warp(i1, flow_t1 + out[:, 2:4])
    visibility_t0 = torch.sigmoid(out[:, 4:5])
    t_B111 = t_B[:, None, None, None]
    weight_0, weight_1 = (1 - t_B111) * visibility_t0, t_B111 * (1 - visibility_t0)
    frame = (weight_0 * g0 + weight_1 * g1) / (weight_0 + weight_1) + mean
    return Prediction(
        frame=frame,
        flows=flows,
        flows_t=torch.cat((flow_t0, flow_t1), dim=1),
        visibility_t0=visibility_t0,
        unit_px=1,
        warp=paper_warp,
    )
