"""Work places with one damaged object: a job stopped in every state, every kind of object, every way of damage.

`Workshop` builds the states once, in one folder, since ids depend on paths; `attempt` sets one of them up, damages one
object, and runs the commands that a person would. What comes out is compared with what a quiet run made.
"""

import hashlib
import io
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import av
import pytest

from slomo_batch.cli.main import main
from slomo_batch.errors import Interrupted, JobDamaged
from slomo_batch.scheduler import calls, leases
from slomo_batch.steps import interpolate, stitch
from tests.clips.film import GOP, AudioTone, Film, made
from tests.end_to_end.running import Job, frame_hashes

SECTIONS = {
    "interpolate": {"method": "blend"},
    "retime": {"slowdown": 2},
    "encode": {"preset": "ultrafast"},
    "chunks": {"pairs": 4},
    "retries": {"chunk": 1},
}
LOST = "this is a leftover\n"


# ---- ways of damage --------------------------------------------------------------------------------------------------


def _flipped(data: bytes) -> bytes:
    place = len(data) // 2
    return data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :] if data else b""


def _other_digit(data: bytes) -> bytes:
    """The first digit of the second half that is alone or leads a number is another one: text stays what it was."""
    found = re.compile(rb"(?<=[:\[,])[0-9]").search(data, len(data) // 3)
    if found is None:
        return _flipped(data)
    digit = b"%d" % ((int(found[0]) + 1) % 10)
    return data[: found.start()] + digit + data[found.end() :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda data: data[: len(data) * 2 // 3],
    "empty": lambda _: b"",
    "bit": _flipped,
    "zeros": lambda data: bytes(len(data)),
    "garbage": lambda data: Random(len(data)).randbytes(len(data)),
    "braces": lambda _: b"{}",
    "digit": _other_digit,
}
"""What becomes of an object's bytes. Besides: "other", another object of its kind, and "deleted"."""
WAYS = (*DAMAGES, "other", "deleted")
STRAYS = (
    ".DS_Store",
    "000001 (copy).json",
    "zzz.json",
    "999999.json.tmp",
    ".000001.json.Xy12ab",
    "000001.sync-conflict-20250101-101010-ABCDEFG.json",
    "000001-000001 (conflicted copy 2025-01-01).parquet",
)
"""Files that file managers, rsync, Syncthing and Dropbox leave in a folder."""


def kind_of(path: str) -> str:
    """What an object is, by its path below the job's folder, with ids and numbers left open."""
    return re.sub(r"[0-9]{6,}", "N", re.sub(r"[0-9a-f]{32}", "ID", path))


@dataclass(frozen=True, slots=True)
class Case:
    """One damage."""

    state: str
    kind: str
    way: str
    """One of WAYS, or the name of a stray that is put beside the object."""

    def __str__(self) -> str:
        return f"{self.state}-{self.kind}-{self.way}"


# ---- commands --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended."""

    code: int
    text: str
    """Both streams."""


def command(*arguments: str) -> Answer:
    """A command line, in this process."""
    streams = io.StringIO()
    with redirect_stdout(streams), redirect_stderr(streams):
        code = main(list(arguments))
    return Answer(code, streams.getvalue())


@dataclass(frozen=True, slots=True)
class Made:
    """Hashes of the decoded frames and of the audio packets of the outputs."""

    frames: Mapping[str, tuple[str, ...]]
    audio: Mapping[str, str]


def _audio_of(path: Path) -> str:
    whole = hashlib.sha256()
    with av.open(str(path)) as container:
        for packet in container.demux(audio=0):
            whole.update(bytes(packet))
    return whole.hexdigest()


# ---- the states ------------------------------------------------------------------------------------------------------


def _stop() -> None:
    raise Interrupted("stopped by a test")


def _stopping_at(number: int, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, until it is called for the `number`-th time: then the job stops, as if it were killed."""
    called = 0

    def stopping(*args: Any, **kwargs: Any) -> Any:
        nonlocal called
        called += 1
        if called == number:
            _stop()
        return function(*args, **kwargs)

    return stopping


def _stopping_after(function: Callable[..., Any]) -> Callable[..., Any]:
    def stopping(*args: Any, **kwargs: Any) -> Any:
        function(*args, **kwargs)
        _stop()

    return stopping


STATES: dict[str, tuple[Any, str, Callable[[Callable[..., Any]], Callable[..., Any]]]] = {
    "split": (interpolate, "interpolate_chunk", lambda step: _stopping_at(1, step)),
    "half": (interpolate, "interpolate_chunk", lambda step: _stopping_at(3, step)),
    "made": (calls, "stitch_video", lambda step: _stopping_at(1, step)),
    "chosen": (stitch, "check_disk", lambda step: _stopping_at(1, step)),
    "uploaded": (stitch, "record_ownership", _stopping_after),
}
"""Jobs that were stopped: where, and in which call. Besides: "finished"; and "failed", where one source is no video."""
ALL_STATES = (*STATES, "finished", "failed")


@dataclass
class Workshop:
    """A job of two short films in a folder, and its states, each made once and when it is wanted."""

    folder: Path
    job: Job = field(init=False)
    quiet: Made = field(init=False)

    def __post_init__(self) -> None:
        films = [self.folder / name for name in ("a.mp4", "b.mp4")]
        for number, path in enumerate(films):
            audio = AudioTone(hertz=330.0 * (number + 1))
            film = Film(num_frames=12, options=GOP, rate=Fraction(25), audio=(audio,), size=(64 + 16 * number, 48))
            path.write_bytes(made(film))
        (self.folder / "c.mp4").write_bytes(b"not a video")
        self._films = [str(path) for path in films]
        self.job = Job(self.folder / "job").write(self._films, **SECTIONS)
        assert command("run", str(self.job.manifest)).code == 0
        self.quiet = self.made()
        assert len(self.quiet.audio) == 2
        self._keep("finished")

    def made(self) -> Made:
        """The outputs there are."""
        outputs = sorted(self.job.outputs.glob("*.mkv"))
        return Made(
            frames={path.stem: tuple(frame_hashes(path)) for path in outputs},
            audio={path.stem: _audio_of(path) for path in outputs},
        )

    def cases(self, state: str) -> list[Case]:
        """Every damage of every kind of object there is in a state, and every stray in every folder."""
        kinds = sorted({kind_of(path) for path in self._paths(state)})
        folders = {kind.rpartition("/")[0]: kind for kind in kinds}
        strays = [Case(state, kind, stray) for kind in folders.values() for stray in STRAYS]
        return [Case(state, kind, way) for kind in kinds for way in WAYS] + strays

    # ---- one case ----------------------------------------------------------------------------------------------------

    def set_up(self, case: Case, *, checksums: bool = True) -> Path | None:
        """The state of a case, damaged; the object's path, None where there is no such damage. Without `checksums` all
        records are as the first version wrote them."""
        self.restore(case.state)
        paths = [path for path in self._paths(case.state) if kind_of(path) == case.kind]
        if not checksums:
            self._strip_checksums()
        chosen = self.job.work / paths[-1]
        if case.way == "deleted":
            chosen.unlink()
        elif case.way == "other":
            others = [self.job.work / path for path in paths[:-1]]
            if not others or others[0].read_bytes() == chosen.read_bytes():
                return None
            chosen.write_bytes(others[0].read_bytes())
        elif case.way in DAMAGES:
            data = chosen.read_bytes()
            damaged = DAMAGES[case.way](data)
            if damaged == data:
                return None
            chosen.write_bytes(damaged)
        else:
            (chosen.parent / case.way).write_text(LOST)
        return chosen

    def commands(self) -> Iterator[tuple[str, Answer]]:
        """The commands of a user: status, run, retry of failed videos, cleanup."""
        manifest = str(self.job.manifest)
        for arguments in (("status",), ("plan",), ("run",), ("run", "--retry-failed"), ("gc", "--delete"), ("status",)):
            yield " ".join(arguments), command(arguments[0], manifest, *arguments[1:])

    # ---- states ------------------------------------------------------------------------------------------------------

    def restore(self, state: str) -> None:
        """Set the job to a state; nothing else is there."""
        kept = self._kept(state)
        if not kept.exists():
            self._build(state)
        for name in ("work", "out"):
            shutil.rmtree(self.job.folder / name, ignore_errors=True)
            if (kept / name).exists():
                shutil.copytree(kept / name, self.job.folder / name)
        inputs = [*self._films, str(self.folder / "c.mp4")] if state == "failed" else self._films
        self.job.write(inputs, **SECTIONS)

    def _build(self, state: str) -> None:
        for name in ("work", "out"):
            shutil.rmtree(self.job.folder / name, ignore_errors=True)
        if state == "failed":
            self.job.write([*self._films, str(self.folder / "c.mp4")], **SECTIONS)
            assert command("run", str(self.job.manifest)).code == 1
        else:
            self.job.write(self._films, **SECTIONS)
            module, name, stopping = STATES[state]
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(module, name, stopping(getattr(module, name)))
                assert command("run", str(self.job.manifest)).code == Interrupted.exit_code
        self._keep(state)

    def _keep(self, state: str) -> None:
        for name in ("work", "out"):
            if (self.job.folder / name).exists():
                shutil.copytree(self.job.folder / name, self._kept(state) / name)

    def _kept(self, state: str) -> Path:
        return self.folder / "states" / state

    def _paths(self, state: str) -> list[str]:
        """Every object of the job, below its folder."""
        if not self._kept(state).exists():
            self._build(state)
        work = self._kept(state) / "work" / "jobs" / self.job.name
        return sorted(path.relative_to(work).as_posix() for path in work.rglob("*") if path.is_file())

    def _strip_checksums(self) -> None:
        for path in self.job.work.rglob("*.json"):
            path.write_bytes(re.sub(rb',"checksum":"[0-9a-f]{32}"\}$', b"}", path.read_bytes()))


@contextmanager
def quick_folder(purpose: str) -> Iterator[Path]:
    """A folder in memory, if the system has one: on disk every write waits for it."""
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix=f"slomo-{purpose}-", dir=memory) as folder:
        yield Path(folder)


@contextmanager
def impatient() -> Iterator[None]:
    """Wait only a moment for a driver that seems alive: the tests' jobs all belong to this live process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(leases, "EXPIRY_S", 0.02)
        patch.setattr(leases, "BEAT_S", 0.01)
        yield


def check(case: Case, workshop: Workshop, *, checksums: bool = True) -> str:
    """Try one damage; return the fault of its result, empty if there is none."""
    chosen = workshop.set_up(case, checksums=checksums)
    if chosen is None:
        return ""
    answers = dict(workshop.commands())
    shown = "\n".join(f"{name}: exit {answer.code}\n{answer.text}" for name, answer in answers.items())
    first, last = answers["run"], answers["run --retry-failed"]
    wanted = 1 if case.state == "failed" else 0
    if any(answer.code not in {0, 1, 3} or "Traceback" in answer.text for answer in answers.values()):
        return f"a crash:\n{shown}"
    if first.code != wanted and str(chosen) not in first.text:
        return f"a failure without the key:\n{shown}"
    if last.code == JobDamaged.exit_code:
        chosen.unlink()  # the remedy in the message
        last = command("run", str(workshop.job.manifest))
    if last.code != wanted:
        return f"never repaired, exit {last.code} at last:\n{shown}\n{last.text}"
    return "" if workshop.made() == workshop.quiet else f"other outputs than the quiet run's:\n{shown}"
