"""The driver claim: who leads a job, as the work place stores it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverClaim:
    """A driver's claim to lead the job, and its heartbeat."""

    driver: str
    """Random name of the driver."""
    host: str
    pid: int
    process_start: str
    """When the process began, in the kernel's units. A pid is reused, but not with the same start."""
    beat: int
    """Increases while the driver runs."""
    ended: bool
    """True once the driver has ended normally."""
    boot_id: str = ""
    """Random id that the kernel takes when it starts; "" if unknown."""
    pid_namespace: int = 0
    """Inode of the PID namespace, in which the pid is valid; 0 if unknown. Containers have one each."""
