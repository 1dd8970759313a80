"""Shared folders: what the driver leaves in them for other machines, and how it judges a race between machines."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from slomo_batch.errors import FolderNotShared, StoreUnusable
from slomo_batch.records.requests import Source, VideoRequest
from slomo_batch.scheduler.leases import DriverLease
from slomo_batch.scheduler.machine_race import check_winners, race_for_objects
from slomo_batch.scheduler.shared_folders import proven_folders
from slomo_batch.settings import Settings
from slomo_batch.steps.context import StepContext
from slomo_batch.storage.local import LocalStore
from slomo_batch.storage.shared_folders import FolderProof
from slomo_batch.uri import Uri
from slomo_batch.wiring import JobEnvironment, open_context
from tests.storage.exfat import refuse_link


@pytest.fixture
def environment(tmp_path: Path) -> JobEnvironment:
    return JobEnvironment(work_uri=Uri(tmp_path / "work"), job="job")


@pytest.fixture
def context(environment: JobEnvironment) -> StepContext:
    return open_context(environment)


def requests(tmp_path: Path, number: int = 1) -> list[VideoRequest]:
    """Videos from the folder `in` to the folder `out`."""
    made = []
    for name in map(str, range(number)):
        LocalStore(tmp_path / "in").put(f"{name}.mp4", name.encode())
        source = Source(uri=Uri(tmp_path / "in" / f"{name}.mp4"), size_bytes=1, fingerprint="")
        output = Uri(tmp_path / "out" / f"{name}.mp4")
        made.append(VideoRequest(source=source, output_uri=output, exists="skip", settings=Settings()))
    return made


def folders(tmp_path: Path, *names: str) -> Sequence[str]:
    return [str(tmp_path / name) for name in names]


def test_each_folder_that_the_job_uses_is_proven_by_a_file_in_it(
    tmp_path: Path, environment: JobEnvironment, context: StepContext
) -> None:
    names = folders(tmp_path, "work", "out", "in", "unused")
    with (
        DriverLease(context.work, context.layout) as lease,
        proven_folders(names, requests(tmp_path, 30), context, lease.number) as proofs,
    ):
        assert [proof.folder for proof in proofs] == names[:3]
        work, output, source = proofs
        assert [one.uri for one in work.witnesses] == [context.work.uri(context.layout.epoch(1))]
        assert work.is_of_work
        assert [one.uri for one in output.witnesses] == [f"{tmp_path}/out/.slomo-batch-job-1.shared"]
        assert 1 < len(source.witnesses) <= 8
        open_context(replace(environment, shared=proofs))
        (tmp_path / "out/.slomo-batch-job-1.shared").unlink()
        with pytest.raises(FolderNotShared, match=f"^{tmp_path}/out: this machine does not see"):
            open_context(replace(environment, shared=proofs, job="job-again"))
    assert not list(tmp_path.glob("out/.*")), "what was put is deleted"


def test_a_folder_that_has_all_is_proven_by_the_lease_alone(tmp_path: Path, context: StepContext) -> None:
    with (
        DriverLease(context.work, context.layout) as lease,
        proven_folders([str(tmp_path)], requests(tmp_path), context, lease.number) as proofs,
    ):
        assert [len(proof.witnesses) for proof in proofs] == [1]
        assert not (tmp_path / "out").exists(), "nothing is put beside the outputs"


def test_what_a_killed_run_left_is_deleted_by_the_next(tmp_path: Path, context: StepContext) -> None:
    def prove(lease: int) -> tuple[FolderProof, ...]:
        with proven_folders(folders(tmp_path, "out"), requests(tmp_path), context, lease) as proofs:
            return proofs

    (tmp_path / "out").mkdir()
    left = tmp_path / "out/.slomo-batch-job-4.shared"
    left.write_bytes(b"left")
    assert prove(5) != prove(5)
    assert not left.exists()


def test_several_machines_need_hard_links(environment: JobEnvironment, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(environment.work_uri).mkdir()
    monkeypatch.setattr(os, "link", refuse_link)
    with pytest.raises(StoreUnusable, match=f"^{environment.work_uri}: has no hard links, which several machines need"):
        race_for_objects(environment)
    assert not list(Path(environment.work_uri).iterdir())


def test_of_several_machines_exactly_one_creates_each_object() -> None:
    folder = Uri("/mnt/archive")
    check_winners([[True, False], [False, True]], folder, all_answered=True)
    check_winners([[True, True]], folder, all_answered=True)
    check_winners([[True, False], [False, False]], folder, all_answered=False)
    for won, all_answered in (
        ([[True, False], [True, True]], True),
        ([[True, False], [True, False]], False),
        ([[True, False], [False, False]], True),
    ):
        with pytest.raises(StoreUnusable, match="/mnt/archive: put-if-absent is not atomic between machines"):
            check_winners(won, folder, all_answered=all_answered)
