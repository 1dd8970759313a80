"""Machines: open the engine that the manifest's cluster section asks for, and find out what its workers can do."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING

from slomo_batch.cluster import ray_address
from slomo_batch.cluster.demand import floor
from slomo_batch.cluster.ray_address import LOCAL, RayChoice
from slomo_batch.cluster.shared_disk import machines_to_expect
from slomo_batch.errors import ClusterError, ManifestError
from slomo_batch.loading import fast_loading
from slomo_batch.report.events import Display
from slomo_batch.scheduler.abilities import Abilities, probe_abilities
from slomo_batch.scheduler.engine import Engine
from slomo_batch.scheduler.inline_engine import InlineEngine
from slomo_batch.scheduler.local_workers import (
    CoreShares,
    chunks_at_once,
    chunks_beside_gpu,
    cores_beside_gpu,
    share_cores,
)
from slomo_batch.scheduler.stop_signals import StopRequests
from slomo_batch.settings import Cluster
from slomo_batch.steps.pair_pool import PairPool
from slomo_batch.wiring import JobEnvironment, open_context

if TYPE_CHECKING:
    from slomo_batch.scheduler.chunk_worker import WorkerNeeds

LOCAL_TASKS = 2
"""Calls without a model that run beside the workers on one machine."""
DEFAULT_MAX_WORKERS = 8
REACH_S = 20.0
"""How long a cluster's head may take to accept a connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSettings:
    """What the manifest's cluster section says, with its defaults resolved."""

    address: str
    """auto, inline, local, or a Ray address."""
    min_workers: int
    max_workers: int
    gpus_per_worker: float
    cpus_per_worker: int
    hang_s: int
    """Seconds before which no worker counts as hanging."""
    chooses_cpus: bool
    """Whether the manifest itself sets cpus_per_worker."""
    chooses_gpus: bool
    """Whether the manifest itself sets gpus_per_worker, to 0 or more."""

    @classmethod
    def of(cls, cluster: Cluster) -> "ClusterSettings":
        """Resolve the manifest's section."""
        most, cpus, gpus = cluster.workers.max, cluster.cpus_per_worker, cluster.gpus_per_worker
        return cls(
            address=cluster.address,
            min_workers=cluster.workers.min,
            max_workers=DEFAULT_MAX_WORKERS if most == "auto" else most,
            gpus_per_worker=1.0 if gpus == "auto" else float(gpus),
            cpus_per_worker=1 if cpus == "auto" else cpus,
            hang_s=cluster.workers.hang_s,
            chooses_cpus=cpus != "auto",
            chooses_gpus=gpus != "auto",
        )

    @property
    def requires_gpus(self) -> bool:
        """Whether workers need GPUs even if the cluster has to start a machine with one first."""
        return self.chooses_gpus and self.gpus_per_worker > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Machines:
    """An engine, and where it runs."""

    engine: Engine
    find_abilities: Callable[[int], Abilities]
    """Finds out what a worker of a job of so many videos can do. Waits for the first machine with room for one; those
    for the others start meanwhile."""
    num_machines: int
    description: str
    """For a person: "this process", "a local Ray", or the cluster's address."""
    are_here: bool
    """Whether they are this machine alone, so that stitches use its disk."""
    displays: tuple[Display, ...] = ()
    """Displays that come with these machines: the metrics of a cluster."""
    notes: tuple[str, ...] = ()
    """What a person should know about how they were found."""


@contextmanager
def open_machines(
    settings: ClusterSettings,
    environment: JobEnvironment,
    *,
    prewarm: int = 0,
    stop: StopRequests | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Iterator[Machines]:
    """Open the engine that carries out the job's calls; everything it started ends with the context.

    As long as the context is open, the cluster is asked for machines with room for `prewarm` workers. `tell` gets what
    is being done now, for a person.

    Raises:
        ManifestError: `prewarm` is set and the job runs on this machine; or the cluster may start machines with GPUs,
            and the manifest does not say whether workers take them.
        ClusterError: Ray cannot be reached or started, or has nothing that could run a worker.
        Interrupted: `stop` was requested before the first machine was up.
    """
    with ExitStack() as stack:
        if settings.address == "inline":
            _refuse_prewarm(prewarm)
            machines = stack.enter_context(_inline(settings, environment))
        else:
            machines = stack.enter_context(_ray(settings, environment, prewarm, stop or StopRequests(), tell))
        try:
            yield machines
        finally:
            machines.engine.close()


@contextmanager
def _inline(settings: ClusterSettings, environment: JobEnvironment) -> Iterator[Machines]:
    shares = _shares(settings)
    context = replace(open_context(environment), pairs=PairPool(shares.workers * shares.cores))
    num_slots = shares.workers * shares.slots
    engine = InlineEngine(context, num_slots=num_slots, num_tasks=LOCAL_TASKS, hang_s=settings.hang_s)
    from slomo_batch.interpolators.device import num_gpus  # noqa: PLC0415 loads torch

    notes = inline_notes(num_gpus())
    yield Machines(
        engine=engine,
        find_abilities=lambda _: probe_abilities(),
        num_machines=1,
        description="this process",
        are_here=True,
        notes=notes,
    )


def inline_notes(num_gpus: int) -> tuple[str, ...]:
    """What a person should know about a job that runs in this process on a machine with so many GPUs."""
    note = f"this process computes on one of {num_gpus} GPUs; cluster.address: local uses all of them"
    return (note,) if num_gpus > 1 else ()


def _shares(settings: ClusterSettings) -> CoreShares:
    """The workers that this machine has cores for, within the manifest's limits."""
    return share_cores(
        len(os.sched_getaffinity(0)),
        min_workers=settings.min_workers,
        max_workers=settings.max_workers,
        cpus_per_worker=settings.cpus_per_worker if settings.chooses_cpus else None,
    )


def _refuse_prewarm(prewarm: int) -> None:
    if prewarm:
        raise ManifestError(
            "--prewarm asks a cluster for machines, but the job runs on this one",
            remedy="Leave it out, or name a cluster in cluster.address.",
        )


@contextmanager
def _ray(
    settings: ClusterSettings,
    environment: JobEnvironment,
    prewarm: int,
    stop: StopRequests,
    tell: Callable[[str], None],
) -> Iterator[Machines]:
    tell("loading Ray")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray  # noqa: PLC0415 an inline job never loads Ray

    from slomo_batch.cluster.gpu_choice import check_gpu_choice  # noqa: PLC0415 as above
    from slomo_batch.cluster.nodes import (  # noqa: PLC0415 as above
        alive_nodes,
        ask_for_room,
        cluster_total,
        machines_for_steps,
        offer,
    )
    from slomo_batch.report.metrics import RayMetrics  # noqa: PLC0415 as above
    from slomo_batch.scheduler.first_worker import abilities_of_first_worker  # noqa: PLC0415 as above
    from slomo_batch.scheduler.machine_room import gpu_notes  # noqa: PLC0415 as above
    from slomo_batch.scheduler.ray_engine import RayEngine  # noqa: PLC0415 as above

    connected = _connect(settings, tell)
    own = connected.own
    stop.listen()  # Ray replaces the signal handlers when it starts
    try:
        if own:
            _refuse_prewarm(prewarm)
        else:
            check_gpu_choice(offer(), gpus_per_worker=settings.gpus_per_worker, is_in_manifest=settings.chooses_gpus)
        needs = _worker_needs(settings, is_local=own, num_gpus=cluster_total("GPU"))
        worker = needs.resources
        if prewarm:
            ask_for_room(floor(worker, prewarm=prewarm, max_workers=settings.max_workers))
        with RayMetrics(environment.job) as metrics:
            engine = RayEngine(environment, needs, num_tasks=LOCAL_TASKS if own else None)

            def find_abilities(num_videos: int) -> Abilities:
                if own and not needs.num_gpus:
                    return probe_abilities()
                return abilities_of_first_worker(engine, num_videos, stop=stop, tell=tell)

            yield Machines(
                engine=engine,
                find_abilities=find_abilities,
                num_machines=machines_to_expect(len(alive_nodes()), cluster_total("CPU")),
                description="a local Ray" if own else f"the Ray cluster at {ray.get_runtime_context().gcs_address}",
                are_here=own,
                displays=(metrics,),
                notes=(*connected.notes, *gpu_notes({} if own else machines_for_steps(), worker)),
            )
    finally:
        if prewarm and not own:
            ask_for_room([])
        ray.shutdown()


def _worker_needs(settings: ClusterSettings, *, is_local: bool, num_gpus: float) -> "WorkerNeeds":
    """What one worker takes, on a Ray that has this many GPUs now."""
    has_gpus = num_gpus >= settings.gpus_per_worker > 0
    gpus = settings.gpus_per_worker if has_gpus or (settings.requires_gpus and not is_local) else 0.0
    if gpus:
        return _needs_with_gpus(settings, gpus, is_local=is_local, num_gpus=num_gpus)
    if is_local:
        shares = _shares(settings)
        return _needs(settings, is_local=True, max_workers=shares.workers, cores=shares.cores, slots=shares.slots)
    cores = settings.cpus_per_worker
    most = settings.max_workers
    return _needs(settings, is_local=False, max_workers=most, cores=cores, slots=chunks_at_once(cores))


def _needs_with_gpus(settings: ClusterSettings, gpus: float, *, is_local: bool, num_gpus: float) -> "WorkerNeeds":
    """What a worker with GPUs takes. Its cores estimate prior flows and encode, while the GPU runs the network."""
    cores = settings.cpus_per_worker
    if is_local and not settings.chooses_cpus:
        workers = min(settings.max_workers, max(1, int(num_gpus / gpus)))
        cores = cores_beside_gpu(len(os.sched_getaffinity(0)), workers)
    most, slots = settings.max_workers, chunks_beside_gpu(cores)
    return _needs(settings, is_local=is_local, max_workers=most, cores=cores, slots=slots, num_gpus=gpus)


def _needs(
    settings: ClusterSettings, *, is_local: bool, max_workers: int, cores: int, slots: int, num_gpus: float = 0.0
) -> "WorkerNeeds":
    from slomo_batch.scheduler.chunk_worker import WorkerNeeds  # noqa: PLC0415 an inline job never loads Ray

    return WorkerNeeds(
        min_workers=max(settings.min_workers, 1 if is_local else 0),  # it starts while the first video is opened
        max_workers=max_workers,
        num_gpus=num_gpus,
        num_cpus=0 if is_local else cores,  # this process counts the workers of its own Ray
        slots=slots,
        cores=max(slots, cores),
        hang_s=settings.hang_s,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Connected:
    """The Ray that this process is connected to."""

    own: bool
    """Whether this process started it."""
    notes: tuple[str, ...] = ()


def _connect(settings: ClusterSettings, tell: Callable[[str], None]) -> _Connected:
    """Connect to the cluster of the settings, or start one on this machine.

    Raises:
        ClusterError: no cluster answers, or Ray cannot be started here.
    """
    choice = ray_address.choose() if settings.address == "auto" else RayChoice(address=settings.address)
    if choice.address == LOCAL:
        tell("starting Ray on this machine")
        _load_ahead()
        _start_here()
        return _Connected(own=True, notes=choice.notes)
    import ray  # noqa: PLC0415 an inline job never loads Ray

    tell(f"connecting to the Ray cluster at {choice.address}")
    try:
        ray_address.check_answers(choice.address, REACH_S)
        ray.init(**choice.init_arguments, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:
        by = f"{choice.named_by} names it. " if choice.named_by else ""
        raise ClusterError(
            "no Ray cluster answers",
            where=choice.address,
            got=ray_address.first_line(error),
            remedy=f"{by}Check cluster.address, RAY_ADDRESS, RAY_AUTH_MODE and the token file; cluster.address: local "
            "runs on this machine.",
        ) from error
    return _Connected(own=False)


def _load_ahead() -> None:
    """Load what `probe_abilities` needs in a thread of its own, while Ray starts its processes."""

    def load() -> None:
        with fast_loading():
            import_module("slomo_batch.interpolators.device")

    Thread(target=load, daemon=True).start()


def _start_here() -> None:
    import ray  # noqa: PLC0415 an inline job never loads Ray

    try:
        # Only steps take CPUs of this Ray, so that a split never waits for the workers that wait for its chunks. For
        # each CPU that Ray is given, it starts a process ahead.
        ray.init(
            address=LOCAL,
            num_cpus=LOCAL_TASKS,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            _node_ip_address="127.0.0.1",
        )
    except Exception as error:
        advice = ray_address.start_advice()
        raise ClusterError(
            "Ray cannot be started",
            where=LOCAL,
            got=ray_address.first_line(error),
            remedy=f"{advice} Or run without Ray: cluster.address: inline.".lstrip(),
        ) from error
