"""RunMachines: the machines of a run, opened when something must be asked of them or made, and checked."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from slomo_batch.commands.run_context import RunContext
from slomo_batch.records.requests import VideoRequest
from slomo_batch.report.units import counted
from slomo_batch.scheduler.machines import ClusterSettings, Machines, open_machines
from slomo_batch.scheduler.preflight import check_local_disk, check_machines_share_storage
from slomo_batch.scheduler.shared_folders import proven_folders
from slomo_batch.wiring import JobEnvironment


class RunMachines:
    """The machines of a run. `stack` closes them."""

    def __init__(
        self,
        run: RunContext,
        environment: JobEnvironment,
        requests: Sequence[VideoRequest],
        stack: ExitStack,
        *,
        prewarm: int,
    ) -> None:
        """`requests`: all of the job; the machines must see their shared folders. `prewarm`: number of workers for
        which a cluster is asked to start machines at once."""
        self._run, self._environment, self._requests = run, environment, requests
        self._stack, self._prewarm = stack, prewarm
        self._machines: Machines | None = None

    def open(self) -> Machines:
        """The machines; opened at the first call."""
        if self._machines is None:
            job = self._run.manifest.job
            folders = proven_folders(job.storage.shared, self._requests, self._run.steps, self._run.lease.number)
            self._environment = replace(self._environment, shared=self._stack.enter_context(folders))
            self._machines = self._stack.enter_context(
                open_machines(
                    ClusterSettings.of(job.cluster),
                    self._environment,
                    prewarm=self._prewarm,
                    stop=self._run.stop,
                    tell=self._run.show_activity,
                )
            )
        return self._machines

    def check(self, requests: Sequence[VideoRequest]) -> None:
        """Check that they can make these videos, and show what a person should know of them and of the work place."""
        machines = self.open()
        if machines.are_here:
            check_local_disk(requests, self._run.steps)
        self._check_shared(machines, requests)
        for note in machines.notes:
            self._run.note(note)
        self._note_old_versions()

    def _check_shared(self, machines: Machines, requests: Sequence[VideoRequest]) -> None:
        """Check that several machines find everything, and that commits are safe in a work place in a shared folder."""
        context = self._run.steps
        check_machines_share_storage(machines.num_machines, requests, context, self._run.manifest.job.storage.shared)
        if machines.num_machines > 1 and context.work.root.is_local:
            from slomo_batch.scheduler.machine_race import race_for_objects  # noqa: PLC0415 an inline job never loads Ray

            self._run.show_activity("checking that the machines share the work place")
            number = race_for_objects(self._environment)
            text = f"{counted(number, 'machine')} raced for objects in the work place: each was created once"
            self._run.note(text, is_detail=True)

    def _note_old_versions(self) -> None:
        work = self._run.steps.work.root
        if work.is_local:
            return
        from slomo_batch.storage import old_versions  # noqa: PLC0415 a job that does not use S3 does not load boto3

        if old_versions.keeps_old_versions(work, self._environment.s3):
            self._run.note(f"the work place: {old_versions.NOTE}. {old_versions.REMEDY}")
