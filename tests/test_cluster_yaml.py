"""cluster.yaml is one that `ray up` would take, as far as that can be known without AWS."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
CONFIG: dict[str, Any] = yaml.safe_load((ROOT / "cluster.yaml").read_text())
TYPES: dict[str, Any] = CONFIG["available_node_types"]
WORKERS = {name: kind for name, kind in TYPES.items() if name != CONFIG["head_node_type"]}


def unknown_values(value: object, shape: Any, where: str) -> list[str]:
    """Strings in an EC2 request that its model does not list where it lists all."""
    if shape.type_name == "structure" and isinstance(value, dict):
        members = [(item, shape.members[key], f"{where}.{key}") for key, item in value.items()]
        return [fault for member in members for fault in unknown_values(*member)]
    if shape.type_name == "list" and isinstance(value, list):
        return [fault for item in value for fault in unknown_values(item, shape.member, where)]
    known = getattr(shape, "enum", [])
    return [f"{where}: {value!r}"] if known and value not in known else []


def ec2_faults(node_config: dict[str, Any]) -> list[str]:
    """What is wrong with a node_config, by the EC2 model that botocore carries."""
    import botocore.session  # noqa: PLC0415 - only this test asks AWS's model
    from botocore.validate import ParamValidator  # noqa: PLC0415

    shape = botocore.session.get_session().get_service_model("ec2").operation_model("RunInstances").input_shape
    assert shape is not None
    request = {**node_config, "MinCount": 1, "MaxCount": 1}
    report = ParamValidator().validate(request, shape)
    return [report.generate_report()] if report.has_errors() else unknown_values(request, shape, "node_config")


def test_ray_takes_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    from ray.autoscaler._private.util import prepare_config, validate_config  # noqa: PLC0415 - after the setting

    validate_config(prepare_config(copy.deepcopy(CONFIG)))


@pytest.mark.parametrize("name", TYPES)
def test_ec2_knows_every_key_and_value_of_a_node(name: str) -> None:
    assert ec2_faults(TYPES[name]["node_config"]) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"InstanceType": "g6.2xlrage"},
        {"InstanceTyp": "g6.2xlarge"},
        {"InstanceMarketOptions": {"MarketType": "sp0t"}},
        {"BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeType": "gp9"}}]},
    ],
)
def test_the_ec2_check_sees_a_slip_of_the_pen(wrong: dict[str, Any]) -> None:
    assert ec2_faults({**TYPES["gpu_spot_g6"]["node_config"], **wrong})


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


def test_what_is_installed_is_pinned() -> None:
    installs = [command for command in CONFIG["setup_commands"] if "pip install" in command]
    assert installs
    assert all("--constraint ~/slomo_batch/constraints.txt" in command for command in installs)


def test_no_secret_stands_in_the_file() -> None:
    text = (ROOT / "cluster.yaml").read_text()
    assert "AKIA" not in text
    assert "RAY_AUTH_TOKEN=" not in text
