"""How many frames a network makes at once: fixed by the plan, within a bound of memory."""

import pytest

from slomo_batch.interpolators.superslomo.compact import Compact
from slomo_batch.interpolators.superslomo.guided import Guided
from slomo_batch.interpolators.superslomo.matched import Matched
from slomo_batch.interpolators.superslomo.network import Network
from slomo_batch.interpolators.superslomo.paper import Paper
from slomo_batch.plan.batches import GPU_BATCH_PX, batch_px
from slomo_batch.plan.encoder_choice import EncoderChoice
from slomo_batch.plan.job_pin import JobPin, MethodPin, WeightsPin, resolve
from slomo_batch.records.plans import FIRST_BATCH_PX, Resolved
from slomo_batch.settings import Interpolate, Settings

NETWORKS: dict[str, type[Network]] = {
    "superslomo-guided": Guided,
    "superslomo-matched": Matched,
    "superslomo-compact": Compact,
    "superslomo-paper": Paper,
}
GIB = 1 << 30


def test_without_a_gpu_it_is_what_the_first_version_made() -> None:
    assert FIRST_BATCH_PX == 2_097_152
    assert {batch_px(name, for_gpu=False) for name in (*NETWORKS, "")} == {FIRST_BATCH_PX}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_batch_for_a_gpu_takes_a_few_gibibytes(name: str) -> None:
    assert GPU_BATCH_PX[name] >= FIRST_BATCH_PX
    assert 2.5 * GIB < GPU_BATCH_PX[name] * NETWORKS[name].bytes_per_px < 4.5 * GIB
    assert batch_px(name, for_gpu=True) == GPU_BATCH_PX[name]


def test_a_network_of_another_package_keeps_the_first_rule() -> None:
    assert batch_px("", for_gpu=True) == FIRST_BATCH_PX


def resolved(*, gpu_batches: bool) -> Resolved:
    settings = Settings(interpolate=Interpolate(method="superslomo", weights="compact-3"))
    weights = WeightsPin(name="compact-3", sha256="0" * 64, network="superslomo-guided")
    pin = JobPin(
        pixel_revision=1,
        precision="bf16",
        threads=1,
        nvenc_works=False,
        methods={"superslomo": MethodPin(weights={"compact-3": weights})},
        gpu_batches=gpu_batches,
    )
    choice = EncoderChoice(encoder="libx264", options=(), pixel_format="yuv420p", notes=())
    return resolve(settings, pin, choice, 1920, 1080, least_context=1)


def test_the_plan_pins_it_by_the_rule_of_the_job() -> None:
    assert resolved(gpu_batches=False).batch_px == FIRST_BATCH_PX
    assert resolved(gpu_batches=True).batch_px == GPU_BATCH_PX["superslomo-guided"]
