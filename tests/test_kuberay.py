"""The files for Kubernetes agree with cluster.yaml, constraints.txt and the project, as far as shows offline."""

import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.kuberay import autoscaling_config

from slomo_batch.cluster.labels import takes_steps
from slomo_batch.cluster.scratch import SCRATCH
from slomo_batch.manifest.load import load

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "kuberay"
CLUSTER: dict[str, Any] = yaml.safe_load((ROOT / "cluster.yaml").read_text())
CONFIG_MAP, ACCOUNT, GPU_ACCOUNT, JOB = yaml.safe_load_all((FOLDER / "rayjob.yaml").read_text())
KINDS = [kind for name, kind in CLUSTER["available_node_types"].items() if name != CLUSTER["head_node_type"]]
SPEC: dict[str, Any] = JOB["spec"]["rayClusterSpec"]
HEAD: dict[str, Any] = SPEC["headGroupSpec"]
GROUPS: dict[str, dict[str, Any]] = {group["groupName"]: group for group in SPEC["workerGroupSpecs"]}
PODS = [HEAD["template"]["spec"], *(group["template"]["spec"] for group in GROUPS.values())]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
DOCKERFILE = (FOLDER / "Dockerfile").read_text()


def container(pod: dict[str, Any]) -> dict[str, Any]:
    """The pod's only container."""
    [found] = pod["containers"]
    assert isinstance(found, dict)
    return found


def env(pod: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container(pod).get("env", ())}


def gibibytes(text: str) -> int:
    assert text.endswith("Gi")
    return int(text.removesuffix("Gi"))


def started_with(place: str) -> dict[str, str]:
    """Environment variables of `ray start` in cluster.yaml."""
    [command] = [each for each in CLUSTER[place] if "ray start" in each]
    return dict(re.findall(r"([A-Za-z_]+)=(\S+)", command.partition("ray start")[0]))


def test_job_and_cluster_have_the_same_machines() -> None:
    cluster = yaml.safe_load((FOLDER / "raycluster.yaml").read_text())
    assert (cluster["kind"], JOB["kind"]) == ("RayCluster", "RayJob")
    assert cluster["apiVersion"] == JOB["apiVersion"] == "ray.io/v1"
    assert cluster["spec"] == SPEC


def test_versions_are_those_of_the_project() -> None:
    [ray] = re.findall(r"^ray==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert SPEC["rayVersion"] == ray
    assert {container(pod)["image"] for pod in PODS} == {f"REGISTRY/slomo-batch:{VERSION}"}
    assert f"REGISTRY/slomo-batch:{VERSION}" in DOCKERFILE
    [python] = re.findall(r"^FROM python:([\d.]+)-", DOCKERFILE, re.MULTILINE)
    assert any(f"python{python} -m venv" in command for command in CLUSTER["setup_commands"])


def test_the_image_installs_what_cluster_yaml_installs() -> None:
    copied = [words.split()[1:-1] for words in re.findall(r"^COPY .*$", DOCKERFILE, re.MULTILINE)]
    sources = {source for line in copied for source in line}
    assert all((ROOT / source).exists() for source in sources)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {"pyproject.toml", "slomo_batch", project["readme"], *project["license-files"]} <= sources
    assert "--constraint /src/constraints.txt" in DOCKERFILE
    assert "video" in re.findall(r"NVIDIA_DRIVER_CAPABILITIES=(\S+)", DOCKERFILE)[0].split(","), "for NVENC"


def test_a_lost_machine_is_detected_as_on_aws() -> None:
    checks = {name: value for name, value in started_with("head_start_ray_commands").items() if "health_check" in name}
    assert len(checks) == 3
    assert checks.items() <= env(PODS[0]).items()
    assert "GRPC_ENABLE_FORK_SUPPORT=0" in DOCKERFILE


def test_workers_start_as_on_aws() -> None:
    policy = started_with("worker_start_ray_commands")["OMP_WAIT_POLICY"]
    for pod in PODS[1:]:
        assert env(pod)["OMP_WAIT_POLICY"] == policy
        assert env(pod)["TMPDIR"] == container(pod)["volumeMounts"][0]["mountPath"]


def test_ray_itself_reads_the_machines_and_they_are_those_of_aws() -> None:
    derive: Any = autoscaling_config._derive_autoscaling_config_from_ray_cr
    config = derive({"metadata": {"name": "slomo", "namespace": "default"}, "spec": SPEC})
    assert config["idle_timeout_minutes"] == CLUSTER["idle_timeout_minutes"]
    types = config["available_node_types"]
    head = types.pop(config["head_node_type"])
    assert head["resources"]["CPU"] == head["resources"].get("GPU", 0) == 0, "nothing runs on the head"
    assert set(types) == {"gpu", "cpu"}
    for name, own in types.items():
        alike = [kind for kind in KINDS if bool(kind["resources"].get("GPU")) == (name == "gpu")]
        assert own["max_workers"] == sum(kind["max_workers"] for kind in alike)
        assert own["min_workers"] == 0
        # The kubelet and the pods of the system need a CPU of each machine.
        for resource, given_up in (("CPU", 1), ("GPU", 0), (SCRATCH, 0)):
            assert {own["resources"].get(resource, 0) + given_up} == {
                kind["resources"].get(resource, 0) for kind in alike
            }
        assert {takes_steps(own["labels"])} == {takes_steps(kind.get("labels", {})) for kind in alike}


def test_the_pods_on_which_no_step_runs_have_the_role_of_workers() -> None:
    assert PODS[0]["serviceAccountName"] == ACCOUNT["metadata"]["name"]
    for group in GROUPS.values():
        account = ACCOUNT if takes_steps(group.get("labels", {})) else GPU_ACCOUNT
        assert group["template"]["spec"]["serviceAccountName"] == account["metadata"]["name"]
    roles = [next(iter(account["metadata"]["annotations"].values())) for account in (ACCOUNT, GPU_ACCOUNT)]
    names = [
        {
            kind["node_config"]["IamInstanceProfile"]["Name"]
            for kind in KINDS
            if takes_steps(kind.get("labels", {})) == do
        }
        for do in (True, False)
    ]
    assert [{role.rpartition("/")[2]} for role in roles] == names


def test_stitches_may_use_no_more_disk_than_a_pod_has() -> None:
    for group in GROUPS.values():
        [declared] = re.findall(rf"{SCRATCH}.*?(\d+)", group["rayStartParams"]["resources"])
        [volume] = group["template"]["spec"]["volumes"]
        assert int(declared) * 1e9 < gibibytes(volume["emptyDir"]["sizeLimit"]) << 30


@pytest.mark.parametrize("pod", PODS, ids=["head", *GROUPS])
def test_a_pod_gets_what_it_asks_for_and_no_more_rights_than_it_needs(pod: dict[str, Any]) -> None:
    resources = container(pod)["resources"]
    assert all(resources["requests"][name] == resources["limits"][name] for name in ("cpu", "memory"))
    for volume in pod["volumes"]:
        if "emptyDir" in volume:
            asked = gibibytes(resources["requests"]["ephemeral-storage"])
            assert gibibytes(volume["emptyDir"]["sizeLimit"]) < asked
    assert {mount["name"] for mount in container(pod)["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    assert pod["restartPolicy"] == "Never", "Ray's autoscaler replaces pods"
    [uid] = re.findall(r"^USER (\d+)$", DOCKERFILE, re.MULTILINE)
    assert pod["securityContext"] == {"runAsNonRoot": True, "runAsUser": int(uid), "fsGroup": int(uid)}
    assert container(pod)["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def test_the_cluster_requires_a_token_and_no_file_has_one() -> None:
    assert SPEC["authOptions"] == {"mode": "token"}
    assert not any("TOKEN" in name for pod in PODS for name in env(pod))


def test_the_job_runs_the_manifest_of_the_file_and_is_submitted_again() -> None:
    [volume] = PODS[0]["volumes"]
    [mount] = container(PODS[0])["volumeMounts"]
    assert volume["configMap"]["name"] == CONFIG_MAP["metadata"]["name"]
    manifest, script = CONFIG_MAP["data"]
    assert JOB["spec"]["entrypoint"] == f"sh {mount['mountPath']}/{script}", "no words that a shell would expand"
    assert CONFIG_MAP["data"][script].startswith(f"slomo-batch run {mount['mountPath']}/{manifest}\n")
    assert JOB["spec"]["backoffLimit"] >= 1
    assert JOB["spec"]["shutdownAfterJobFinishes"] is True


@pytest.mark.parametrize(("code", "told"), [(0, 0), (1, 0), (2, 2), (3, 3), (4, 0), (70, 70), (130, 130)])
def test_a_run_that_another_attempt_would_not_change_counts_as_complete(code: int, told: int, tmp_path: Path) -> None:
    (tmp_path / "slomo-batch").write_text(f"#!/bin/sh\nexit {code}\n")
    (tmp_path / "slomo-batch").chmod(0o755)
    script = ["sh", "-c", CONFIG_MAP["data"]["run.sh"]]
    path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
    assert subprocess.run(script, env={**os.environ, "PATH": path}, check=False).returncode == told


def test_the_manifest_of_the_job_is_valid_and_fits_its_machines() -> None:
    cluster = load(CONFIG_MAP["data"]["job.yaml"], where="job.yaml").job.cluster
    limits = container(GROUPS["gpu"]["template"]["spec"])["resources"]["limits"]
    assert cluster.gpus_per_worker == int(limits["nvidia.com/gpu"])
    assert isinstance(cluster.cpus_per_worker, int)
    assert cluster.cpus_per_worker < int(limits["cpu"]), "one CPU at least is kept for steps"
    assert cluster.workers.max <= GROUPS["gpu"]["maxReplicas"]
