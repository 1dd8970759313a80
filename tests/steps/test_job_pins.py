"""What a whole job rests on: a damaged record stops it with a remedy, lost weights are fetched again."""

from pathlib import Path
from typing import Any

import pytest

from slomo_batch.errors import JobDamaged, WeightsError
from slomo_batch.interpolators.superslomo.shipped_weights import shipped_file
from slomo_batch.manifest.inputs import find_videos
from slomo_batch.manifest.load import load
from slomo_batch.plan.codecs import CODECS
from slomo_batch.plan.encoders import NVENC
from slomo_batch.plan.job_pin import Basis, JobPin
from slomo_batch.scheduler.abilities import Abilities, basis_of
from slomo_batch.serialization import digest
from slomo_batch.settings import Codec
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.job_pin import pin_basis, pin_job, pinned_basis
from slomo_batch.storage.local import LocalStore
from slomo_batch.storage.work_layout import Layout

BASIS = Basis(precision="fp32", threads=1, nvenc_works=False)


def _unused(_: Any) -> Any:
    raise AssertionError("nothing is made here")


@pytest.fixture
def context(tmp_path: Path) -> StepContext:
    store = LocalStore(tmp_path)
    return StepContext(
        work=LocalStore(tmp_path / "work"),
        layout=Layout("job"),
        locate=lambda uri: (store, Path(uri).name),
        interpolator=_unused,
        machine=_unused,
        scratch=tmp_path / "scratch",
    )


def _pin(context: StepContext, folder: Path, *, basis: Basis = BASIS, dry_run: bool = False) -> JobPin:
    """The pin of a job of one video with weights of its own."""
    (folder / "a.mp4").write_bytes(b"video")
    text = (
        f"version: 1\nname: job\ninputs: [{{uri: '{folder}/a.mp4'}}]\nwork: {folder}/work\n"
        f"output: {{uri: '{folder}/out/{{stem}}.mkv'}}\ninterpolate: {{weights: '{folder}/own.safetensors'}}\n"
    )
    requests = find_videos(load(text, where="manifest.yaml"), context.locate).requests
    return pin_job(basis, requests, context, dry_run=dry_run)


def test_a_damaged_basis_stops_the_job_and_deleting_it_helps(context: StepContext) -> None:
    pin_basis(BASIS, context)
    path = Path(context.work.uri(context.layout.job))
    path.write_bytes(path.read_bytes().replace(b'"threads":1', b'"threads":2'))
    complaint = r"job\.json: this record is damaged, .* delete it"
    with pytest.raises(JobDamaged, match=complaint):
        pinned_basis(context)
    with pytest.raises(JobDamaged, match=complaint):
        pin_basis(BASIS, context)
    path.unlink()
    assert pin_basis(BASIS, context) == pinned_basis(context) == BASIS


def test_pinned_weights_that_the_work_place_lost_are_fetched_again_if_they_are_the_same(
    context: StepContext, tmp_path: Path
) -> None:
    own = tmp_path / "own.safetensors"
    own.write_bytes(shipped_file("compact-3").read_bytes())
    pin = _pin(context, tmp_path)
    [weights] = (pin.methods["superslomo"].weights or {}).values()
    kept = Path(context.work.uri(context.layout.weights(weights.sha256)))
    kept.unlink()
    assert _pin(context, tmp_path, dry_run=True) == pin
    assert not kept.exists()
    assert _pin(context, tmp_path) == pin
    assert kept.read_bytes() == own.read_bytes()
    kept.unlink()
    own.write_bytes(b"others")
    with pytest.raises(WeightsError, match="these weights changed since the job began"):
        _pin(context, tmp_path)


def test_a_damaged_name_of_weights_stops_the_job_before_it_means_others(context: StepContext, tmp_path: Path) -> None:
    (tmp_path / "own.safetensors").write_bytes(shipped_file("compact-3").read_bytes())
    pin = _pin(context, tmp_path)
    [spelling] = pin.methods["superslomo"].weights or {}
    path = Path(context.work.uri(context.layout.weights_pin(digest("weights", spelling))))
    path.write_bytes(b"{}")
    for dry_run in (False, True):
        with pytest.raises(JobDamaged, match="delete it"):
            _pin(context, tmp_path, dry_run=dry_run)
    path.unlink()
    assert _pin(context, tmp_path) == pin


@pytest.mark.parametrize(
    ("nvenc", "codecs"),
    [
        ((), []),
        (("h264_nvenc", "hevc_nvenc"), ["h264", "hevc"]),
        (NVENC, ["h264", "hevc", "av1"]),
    ],
)
def test_the_encoders_of_nvenc_that_work_are_pinned_one_by_one(
    nvenc: tuple[str, ...], codecs: list[Codec], context: StepContext, tmp_path: Path
) -> None:
    (tmp_path / "own.safetensors").write_bytes(shipped_file("compact-3").read_bytes())
    basis = basis_of(Abilities(precision="bf16", has_gpu=True, nvenc=nvenc))
    assert pin_basis(basis, context) == basis == pinned_basis(context)
    pin = _pin(context, tmp_path, basis=basis)
    assert [codec for codec in CODECS if pin.nvenc_works_for(codec)] == codecs
    assert pin.nvenc_works == (nvenc == NVENC), "which versions without the list stored and read"


def test_a_new_job_on_a_gpu_pins_batches_for_it_and_an_old_one_keeps_the_first_rule(
    context: StepContext, tmp_path: Path
) -> None:
    (tmp_path / "own.safetensors").write_bytes(shipped_file("compact-3").read_bytes())
    on_gpu = basis_of(Abilities(precision="bf16", has_gpu=True))
    assert pin_basis(on_gpu, context) == on_gpu
    assert pinned_basis(context) == on_gpu
    assert _pin(context, tmp_path, basis=on_gpu).gpu_batches
    context.work.delete([context.layout.job])
    context.work.put(context.layout.job, b'{"precision":"bf16","threads":1,"nvenc_works":false}')
    began = pin_basis(on_gpu, context)
    assert not _pin(context, tmp_path, basis=began).gpu_batches


def test_a_job_that_began_with_two_threads_keeps_them(context: StepContext, tmp_path: Path) -> None:
    """Before pairs were made at once, `cpus_per_worker: 2` meant two threads for each pair."""
    (tmp_path / "own.safetensors").write_bytes(shipped_file("compact-3").read_bytes())
    began = pin_basis(Basis(precision="fp32", threads=2, nvenc_works=False), context)
    assert pin_basis(basis_of(Abilities(precision="fp32")), context) == began
    assert _pin(context, tmp_path, basis=began).threads == 2
