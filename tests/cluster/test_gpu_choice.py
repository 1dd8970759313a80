"""No job runs on CPUs by accident on a cluster that could start GPU machines."""

from fractions import Fraction

import pytest

from slomo_batch.cluster.gpu_choice import Offer, check_gpu_choice
from slomo_batch.errors import ManifestError
from slomo_batch.scheduler.machines import ClusterSettings
from slomo_batch.settings import Cluster

FROM_ZERO = Offer(num_gpus=0, head_has_cpus=False)
CPU_TYPE, GPU_TYPE = {"CPU": 8}, {"CPU": 8, "GPU": 1}


@pytest.mark.parametrize(
    "offer",
    [
        FROM_ZERO,
        Offer(num_gpus=0, head_has_cpus=False, types=(CPU_TYPE,)),
        Offer(num_gpus=0, head_has_cpus=True, types=(CPU_TYPE, GPU_TYPE)),
    ],
)
def test_a_cluster_that_starts_machines_on_demand_requires_the_choice(offer: Offer) -> None:
    with pytest.raises(ManifestError, match=r"gpus_per_worker is not set.*Set it to 1 .* or to 0"):
        check_gpu_choice(offer, gpus_per_worker=1, is_in_manifest=False)
    for chosen in (0, 0.5, 1):
        check_gpu_choice(offer, gpus_per_worker=chosen, is_in_manifest=True)


@pytest.mark.parametrize(
    "offer",
    [
        Offer(num_gpus=1, head_has_cpus=False, types=(GPU_TYPE,)),
        Offer(num_gpus=8, head_has_cpus=True),
        Offer(num_gpus=0, head_has_cpus=True),
        Offer(num_gpus=0, head_has_cpus=True, types=(CPU_TYPE,)),
    ],
)
def test_a_cluster_with_fixed_machines_requires_no_choice(offer: Offer) -> None:
    check_gpu_choice(offer, gpus_per_worker=1, is_in_manifest=False)


@pytest.mark.parametrize(
    ("section", "chooses", "insists"),
    [
        (Cluster(), False, False),
        (Cluster(gpus_per_worker=Fraction(0)), True, False),
        (Cluster(gpus_per_worker=Fraction(1)), True, True),
    ],
)
def test_the_choice_is_the_setting_in_the_manifest(section: Cluster, *, chooses: bool, insists: bool) -> None:
    cluster = ClusterSettings.of(section)
    assert (cluster.chooses_gpus, cluster.requires_gpus) == (chooses, insists)
