"""The other commands on real work: plan, status, weights, convert, archive dump."""

import csv
import json
import re
import shutil
import time
from pathlib import Path

import pytest
import torch
import yaml

from slomo_batch.storage.state_folder import state_folder
from tests.end_to_end.running import Job, cli, endless, excerpt, kill
from tests.interpolators.weights_files import public_checkpoint

QUICK = {"interpolate": {"method": "blend"}, "encode": {"preset": "ultrafast"}, "retime": {"slowdown": 3}}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return excerpt("bikes", tmp_path_factory.mktemp("source") / "clip.mp4", num_frames=12, width=128, height=96)


def test_plan_predicts_the_run_and_writes_nothing(source: Path, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_bytes(b"not a video")
    job = Job(tmp_path / "job").write([str(source), str(tmp_path / "text.mp4")], **QUICK, chunks={"pairs": 5})
    before = sorted(tmp_path.rglob("*"))
    planned = cli("plan", str(job.manifest), "--json")
    assert planned.returncode == 1, planned.stdout + planned.stderr
    assert sorted(tmp_path.rglob("*")) == before
    rows = [json.loads(line) for line in planned.stdout.splitlines()]
    by_name = {Path(row["uri"]).name: row for row in rows if "uri" in row}
    assert by_name["text.mp4"]["problem"]
    assert job.run().returncode == 1
    made = job.receipts()["clip"]
    assert by_name["clip.mp4"]["num_output_frames"] == made.num_frames == 36
    assert by_name["clip.mp4"]["num_chunks"] == len(job.commits()) == 3
    again = cli("plan", str(job.manifest), "--json")
    states = {Path(row["uri"]).name: row["state"] for row in map(json.loads, again.stdout.splitlines()) if "uri" in row}
    assert states == {"clip.mp4": "skip", "text.mp4": "wait"}


def test_a_plan_measures_the_speed_of_earlier_runs(source: Path, tmp_path: Path) -> None:
    job, other = Job(tmp_path / "job").write([str(source)], **QUICK), tmp_path / "other.mp4"
    assert job.run().returncode == 0
    shutil.copy(source, other)
    job.write([str(source), str(other)], **QUICK)
    planned = cli("plan", str(job.manifest), "--price-per-hour", "3600")
    assert "skip       1 video: published before" in planned.stdout
    (line,) = (line for line in planned.stdout.splitlines() if line.startswith("time "))
    assert re.search(
        r"of one machine at [\d.,]+ frames/s, as measured in this job \(from 36 frames of 128x96\):"
        r" [\d.]+ at 3,600.00 an hour$",
        line,
    )
    rows = cli("plan", str(job.manifest), "--csv", "-").stdout.splitlines()
    by_state = {row["state"]: row for row in csv.DictReader(rows)}
    assert by_state["skip"]["machine_hours"] == ""
    assert 0 < float(by_state["make"]["machine_hours"]) < 0.1


def test_a_plan_as_csv_beside_json_and_with_a_given_speed(source: Path, tmp_path: Path) -> None:
    job, file = Job(tmp_path / "job").write([str(source)], **QUICK), tmp_path / "plan.csv"
    planned = cli("plan", str(job.manifest), "--json", "--csv", str(file), "--frames-per-second", "1/2")
    assert json.loads(planned.stdout.splitlines()[-1])["machine_hours"] == 36 / 0.5 / 3600
    with file.open(newline="") as rows:
        (row,) = csv.DictReader(rows)
    assert (row["width"], row["codec"], row["frames_to_make"], row["slowdown"]) == ("128", "h264", "36", "3.0")
    refused = cli("plan", str(job.manifest), "--json", "--csv", "-")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--csv -: not possible with --json" in refused.stderr
    assert cli("plan", str(job.manifest), "--csv", str(tmp_path / "no" / "plan.csv")).returncode == 2


def test_status_reports_a_finished_job_and_an_unknown_one(source: Path, tmp_path: Path) -> None:
    job = Job(tmp_path / "job").write([str(source)], **QUICK)
    unknown = cli("status", str(job.manifest), "--json")
    assert json.loads(unknown.stdout)["state"] == "unknown"
    assert job.run().returncode == 0
    status = json.loads(cli("status", str(job.manifest), "--json").stdout)
    assert (status["state"], status["videos_done"], status["videos_total"]) == ("finished", 1, 1)
    by_name = cli("status", job.name, "--work", str(tmp_path / "job/work"), "--json")
    assert json.loads(by_name.stdout) == status


def test_an_imported_public_checkpoint_makes_a_video(source: Path, tmp_path: Path) -> None:
    checkpoint, imported, output = tmp_path / "SuperSloMo.ckpt", tmp_path / "paper.safetensors", tmp_path / "slow.mp4"
    torch.save(public_checkpoint(), checkpoint, _use_new_zipfile_serialization=False)
    run = cli("weights", "import", str(checkpoint), str(imported))
    assert run.returncode == 0, run.stdout + run.stderr
    shown = cli("weights", "show", str(imported))
    assert shown.stdout.splitlines()[2:] == ["network: superslomo-paper", "parameters: 39610473", "prior flow: none"]
    short = excerpt("bikes", tmp_path / "short.mp4", num_frames=3, width=64, height=64)
    made = cli("convert", str(short), str(output), "--slowdown", "2", "--weights", str(imported))
    assert made.returncode == 0, made.stdout + made.stderr
    [receipt] = (state_folder() or tmp_path).glob("jobs/convert-short-*/receipts/*.json")
    receipt_fields = json.loads(receipt.read_bytes())
    assert receipt_fields["weights_name"] == str(imported)
    assert (receipt_fields["num_frames"], receipt_fields["counts"]["made"]) == (6, 2)


def test_invalid_weights_are_refused_before_any_work(source: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.safetensors").write_bytes(b"nonsense")
    run = cli("convert", str(source), str(tmp_path / "out.mp4"), "--weights", str(tmp_path / "bad.safetensors"))
    assert run.returncode == 2, run.stdout + run.stderr
    assert "Traceback" not in run.stderr
    missing = cli("convert", str(source), str(tmp_path / "out.mp4"), "--weights", "compct")
    assert missing.returncode == 2
    assert "compact" in missing.stderr


def test_the_rows_of_a_table_set_their_videos_settings(source: Path, tmp_path: Path) -> None:
    other = excerpt("carphone_pristine", tmp_path / "other.mp4", num_frames=12, width=128, height=96)
    table = tmp_path / "videos.csv"
    table.write_text(f"uri,retime.slowdown,comment\n{source},5,fast\n{other},,\n")
    job = Job(tmp_path / "job").write([], **QUICK)
    manifest = yaml.safe_load(job.manifest.read_text())
    manifest["inputs"] = [{"table": str(table)}]
    manifest["output"] = {"uri": f"{job.outputs}/{{stem}}.mp4"}
    job.manifest.write_text(yaml.safe_dump(manifest))
    run = job.run()
    assert run.returncode == 0, run.stdout + run.stderr
    assert {name: done.num_frames for name, done in job.receipts().items()} == {"clip": 60, "other": 36}


def test_a_chunk_object_can_be_dumped(tmp_path: Path) -> None:
    job = endless(tmp_path)  # its driver is killed at the first sight of a chunk: the others stay
    driver = job.begin()
    while not list(job.work.glob("videos/*/chunks/*/*.pkts")):
        assert driver.poll() is None, driver.communicate()
        time.sleep(0.01)
    kill(driver)
    [first, *_] = sorted(job.work.glob("videos/*/chunks/*/*.pkts"))
    dumped = cli("archive", "dump", str(first))
    assert dumped.returncode == 0, dumped.stderr
    assert "h264" in dumped.stdout
