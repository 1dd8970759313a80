"""Machines that lack what a job needs say so when their worker starts, and get no chunk that would fail there."""

from dataclasses import replace
from random import Random

import pytest

from slomo_batch.attempts import Errored, Succeeded
from slomo_batch.errors import AbilityMissing, SegmentInvalid
from slomo_batch.plan.encoders import NVENC
from slomo_batch.plan.job_pin import MethodPin, WeightsPin
from slomo_batch.plan.needs import Needs
from slomo_batch.plan.stored_plan import PlannedVideo
from slomo_batch.scheduler.abilities import Abilities, missing
from slomo_batch.scheduler.calls import ChunkCall, Outcome, TaskCall
from slomo_batch.scheduler.incapable_machines import GATHER_S, IncapableMachines
from slomo_batch.scheduler.room_watch import BEGIN_S
from slomo_batch.settings import Interpolate
from tests.scale import products
from tests.scheduler.test_trouble import machines
from tests.scheduler.virtual_job import VirtualJob
from tests.scheduler.virtual_ray import Said, Scenario, VirtualRay, finished, made, open_call

L4 = Abilities(
    precision="bf16", has_gpu=True, nvenc=NVENC, memory_bytes=24 << 30, device="NVIDIA L4", machine_type="g6"
)
A10G = replace(L4, nvenc=("h264_nvenc", "hevc_nvenc"), device="NVIDIA A10G", machine_type="g5")
T4 = replace(L4, precision="fp16", precisions=("fp32", "fp16"), nvenc=(), memory_bytes=16 << 30, device="Tesla T4")
AV1 = Needs(encoders=frozenset({"av1_nvenc"}))


# ---- what a worker lacks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("needs", "able", "expected"),
    [
        (Needs(), Abilities(precision="fp32"), []),
        (AV1, L4, []),
        (AV1, A10G, ["av1_nvenc"]),
        (Needs(encoders=frozenset({"hevc_nvenc"})), A10G, []),
        (Needs(precisions=frozenset({"bf16", "fp32"})), T4, ["bf16 arithmetic"]),
        (Needs(encoders=AV1.encoders, precisions=frozenset({"bf16"})), T4, ["av1_nvenc", "bf16 arithmetic"]),
        (Needs(memory_bytes=20_000_000_000), T4, ["20.0 GB of memory"]),
        (Needs(memory_bytes=20_000_000_000), L4, []),
        (Needs(memory_bytes=20_000_000_000), replace(T4, memory_bytes=0), []),
        (Needs(gpu=True, encoders=AV1.encoders), Abilities(precision="fp32"), ["a GPU that torch can use"]),
    ],
)
def test_what_a_worker_lacks_of_what_a_job_needs(needs: Needs, able: Abilities, expected: list[str]) -> None:
    assert [lack.what for lack in missing(needs, able)] == expected


# ---- notes and types ------------------------------------------------------------------------------------------------


class TimedMachines:
    """Incapable machines, and a clock."""

    def __init__(self, needs: Needs = AV1) -> None:
        self.now_s = 0.0
        self.machines = IncapableMachines(lambda: self.now_s)
        self.machines.require(needs)

    def after(self, seconds: float) -> list[str]:
        """The notes then."""
        self.now_s += seconds
        return self.machines.take_notes(at_end=False)


def test_a_note_counts_the_machines_of_a_type_and_says_what_to_do() -> None:
    timed = TimedMachines()
    for number in range(3):
        assert not timed.machines.add(f"g5 {number}", A10G)
        assert timed.machines.add(f"g6 {number}", L4)
        assert timed.after(1) == []
    [note] = timed.after(GATHER_S)
    assert note == (
        "3 machines of type g5 (NVIDIA A10G) get no chunks: they lack av1_nvenc, which this job uses. Remove this type "
        "from the cluster, or set encode.encoder: software in a job of another name."
    )
    assert timed.machines.names == {"g5 0", "g5 1", "g5 2"}


def test_a_note_comes_again_when_there_are_twice_as_many() -> None:
    timed = TimedMachines()
    noted = []
    for number in range(9):
        timed.machines.add(f"g5 {number}", A10G)
        noted += timed.after(GATHER_S)
    assert [note.split(" of type")[0] for note in noted] == ["1 machine", "2 machines", "4 machines", "8 machines"]
    assert "gets no chunks: it lacks" in noted[0]


def test_at_the_end_a_note_waits_for_no_more_machines() -> None:
    timed = TimedMachines()
    timed.machines.add("g5 0", A10G)
    assert timed.after(1) == []
    [note] = timed.machines.take_notes(at_end=True)
    assert note.startswith("1 machine of type g5")
    assert timed.machines.take_notes(at_end=True) == []


def test_a_note_does_not_come_again_for_each_larger_video() -> None:
    timed = TimedMachines(Needs(memory_bytes=17 << 30))
    timed.machines.add("g4 0", T4)
    assert len(timed.after(GATHER_S)) == 1
    timed.machines.require(Needs(memory_bytes=18 << 30))
    assert timed.after(GATHER_S) == []


def test_machines_without_a_type_are_named_by_their_device() -> None:
    timed = TimedMachines(Needs(gpu=True))
    timed.machines.add("a", Abilities(precision="fp32", device="AMD EPYC"))
    [note] = timed.after(GATHER_S)
    assert note == (
        "1 machine with AMD EPYC gets no chunks: it lacks a GPU that torch can use, which this job uses. Remove such "
        "machines from the cluster, or see what `slomo-batch doctor` says there."
    )


def test_a_type_gets_no_workers_after_two_incapable_machines_and_no_capable_one() -> None:
    timed = TimedMachines()
    timed.machines.add("g5 0", A10G)
    assert timed.machines.types == frozenset()
    timed.machines.add("g5 1", A10G)
    timed.machines.add("g6 0", L4)
    assert timed.machines.types == {"g5"}
    timed.machines.add("g5 2", replace(L4, machine_type="g5"))
    assert timed.machines.types == frozenset(), "the first two had an accident"
    assert timed.machines.names == {"g5 0", "g5 1"}


def test_an_encoder_that_worked_before_counts_but_a_gpu_that_is_lost_does_not() -> None:
    timed = TimedMachines(replace(AV1, gpu=True))
    assert timed.machines.add("g6 0", L4)
    assert timed.machines.add("g6 0", replace(L4, nvenc=())), "all sessions are in use"
    assert not timed.machines.add("g6 0", replace(L4, has_gpu=False))


def test_machines_become_incapable_when_the_job_needs_more() -> None:
    timed = TimedMachines(Needs())
    assert timed.machines.add("g5 0", A10G)
    assert timed.machines.names == frozenset()
    timed.machines.require(AV1)
    assert timed.machines.names == {"g5 0"}


def test_machines_that_are_gone_are_not_set_aside_but_were_counted() -> None:
    timed = TimedMachines()
    timed.machines.add("g5 0", A10G)
    timed.machines.keep({"g6 0"})
    assert timed.machines.names == frozenset()
    timed.machines.add("g5 1", A10G)
    assert timed.machines.names == {"g5 1"}
    assert timed.after(GATHER_S)[0].startswith("2 machines of type g5")


# ---- what a plan needs ----------------------------------------------------------------------------------------------


def test_a_plan_needs_its_encoder_of_nvenc_and_the_precision_of_its_network() -> None:
    plan = products.opened(open_call(), 1, audio=False).stored.plan
    interpolate = plan.request.settings.interpolate
    assert Needs.of(plan, interpolate, products.PIN) == Needs(precisions=frozenset({"fp32"}))
    nvenc = replace(plan, resolved=replace(plan.resolved, encoder="av1_nvenc", precision="bf16"))
    on_gpu = replace(products.PIN, gpu_batches=True)
    assert Needs.of(nvenc, interpolate, on_gpu) == Needs(
        encoders=frozenset({"av1_nvenc"}), precisions=frozenset({"bf16"}), gpu=True
    )
    without_network = replace(plan, resolved=replace(plan.resolved, weights_sha256=""))
    assert Needs.of(without_network, interpolate, on_gpu) == Needs()


def test_a_plan_of_whole_frames_needs_the_memory_of_a_pair_if_the_job_pinned_a_memory() -> None:
    plan = products.opened(open_call(), 1, audio=False).stored.plan
    weights = {"compact": WeightsPin(name="compact-1", sha256="00", network="superslomo-compact")}
    methods = {"superslomo": MethodPin(weights=weights)}
    interpolate = Interpolate(weights="compact")
    pin = replace(products.PIN, methods=methods, memory_bytes=24 << 30)
    assert Needs.of(plan, interpolate, pin).memory_bytes == 750 * 1920 * 1080
    assert Needs.of(plan, interpolate, replace(pin, memory_bytes=0)).memory_bytes == 0
    assert Needs.of(plan, replace(interpolate, tiles="never"), pin).memory_bytes == 0
    tiled = replace(plan, resolved=replace(plan.resolved, tile_px=1 << 20))
    assert Needs.of(tiled, interpolate, pin).memory_bytes == 0


# ---- whole jobs -----------------------------------------------------------------------------------------------------


def with_encoder(said: Said, encoder: str) -> Said:
    """What an open reports, with another encoder in its plan."""

    def planned(outcome: object) -> object:
        if not (isinstance(outcome, Succeeded) and isinstance(outcome.result, PlannedVideo)):
            return outcome
        stored = outcome.result.stored
        plan = replace(stored.plan, resolved=replace(stored.plan.resolved, encoder=encoder))
        return replace(outcome, result=replace(outcome.result, stored=replace(stored, plan=plan)))

    return [(after_s, planned(outcome)) for after_s, outcome in said]  # type: ignore[misc] # of the same class


def mixture(
    patch: pytest.MonkeyPatch, *, num_g6: int, num_g5: int, first_av1: int = 0, num_chunks: int = 8
) -> VirtualRay:
    """A cluster of two types, of which one has no AV1 encoder. Videos from `first_av1` on are for AV1."""
    chance = Random(1)
    names = machines("g6", num_g6) + machines("g5", num_g5)
    chance.shuffle(names)

    def task(machine: str, call: TaskCall) -> Said:
        is_av1 = call.head.video >= first_av1
        return with_encoder(finished(machine, call, num_chunks=num_chunks), "av1_nvenc" if is_av1 else "h264_nvenc")

    def chunk(machine: str, call: ChunkCall) -> tuple[float, Outcome]:
        if machine.startswith("g5") and call.task.plan.resolved.encoder == "av1_nvenc":
            return 1.0, Errored(head=call.head, error=SegmentInvalid("no capable device for av1_nvenc"))
        return made(machine, call, seconds=10 * chance.uniform(0.8, 1.2))

    def able(machine: str) -> Abilities:
        return A10G if machine.startswith("g5") else L4

    ray = VirtualRay(names, Scenario(task=task, chunk=chunk, able=able))
    ray.plug_in(patch)
    return ray


@pytest.mark.parametrize("num_videos", [40, pytest.param(400, marks=pytest.mark.slow)])
def test_machines_without_the_encoder_of_a_job_cost_no_video_and_fail_no_chunk(
    num_videos: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = mixture(monkeypatch, num_g6=10, num_g5=8)
    ended = VirtualJob(ray, num_videos=num_videos, max_workers=18).run()
    assert ended.failed_attempts == []
    assert ended.given_up == []
    assert ended.num_published == num_videos
    [note] = ended.notes
    assert note.startswith(
        "8 machines of type g5 (NVIDIA A10G) get no chunks: they lack av1_nvenc, which this job uses."
    )


def test_such_machines_work_until_a_video_needs_what_they_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = mixture(monkeypatch, num_g6=2, num_g5=3, first_av1=64, num_chunks=1)
    made_on = list[str]()
    chunk = ray.scenario.chunk

    def recorded(machine: str, call: ChunkCall) -> tuple[float, Outcome]:
        made_on.append(f"{call.task.plan.resolved.encoder} {machine.split(maxsplit=1)[0]}")
        return chunk(machine, call)

    ray.scenario.chunk = recorded
    ended = VirtualJob(ray, num_videos=80, max_workers=5).run()
    assert ended.failed_attempts == []
    assert ended.num_published == 80
    assert {"h264_nvenc g5", "h264_nvenc g6", "av1_nvenc g6"} == set(made_on)
    assert len(ended.notes) == 1


def test_steps_run_on_such_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = mixture(monkeypatch, num_g6=1, num_g5=1)
    began_on = list[str]()

    def task(machine: str, call: TaskCall) -> Said:
        began_on.append(machine)
        return finished(machine, call)

    ray.scenario.task = task
    engine = ray.engine(max_workers=2, num_tasks=8)
    engine.require(AV1)
    for _ in range(3):
        engine.scale(4)
        engine.outcomes(0.5)
    assert engine.num_workers == 1
    for _ in range(4):
        engine.start(open_call())
    assert set(began_on) == {"g6 0", "g5 0"}


def test_the_job_ends_with_the_reason_if_no_machine_can_do_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = mixture(monkeypatch, num_g6=0, num_g5=3).engine(max_workers=4)
    engine.require(AV1)
    with pytest.raises(AbilityMissing, match=r"got 3 machines of type g5 .* that lack av1_nvenc\. Add.*: software"):  # noqa: PT012 each tells once
        for _ in range(20):
            engine.scale(8)
            engine.outcomes(0.5)


def test_a_job_that_began_with_gpus_goes_on_without(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = VirtualRay(machines("cpu", 2), Scenario())
    ray.plug_in(monkeypatch)
    ray.num_gpus = 0.0
    engine = ray.engine(max_workers=2)
    engine.require(Needs(gpu=True))
    for _ in range(5):
        engine.scale(8)
        engine.outcomes(0.5)
    assert engine.num_workers == 2


def test_a_worker_kept_off_a_type_does_not_count_as_one_that_no_process_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = mixture(monkeypatch, num_g6=0, num_g5=2)
    engine = ray.engine(max_workers=4)
    engine.require(AV1)
    ray.machines.append("g6 0")
    for _ in range(5):
        engine.scale(8)
        engine.outcomes(0.5)
    ray.machines.append("g5 of later")
    notes = []
    for _ in range(int(2 * BEGIN_S)):
        engine.scale(8)
        engine.outcomes(1.0)
        notes += engine.take_notes(at_end=False)
    assert engine.num_workers == 1
    assert [note.split(" get")[0] for note in notes] == ["2 machines of type g5 (NVIDIA A10G)"]
