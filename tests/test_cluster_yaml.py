"""cluster.yaml is one that `ray up` would take, as far as that can be known without AWS."""

import copy
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from slomo_batch.cli.main import main
from slomo_batch.cluster.cluster_advice import cluster_advice
from slomo_batch.cluster.cluster_file import cluster_problems, placeholders
from slomo_batch.cluster.labels import NODE_TYPE, takes_steps
from slomo_batch.errors import BudgetSpent, Interrupted, ManifestError, VideosFailed

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "cluster.yaml").read_text().replace("sg-REPLACE-ME", "sg-0123456789abcdef0")
CONFIG: dict[str, Any] = yaml.safe_load(TEXT)
TYPES: dict[str, Any] = CONFIG["available_node_types"]
WORKERS = {name: kind for name, kind in TYPES.items() if name != CONFIG["head_node_type"]}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with a token."""
    token = tmp_path / "home" / ".ray" / "auth_token"
    token.parent.mkdir(parents=True)
    token.write_text("0" * 64)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def problems(config: object, gpus_per_worker: float = 1, cpus_per_worker: int = 1) -> list[str]:
    return cluster_problems(config, gpus_per_worker=gpus_per_worker, cpus_per_worker=cpus_per_worker, folder=ROOT)


def test_the_file_is_found_without_fault_once_its_placeholder_is_replaced() -> None:
    assert problems(CONFIG) == []
    assert placeholders(TEXT) == []


def test_the_shipped_file_asks_for_the_security_group_by_its_line() -> None:
    text = (ROOT / "cluster.yaml").read_text()
    [line] = [number for number, each in enumerate(text.splitlines(), 1) if "[sg-REPLACE-ME]" in each]
    assert placeholders(text) == [f"line {line}: replace sg-REPLACE-ME by your own value"]
    assert problems(yaml.safe_load(text)) == []


def broken(path: str, value: object) -> dict[str, Any]:
    """The file with one thing changed; None takes it out. A ~ in a step is a slash."""
    config = copy.deepcopy(CONFIG)
    inside: Any = config
    *steps, last = (step.replace("~", "/") for step in path.split("/"))
    for step in steps:
        inside = inside[int(step)] if isinstance(inside, list) else inside[step]
    if value is None:
        del inside[last]
    else:
        inside[int(last) if isinstance(inside, list) else last] = value
    return config


GPU = "available_node_types/gpu_spot_g6"
HEAD = "available_node_types/head"
NODE = f"{GPU}/node_config"
ARM = {"InstanceType": "c7g.2xlarge", "ImageId": TYPES["cpu_spot"]["node_config"]["ImageId"]}

EDITS = [
    # form
    (f"{NODE}/InstanceType", "g6.2xlrge", "'g6.2xlrge' is not known to EC2; did you mean g6.2xlarge?"),
    (f"{NODE}/InstanceTyp", "g6.2xlarge", "node_config: unknown key InstanceTyp; did you mean InstanceType?"),
    (f"{NODE}/InstanceMarketOptions", {"MarketType": "sp0t"}, "'sp0t' is not known to EC2; did you mean spot?"),
    (f"{NODE}/BlockDeviceMappings/0/Ebs/VolumeType", "gp9", "gp9"),
    (f"{NODE}/BlockDeviceMappings/0/Ebs/VolumeSiz", 9, "unknown key VolumeSiz; did you mean VolumeSize?"),
    (f"{GPU}/max_worker", 3, "available_node_types.gpu_spot_g6: unknown key max_worker; did you mean max_workers?"),
    (f"{GPU}/max_workers", "eight", "available_node_types.gpu_spot_g6.max_workers: 'eight' is not of type 'integer'"),
    ("idle_timeout_minute", 5, "unknown key idle_timeout_minute; did you mean idle_timeout_minutes?"),
    ("provider/cache_stoped_nodes", False, "unknown key cache_stoped_nodes; did you mean cache_stopped_nodes?"),
    ("provider/type", "awss", "Ray refuses it"),
    ("head_node_type", "heda", "head"),
    # numbers and order of workers
    ("available_node_types/gpu_on_demand/labels", {"ray.io/market-type": "spot"}, "gpu_on_demand: has the label"),
    (
        f"{GPU}/labels/slomo-batch~steps",
        "no",
        "gpu_spot_g6: labels: slomo-batch/steps is no, and only never has a meaning",
    ),
    (f"{GPU}/min_workers", 9, "min_workers is 9, more than max_workers, 8"),
    (f"{GPU}/max_workers", 99, "more than the cluster's, 20"),
    ("max_workers", 0, "gpu_spot_g6: max_workers is 8, more than the cluster's, 0"),
    ("available_node_types/gpu_on_demand/priority", 20, "machines at full price start first"),
    (f"{GPU}/priority", None, "gpu_on_demand: its priority is not below that of gpu_spot_g6, gpu_spot_g5"),
    ("worker_start_ray_commands/2", "true", "nothing watches for the end of gpu_spot_g6, gpu_spot_g5, cpu_spot"),
    # the head
    (f"{HEAD}/resources", {"CPU": 4}, "chunks would run on the head"),
    ("head_start_ray_commands", ["RAY_AUTH_MODE=token ray start --head"], "--num-cpus=0"),
    (f"{HEAD}/node_config/IamInstanceProfile", None, "full access to EC2 and S3"),
    (f"{HEAD}/node_config/InstanceType", "t3.nano", "head: InstanceType: t3.nano has 0.5 GiB of memory"),
    # region and zones
    ("provider/region", "eu-central-1", "us-east-1a is not a zone of eu-central-1"),
    ("provider/region", "eu-centrel-1", "eu-centrel-1 is not a region of EC2; did you mean eu-central-1?"),
    ("provider/region", None, "provider.region: is missing"),
    ("provider/availability_zone", "us-east-1a,eu-west-9z", "eu-west-9z is not a zone of us-east-1"),
    # what is billed
    ("provider/cache_stopped_nodes", None, "their disks are billed"),
    ("provider/cache_stopped_nodes", True, "their disks are billed"),
    (f"{NODE}/InstanceType", "g6.12xlarge", "declares 1 GPU, and g6.12xlarge has 4: you pay for GPUs that stay idle"),
    # machine types
    (f"{GPU}/resources", {"CPU": 8, "GPU": 4}, "gpu_spot_g6: resources: declares 4 GPU, and g6.2xlarge has 1"),
    (f"{GPU}/resources", {"CPU": 64, "GPU": 1}, "gpu_spot_g6: resources: declares 64 CPU, and g6.2xlarge has 8"),
    (
        "available_node_types/cpu_spot/node_config",
        ARM,
        "cpu_spot: InstanceType: c7g.2xlarge is arm64, its image x86_64",
    ),
    (f"{NODE}/InstanceType", "g4ad.2xlarge", "the GPUs of g4ad.2xlarge do not run CUDA"),
    (f"{NODE}/ImageId", "ami-123", "gpu_spot_g6: ImageId: ami-123 is not the id of an image"),
    (f"{NODE}/BlockDeviceMappings/0/Ebs/VolumeSize", 8, "gpu_spot_g6: BlockDeviceMappings: the root disk has 8 GB"),
    (
        f"{GPU}/resources",
        {"CPU": 8, "GPU": 1, "scratch_gb": 100},
        "gpu_spot_g6: resources: declares scratch_gb: 100, and its disks have 150 GB",
    ),
    (f"{NODE}/BlockDeviceMappings/0/DeviceName", "/dev/xvda", "/dev/sda1, the root disk of Ubuntu, is missing"),
    # access
    (
        f"{NODE}/SecurityGroupIds",
        None,
        "gpu_spot_g6: SecurityGroupIds is missing, so Ray would make a group that opens",
    ),
    (f"{NODE}/SecurityGroupIds", ["default"], "SecurityGroupIds: default is not the id of a group"),
    (
        "provider/security_group",
        {"IpPermissions": [{"FromPort": 22, "ToPort": 22, "IpProtocol": "tcp", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]},
        "provider.security_group: opens a port to the whole Internet",
    ),
    (f"{NODE}/MetadataOptions", {"HttpTokens": "optional"}, "HttpTokens: is not required"),
    (f"{NODE}/MetadataOptions", {"HttpTokens": "required"}, "HttpPutResponseHopLimit: is not 1"),
    ("worker_start_ray_commands", ["ray start --address=$RAY_HEAD_IP:6379"], "RAY_AUTH_MODE=token"),
    # files, commands and their user
    ("auth/ssh_user", "ec2-user", "auth.ssh_user: is ec2-user, but the user of the image is ubuntu"),
    ("auth/ssh_user", "ec2-user", "/home/ubuntu: is not the home of auth.ssh_user, ec2-user"),
    ("file_mounts", {"/home/ubuntu/slomo_batch": "."}, "does not copy the token to /home/ubuntu/.ray/auth_token"),
    ("file_mounts/~home~ubuntu~x", "nowhere", "file_mounts: nowhere does not exist"),
    (
        "setup_commands/2",
        "~/slomo/bin/pip install --constraint ~/slomo_batch/constraint.txt ~/slomo_batch",
        "setup_commands: ~/slomo_batch/constraint.txt does not exist",
    ),
    (
        "setup_commands/2",
        "~/slomo/bin/pip install -c ~/constraints.txt ~/slomo_batch",
        "setup_commands: pip reads ~/constraints.txt, which file_mounts does not copy",
    ),
    ("setup_commands/1", "python3.8 -m venv ~/slomo", "setup_commands: uses Python 3.8, and slomo_batch needs >=3.11"),
]


@pytest.mark.parametrize(("path", "value", "complaint"), EDITS)
def test_a_slip_of_the_pen_is_reported(path: str, value: object, complaint: str) -> None:
    faults = problems(broken(path, value))
    assert any(complaint in fault for fault in faults), faults


def test_all_slips_of_form_are_reported_at_once() -> None:
    config = broken("idle_timeout_minute", 5)
    config["provider"]["regoin"] = "us-east-1"
    config["available_node_types"]["head"]["max_worker"] = 1
    assert len(problems(config)) == 3


def test_a_token_that_was_not_created_is_reported(home: Path) -> None:
    (home / ".ray" / "auth_token").unlink()
    [fault] = problems(CONFIG)
    assert fault.startswith("file_mounts: ~/.ray/auth_token does not exist; create the token: ray get-auth-token")


def test_subnets_are_accepted_as_ray_takes_them() -> None:
    assert problems(broken(f"{NODE}/SubnetIds", ["subnet-0123456789abcdef0"])) == []


def test_a_container_may_reach_the_metadata_service() -> None:
    config = broken("docker", {"image": "slomo-batch:0.1.0", "container_name": "slomo"})
    for kind in config["available_node_types"].values():
        kind["node_config"]["MetadataOptions"] = {"HttpTokens": "required", "HttpPutResponseHopLimit": 2}
    assert problems(config) == []


def test_a_cluster_of_another_provider_is_not_judged_as_one_of_aws() -> None:
    config = broken("provider", {"type": "gcp", "region": "us-west1", "availability_zone": "us-west1-a"})
    for kind in config["available_node_types"].values():
        kind["node_config"] = {"machineType": "n1-standard-8"}
    assert problems(config) == []


def test_a_worker_that_fits_no_machine_is_reported() -> None:
    assert any("takes 4 GPU" in fault for fault in problems(CONFIG, gpus_per_worker=4))
    assert any("takes 64 CPU" in fault for fault in problems(CONFIG, gpus_per_worker=0, cpus_per_worker=64))


@pytest.mark.parametrize("config", [None, [], "text", {}, {"cluster_name": "x"}])
def test_what_is_no_cluster_file_is_refused_as_one(config: object) -> None:
    assert problems(config)


MACHINES = "8 g6.2xlarge spot, 8 g5.2xlarge spot, 2 g6.2xlarge, 4 c7i.2xlarge spot, 2 c7i.2xlarge"


def copy_of_the_project(folder: Path, config: Mapping[str, Any]) -> str:
    """The path of a cluster file in a folder that has the files which it copies."""
    (folder / "constraints.txt").touch()
    (folder / "cluster.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return str(folder / "cluster.yaml")


def test_the_command_says_what_it_found(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = copy_of_the_project(tmp_path, CONFIG)
    assert main(["cluster", "check", file]) == 0
    output, errors = capfd.readouterr()
    assert output.splitlines() == [
        f"{file}: no problems found",
        f"at full size: the head (m7i.xlarge) and 20 workers, of at most {MACHINES}",
        "quotas, in vCPUs: Standard on-demand 20, G and VT spot 128, G and VT on-demand 16, Standard spot 32",
    ]
    assert errors == "", "Ray logs nothing"
    copy_of_the_project(tmp_path, broken(f"{NODE}/InstanceType", "g6.huge"))
    assert main(["cluster", "check", file]) == 2
    assert "g6.huge" in capfd.readouterr().err
    (tmp_path / "torn.yaml").write_text("a: [1,\nb: 2")
    assert main(["cluster", "check", str(tmp_path / "torn.yaml")]) == 2
    assert f"{tmp_path}/torn.yaml: is not YAML: line 2: " in capfd.readouterr().err
    assert main(["cluster", "check", str(tmp_path / "none.yaml")]) == 2


def test_the_command_computes_the_most_that_an_hour_costs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = copy_of_the_project(tmp_path, CONFIG)
    prices = {"m7i.xlarge": 0.2, "g6.2xlarge": 1.0, "g5.2xlarge": 1.5, "c7i.2xlarge": 0.4}
    options = [word for name, price in prices.items() for word in ("--price", f"{name}={price}")]
    assert main(["cluster", "check", file, *options]) == 0
    # Of 24 machines, 20 may run: all GPU machines, and two with CPUs only.
    assert f"an hour costs at most {0.2 + 8 * 1.5 + 10 * 1.0 + 2 * 0.4:.2f}" in capsys.readouterr().out
    assert main(["cluster", "check", file, *options[2:]]) == 2
    assert "--price is missing for m7i.xlarge" in capsys.readouterr().err


def test_a_type_that_is_not_in_the_table_is_said_to_be_unchecked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = copy_of_the_project(tmp_path, broken(f"{NODE}/InstanceType", "g7e.2xlarge"))
    assert main(["cluster", "check", file]) == 0
    assert "g7e.2xlarge: not checked" in capsys.readouterr().out


def test_a_file_that_leaves_no_type_for_steps_is_refused() -> None:
    config = copy.deepcopy(CONFIG)
    for name in ("cpu_spot", "cpu_on_demand"):
        config["available_node_types"][name]["labels"] = {"slomo-batch/steps": "never"}
    assert problems(config) == [
        "every node type has the label slomo-batch/steps: never, so no video can be opened, split and joined"
    ]


def test_labels_and_roles_that_could_be_narrower_are_advised() -> None:
    assert cluster_advice(CONFIG) == []
    [advice] = cluster_advice(broken(f"{GPU}/labels", {"ray.io/market-type": "spot"}))
    assert advice.startswith("gpu_spot_g6: steps run there too, so their role must reach inputs and outputs")
    [advice] = cluster_advice(broken(f"{NODE}/IamInstanceProfile", {"Name": "slomo-batch-steps"}))
    assert advice.startswith("gpu_spot_g6: has the role of machines for steps")


def test_a_role_that_reaches_the_work_place_only_is_of_machines_without_steps() -> None:
    for kind in WORKERS.values():
        is_for_steps = takes_steps(kind.get("labels", {}))
        role = "slomo-batch-steps" if is_for_steps else "slomo-batch-worker"
        assert kind["node_config"]["IamInstanceProfile"] == {"Name": role}
        assert bool(kind["resources"].get("GPU")) != is_for_steps


def test_spot_types_without_their_label_are_advised_to_have_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = copy_of_the_project(tmp_path, broken(f"{GPU}/labels", {"slomo-batch/steps": "never"}))
    assert main(["cluster", "check", file]) == 0
    [advice] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("advice: ")]
    assert advice.startswith("advice: gpu_spot_g6: spot without the label ray.io/market-type: spot")


def test_each_type_has_its_name_as_a_label_by_which_workers_are_kept_off_it() -> None:
    assert all(kind["labels"][NODE_TYPE] == name for name, kind in WORKERS.items())


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


# ---- the unit that keeps a job running on the head -------------------------------------------------------------------


UNIT = (ROOT / "docs" / "aws" / "slomo-job.service").read_text()


def settings_of_unit(key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", UNIT, re.MULTILINE)


def test_the_unit_starts_ray_as_the_file_does() -> None:
    [command] = settings_of_unit("ExecStart")
    [start] = [each for each in CONFIG["head_start_ray_commands"] if "ray start" in each]
    variables, options = start.split("~/slomo/bin/ray start")
    home = f"/home/{CONFIG['auth']['ssh_user']}"
    assert f"ray start{options.replace('~', home)};" in command
    expected = dict(re.findall(r"(\w+)=(\S+)", variables.replace("$HOME", home)))
    given = dict(each.split("=", 1) for line in settings_of_unit("Environment") for each in line.split())
    assert given.pop("PATH").startswith(f"{home}/slomo/bin:")
    assert expected.pop("PATH").startswith(f"{home}/slomo/bin:")
    assert given == expected
    assert settings_of_unit("LimitNOFILE") == re.findall(r"ulimit -n (\d+)", variables)
    assert settings_of_unit("User") == [CONFIG["auth"]["ssh_user"]]


def test_the_unit_submits_the_job_and_stops_when_a_run_has_ended(capsys: pytest.CaptureFixture[str]) -> None:
    [command] = settings_of_unit("ExecStart")
    [submit] = re.findall(r"exec slomo-batch (submit .*)'$", command)
    assert main([*submit.split(), "--help"]) == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in submit.split() if word.startswith("--"))
    final = {int(code) for code in settings_of_unit("RestartPreventExitStatus")[0].split()}
    lasting = (VideosFailed, ManifestError, BudgetSpent, Interrupted)
    assert final == {kind.exit_code for kind in lasting}, "another run would end in the same way"
    assert settings_of_unit("Restart") == ["on-failure"]
    assert settings_of_unit("KillMode") == ["process"], "Ray lives on"
