"""cluster.yaml is one that `ray up` would take, as far as that can be known without AWS."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from slomo_batch.cli.main import main
from slomo_batch.cluster.cluster_file import cluster_problems

ROOT = Path(__file__).parents[1]
CONFIG: dict[str, Any] = yaml.safe_load((ROOT / "cluster.yaml").read_text())
TYPES: dict[str, Any] = CONFIG["available_node_types"]
WORKERS = {name: kind for name, kind in TYPES.items() if name != CONFIG["head_node_type"]}


def test_the_file_is_found_without_fault() -> None:
    assert cluster_problems(CONFIG, gpus_per_worker=1, cpus_per_worker=1) == []


def broken(path: str, value: object) -> dict[str, Any]:
    """The file with one thing changed; None takes it out."""
    config = copy.deepcopy(CONFIG)
    inside: Any = config
    *steps, last = path.split("/")
    for step in steps:
        inside = inside[int(step)] if isinstance(inside, list) else inside[step]
    if value is None:
        del inside[last]
    else:
        inside[int(last) if isinstance(inside, list) else last] = value
    return config


GPU = "available_node_types/gpu_spot_g6"


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (f"{GPU}/node_config/InstanceType", "g6.2xlrage", "g6.2xlrage"),
        (f"{GPU}/node_config/InstanceTyp", "g6.2xlarge", "InstanceTyp"),
        (f"{GPU}/node_config/InstanceMarketOptions", {"MarketType": "sp0t"}, "sp0t"),
        (f"{GPU}/node_config/BlockDeviceMappings/0/Ebs/VolumeType", "gp9", "gp9"),
        (f"{GPU}/max_worker", 3, "Ray refuses it"),
        (f"{GPU}/min_workers", 9, "min_workers is 9, more than max_workers, 8"),
        (f"{GPU}/max_workers", 99, "more than the cluster's, 20"),
        ("head_node_type", "heda", "head"),
        ("available_node_types/head/resources", {"CPU": 4}, "chunks would run on the head"),
        ("head_start_ray_commands", ["RAY_AUTH_MODE=token ray start --head"], "--num-cpus=0"),
        ("worker_start_ray_commands", ["ray start --address=$RAY_HEAD_IP:6379"], "RAY_AUTH_MODE=token"),
        ("provider/type", "awss", "Ray refuses it"),
        ("available_node_types/head/node_config/IamInstanceProfile", None, "full access to EC2 and S3"),
        ("worker_start_ray_commands/2", "true", "nothing watches for the end of gpu_spot_g6, gpu_spot_g5, cpu_spot"),
        ("available_node_types/gpu_on_demand/priority", 20, "machines at full price start first"),
        (f"{GPU}/priority", None, "gpu_on_demand: its priority is not below that of gpu_spot_g6, gpu_spot_g5"),
    ],
)
def test_a_slip_of_the_pen_is_told(path: str, value: object, told: str) -> None:
    faults = cluster_problems(broken(path, value), gpus_per_worker=1, cpus_per_worker=1)
    assert any(told in fault for fault in faults), faults


def test_a_worker_that_fits_no_machine_is_told() -> None:
    assert any("takes 4 GPU" in fault for fault in cluster_problems(CONFIG, gpus_per_worker=4, cpus_per_worker=1))
    assert any("takes 64 CPU" in fault for fault in cluster_problems(CONFIG, gpus_per_worker=0, cpus_per_worker=64))


@pytest.mark.parametrize("config", [None, [], "text", {}, {"cluster_name": "x"}])
def test_what_is_no_cluster_file_is_told_so(config: object) -> None:
    assert cluster_problems(config, gpus_per_worker=1, cpus_per_worker=1)


def test_the_command_says_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cluster", "check", str(ROOT / "cluster.yaml")]) == 0
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump(broken(f"{GPU}/node_config/InstanceType", "g6.huge")))
    assert main(["cluster", "check", str(tmp_path / "bad.yaml")]) == 2
    assert "g6.huge" in capsys.readouterr().err
    (tmp_path / "torn.yaml").write_text("a: [1,")
    assert main(["cluster", "check", str(tmp_path / "torn.yaml")]) == 2
    assert main(["cluster", "check", str(tmp_path / "none.yaml")]) == 2


def test_nothing_runs_on_the_head() -> None:
    assert TYPES[CONFIG["head_node_type"]]["resources"] == {"CPU": 0}
    assert any("--num-cpus=0 --num-gpus=0" in command for command in CONFIG["head_start_ray_commands"])


def test_workers_come_from_zero_and_stay_within_their_bounds() -> None:
    for name, kind in WORKERS.items():
        assert kind["min_workers"] == 0, name
        assert 0 < kind["max_workers"] <= CONFIG["max_workers"], name
        assert kind["resources"], name
    assert CONFIG["idle_timeout_minutes"] > 0


def test_gpus_are_had_as_spot_of_several_kinds_and_on_demand() -> None:
    gpus = [kind["node_config"] for kind in WORKERS.values() if kind["resources"].get("GPU")]
    spot = [config["InstanceType"] for config in gpus if "InstanceMarketOptions" in config]
    assert len(set(spot)) >= 2
    assert any("InstanceMarketOptions" not in config for config in gpus)
    assert any(not kind["resources"].get("GPU") for kind in WORKERS.values())


def test_every_start_of_ray_asks_for_the_token() -> None:
    starts = [
        command
        for place in ("head_start_ray_commands", "worker_start_ray_commands")
        for command in CONFIG[place]
        if "ray start" in command
    ]
    assert len(starts) == 2
    assert all("RAY_AUTH_MODE=token" in start and "RAY_AUTH_TOKEN_PATH=" in start for start in starts)
    assert any(path.endswith(".ray/auth_token") for path in CONFIG["file_mounts"])


def test_every_start_of_ray_is_patient_with_the_metadata_service() -> None:
    starts = [*CONFIG["head_start_ray_commands"], *CONFIG["worker_start_ray_commands"]]
    patient = "AWS_METADATA_SERVICE_NUM_ATTEMPTS=5 AWS_METADATA_SERVICE_TIMEOUT=5"
    assert all(patient in start for start in starts if "ray start" in start)


def test_what_is_installed_is_pinned() -> None:
    installs = [command for command in CONFIG["setup_commands"] if "pip install" in command]
    assert installs
    assert all("--constraint ~/slomo_batch/constraints.txt" in command for command in installs)


def test_no_secret_stands_in_the_file() -> None:
    text = (ROOT / "cluster.yaml").read_text()
    assert "AKIA" not in text
    assert "RAY_AUTH_TOKEN=" not in text
