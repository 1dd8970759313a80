"""The forward pass of matched in training equals that of inference, and its losses reach every weight."""

import pytest
import torch

from slomo_batch.interpolators.superslomo.matched import Matched
from slomo_batch.settings import Precision
from slomo_batch.training.config import TrainingConfig
from slomo_batch.training.guide import Guide
from slomo_batch.training.losses import LossWeights
from slomo_batch.training.matched_forward import matched_forward
from slomo_batch.training.model import TrainingModel
from slomo_batch.training.samples import SampleConfig, SampleDataset
from tests.interpolators.footage import texture, window_on
from tests.interpolators.test_matched import unsettled
from tests.training.test_samples import film, photographs


@pytest.mark.parametrize("keeps_edges", [False, True])
def test_it_answers_as_at_inference(keeps_edges: bool) -> None:
    scene = texture(90, 100)
    i0, i1 = (torch.stack([window_on(scene, x, y, 64, 64) for x in (20, 26)]) for y in (4, 8))
    t_B = torch.tensor([0.25, 0.6])
    model = unsettled(keeps_edges=keeps_edges)
    made = matched_forward(model, i0, i1, t_B, dtype=torch.float32)
    with torch.inference_mode():
        for number in range(2):
            one = slice(number, number + 1)
            flows = model.flows(i0[one], i1[one])
            frame = model.frames(i0[one], i1[one], flows, t_B[one])
            torch.testing.assert_close(made.frame[one].detach(), frame, rtol=0, atol=1e-4)


class Taught:
    """A teacher that knows no motion, and makes perfect frames."""

    def flows_t(
        self, i0_CHW: torch.Tensor, i1_CHW: torch.Tensor, frame_CHW: torch.Tensor, t: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        del i1_CHW, frame_CHW, t
        quarter = i0_CHW.shape[-1] // 4
        return torch.zeros(4, quarter, quarter), torch.zeros(1, quarter, quarter)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_losses_give_every_weight_a_gradient(precision: Precision) -> None:
    mix = SampleConfig(crop_px=64, film_share=0.5)
    losses = LossWeights(levels=1, flow_t=1, taught=1, guided=1, visibility=1)
    config = TrainingConfig(
        steps=1, network="matched", teacher="rife", guide="compact-3", precision=precision, samples=mix, losses=losses
    )
    assert list(config.problems()) == []
    drawn = SampleDataset(photographs(), film(), mix, seed=1, prior=None, teacher=Taught(), guide=Guide("compact-3"))
    chosen = [drawn[number] for number in range(6)]
    assert {float(sample["has_flow"]) for sample in chosen} == {0.0, 1.0}
    batch = torch.utils.data.default_collate(chosen)
    model = TrainingModel(unsettled(), config, None)
    output = model(batch, batch["has_flow"].sum(), 0)
    assert {"levels", "flow_t", "taught", "guided", "visibility"} <= output.terms.keys()
    assert all(torch.isfinite(term) for term in output.terms.values())
    output.loss.backward()
    without = [name for name, one in model.network.named_parameters() if one.grad is None or not one.grad.abs().max()]
    assert without == []


def test_a_fresh_network_begins_with_no_motion() -> None:
    i0 = texture(64, 64)[None]
    made = matched_forward(Matched(), i0, i0, torch.tensor([0.5]), dtype=torch.float32)
    torch.testing.assert_close(made.frame, i0, rtol=0, atol=0.01)
    assert len(made.levels) == 3
    assert [level.shape[-1] for level in made.levels] == [2, 4, 8]
