"""`doctor`: what it finds on this machine, and what it says of others."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from slomo_batch.cli.main import main
from slomo_batch.commands.doctor import (
    FULL_DISK,
    LITTLE_MEMORY,
    codec_findings,
    device_findings,
    disk_finding,
    memory_finding,
    sandbox_finding,
)
from slomo_batch.interpolators.device_report import Gpu, report_device
from slomo_batch.media.codec_report import report_codecs
from slomo_batch.sandbox.confinement import Confinement
from tests.s3_server import S3Server

GPU = Gpu(name="H200", memory_bytes=141 * 10**9, capability=(9, 0), is_supported=True)


def test_a_healthy_machine_has_no_fault(
    tmp_path: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket = s3.make_bucket()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.options().endpoint_url)
    assert main(["doctor", str(tmp_path), f"s3://{bucket}/work", "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"CPU", "GPU", "codecs", "NVENC", "sandbox", "memory", "Ray", "S3", "storage"} <= {
        one["subject"] for one in found
    }
    assert [one["level"] for one in found if one["subject"] == "storage"] == ["ok", "ok"]
    assert "fault" not in {one["level"] for one in found}
    assert list(tmp_path.iterdir()) == []


def test_faults_have_a_remedy_and_an_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    assert main(["doctor", str(tmp_path / "none"), "s3://bucket"]) == 3
    lines = capsys.readouterr().out.splitlines()
    faults = [number for number, line in enumerate(lines) if line.startswith("fault")]
    assert [lines[number].split()[1] for number in faults] == ["Ray", "S3", "storage", "storage"]
    assert all(lines[number + 1].startswith("     ") for number in faults[:3])
    assert "no such folder" in lines[faults[2]]


@pytest.mark.parametrize(
    ("denies", "landlock", "is_off", "level", "said"),
    [
        (True, 7, False, "ok", "without credentials, network (seccomp) and your files (Landlock 7)"),
        (True, 0, False, "warning", "this kernel cannot deny them files (Landlock)"),
        (False, 0, False, "warning", "deny them network and other processes (seccomp) and files (Landlock)"),
        (True, 7, True, "warning", "SLOMO_BATCH_SANDBOX=off: sources are read in the process that has the credentials"),
    ],
)
def test_what_is_said_of_the_processes_that_read_sources(
    denies: bool, landlock: int, is_off: bool, level: str, said: str
) -> None:
    found = sandbox_finding(Confinement(denies_system_calls=denies, landlock=landlock), is_off=is_off)
    assert found.level == level
    assert said in found.text
    assert bool(found.remedy) == (level == "warning")


def test_what_is_said_of_gpus() -> None:
    here = report_device()

    def levels(**changes: object) -> list[tuple[str, str]]:
        found = device_findings(replace(here, **changes), num_cpus=8)  # type: ignore[arg-type]  # any field
        return [(one.subject, one.level) for one in found]

    assert levels(gpus=(GPU, GPU), cuda="13.0") == [("CPU", "ok"), ("GPU", "ok"), ("GPU", "ok")]
    assert levels(gpus=(replace(GPU, is_supported=False),)) == [("CPU", "ok"), ("GPU", "fault")]
    assert levels(gpus=(), has_driver=True, cuda="") == [("CPU", "ok"), ("GPU", "fault")]
    assert levels(gpus=(), has_driver=False, cpu_capability="DEFAULT") == [("CPU", "warning"), ("GPU", "ok")]
    codecs = report_codecs()
    assert [one.level for one in codec_findings(replace(codecs, nvenc=()), has_gpu=True)] == ["ok", "warning"]
    assert next(codec_findings(replace(codecs, missing_encoders=("libx264",)), has_gpu=False)).level == "fault"
    assert next(codec_findings(replace(codecs, missing_decoders=("vc1",)), has_gpu=False)).level == "warning"


def test_what_is_said_of_memory_and_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [memory_finding(number).level for number in (LITTLE_MEMORY, LITTLE_MEMORY - 1)] == ["ok", "warning"]
    assert disk_finding("disk, state", tmp_path / "not" / "there").level in {"ok", "warning"}
    monkeypatch.setattr("slomo_batch.commands.doctor.FULL_DISK", 10**18)
    assert disk_finding("disk, TMPDIR", tmp_path).level == "fault"
    assert FULL_DISK < LITTLE_MEMORY
