"""The command line: parse, call the job, print, exit with its code.

    0 all published   1 some videos failed   2 the manifest or the command is wrong
    3 cluster or storage unusable            70 a bug of this program   130 interrupted

Expected failures are told in words on stderr, without a traceback. Answers go to stdout. Neither torch nor Ray nor the
media libraries are loaded before a command needs them.
"""

import argparse
import json
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any, Literal, NoReturn, TextIO

from slomo_batch import __version__
from slomo_batch.cli.cluster import add_cluster_tools
from slomo_batch.cli.evaluation import add_evaluation
from slomo_batch.cli.jobs import add_job_commands, is_elsewhere, submit
from slomo_batch.cli.training import add_training
from slomo_batch.errors import ClusterError, ManifestError, SlomoError, StorageError, StoreUnusable
from slomo_batch.interpolators.superslomo.shipped_weights import shipped_names
from slomo_batch.manifest.load import Override, is_file, load, read_text
from slomo_batch.manifest.schema import Manifest, json_schema
from slomo_batch.manifest.single_video import single
from slomo_batch.redact import redacted
from slomo_batch.report.events import Display
from slomo_batch.sanitize import lines, one_line
from slomo_batch.storage.local_errors import machine_fault
from slomo_batch.streams import ReaderGone, for_answer, for_display, standard_streams

EXIT_VIDEOS_FAILED = 1
EXIT_BUG = 70
EXIT_INTERRUPTED = 130
SECONDS_BETWEEN_LOGGED = 60.0
"""The log file gets one line of where the job stands in this time."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    with standard_streams():
        try:
            code = _command(arguments)
            sys.stdout.flush()
        except SlomoError as error:
            return _tell(error)
        except ReaderGone:
            return StoreUnusable.exit_code
        except KeyboardInterrupt:
            _complain("slomo-batch: interrupted")
            return EXIT_INTERRUPTED
        except Exception as error:  # noqa: BLE001 the last place that can name a bug as one
            fault = machine_fault(error)
            if fault is not None:
                return _tell(fault)
            _complain(traceback.format_exc().rstrip())
            _complain("slomo-batch: this is a bug of slomo-batch; please report it with the lines above")
            return EXIT_BUG
        return code


def _command(arguments: Sequence[str] | None) -> int:
    try:
        options = _parser().parse_args(arguments)
        Path.cwd()  # libraries do not start in a folder that was deleted
        command: Callable[[argparse.Namespace], int] = options.command
        return command(options)
    except SystemExit as leaving:  # argparse has said why
        return leaving.code if isinstance(leaving.code, int) else 2


def _tell(error: SlomoError) -> int:
    """Say it; the exit code. A storage error that nobody took for one video's is the whole command's."""
    _complain(f"slomo-batch: {one_line(str(error))}")
    for problem in error.problems if isinstance(error, ManifestError) else ():
        _complain(f"  {one_line(problem)}")
    return StoreUnusable.exit_code if isinstance(error, StorageError) else error.exit_code


def _say(line: str) -> None:
    sys.stdout.write(one_line(line) + "\n")


def _complain(text: str) -> None:
    sys.stderr.write(lines(redacted(text)) + "\n")


# ---- parsing -------------------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """As argparse's, but an argument that is wrong is named, not obeyed by the terminal."""

    def error(self, message: str) -> NoReturn:
        super().error(one_line(redacted(message)))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="slomo-batch",
        description="Slow motion and higher frame rates for whole archives of video.",
        epilog="Exit codes: 0 all published, 1 some videos failed, 2 the manifest or the command is wrong, "
        "3 cluster or storage unusable, 130 interrupted.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"slomo-batch {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (
        _add_run,
        _add_plan,
        _add_convert,
        _add_status,
        _add_timeline,
        _add_gc,
        _add_schema,
        _add_weights,
        _add_archive,
        _add_cluster,
    ):
        add(commands)
    add_job_commands(partial(_add, commands), _add_run_options, _display_for_people)
    add_evaluation(partial(_add, commands))
    add_training(partial(_add, commands))
    return parser


_Commands = Any
"""What argparse's add_subparsers gives; its class is private."""


def _add(commands: _Commands, name: str, help_text: str, run: Callable[[argparse.Namespace], int]) -> Any:
    parser = commands.add_parser(name, help=help_text, description=help_text, allow_abbrev=False)
    parser.set_defaults(command=run)
    return parser


def _add_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help="a setting by its dotted path, like encode.codec=ffv1; goes over everything else; repeatable",
    )


def _add_strict(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--strict", action="store_true", help="refuse inputs that name no video, with exit code 2")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object per line on stdout")


def _add_log(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--log", metavar="FILE", help="append everything that happens to this file, as JSON lines")


def _add_run(commands: _Commands) -> None:
    parser = _add(commands, "run", "make what a manifest asks for, or finish it", _run)
    _add_run_options(parser)
    _add_log(parser)
    parser.add_argument("--require-version", metavar="VERSION", default="", help="refuse if another is installed")


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("manifest", metavar="MANIFEST", help='"-" reads it from stdin')
    _add_settings(parser)
    parser.add_argument("--retry-failed", action="store_true", help="try videos again that earlier runs gave up")
    parser.add_argument("--force", action="store_true", help="make everything again, also what is published")
    _add_strict(parser)
    parser.add_argument("--take-over", action="store_true", help="although another run seems to hold the job")
    parser.add_argument(
        "--prewarm", metavar="N", type=_count, default=0, help="have a cluster start machines for N workers at once"
    )
    _add_json(parser)


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is too small: at least 0")
    return number


def _add_plan(commands: _Commands) -> None:
    parser = _add(commands, "plan", "say what a run would do, and do nothing", _plan)
    parser.add_argument("manifest", metavar="MANIFEST")
    _add_settings(parser)
    _add_strict(parser)
    _add_json(parser)


def _add_convert(commands: _Commands) -> None:
    parser = _add(commands, "convert", "make one video, without a manifest; in this process, without Ray", _convert)
    parser.add_argument("source", metavar="IN")
    parser.add_argument("output", metavar="OUT", help="its suffix decides the container")
    for flag, path in _CONVERT_FLAGS.items():
        parser.add_argument(flag, metavar="VALUE", help=f"{path} of a manifest")
    # Messages name it as the remedy, whatever the command: here it changes nothing.
    parser.add_argument("--retry-failed", action="store_true", help="try again what failed before; always on")
    _add_settings(parser)
    _add_json(parser)
    _add_log(parser)


_CONVERT_FLAGS = {
    "--slowdown": "retime.slowdown",
    "--fps": "retime.fps",
    "--method": "interpolate.method",
    "--weights": "interpolate.weights",
    "--codec": "encode.codec",
    "--quality": "encode.quality",
}


def _add_job(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", metavar="JOB", help="a manifest, or the name of a job together with --work")
    parser.add_argument("--work", metavar="URI", default="", help="the work place; by default the manifest's")


def _add_status(commands: _Commands) -> None:
    parser = _add(commands, "status", "say where a job stands", _status)
    _add_job(parser)
    _add_json(parser)


def _add_timeline(commands: _Commands) -> None:
    parser = _add(commands, "timeline", "write what ran where and when, for Perfetto (ui.perfetto.dev)", _timeline)
    _add_job(parser)
    parser.add_argument("--out", metavar="FILE", required=True, help="the trace, as JSON")
    parser.add_argument("--last-hours", metavar="H", type=float, help="only so much before the end of what is known")


def _add_gc(commands: _Commands) -> None:
    parser = _add(commands, "gc", "say what a job no longer needs in its work place; with --delete, delete it", _gc)
    _add_job(parser)
    parser.add_argument("--delete", action="store_true", help="delete what is found")
    _add_json(parser)


def _add_schema(commands: _Commands) -> None:
    _add(commands, "schema", "print the JSON Schema of manifests", _schema)


def _add_weights(commands: _Commands) -> None:
    parser = commands.add_parser("weights", help="weights of the networks", allow_abbrev=False)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    _add(verbs, "list", "name the weights that are shipped", _weights_list)
    importing = _add(verbs, "import", "turn a public SuperSloMo.ckpt into safetensors, without running it", _import)
    importing.add_argument("source", metavar="SRC", type=Path)
    importing.add_argument("target", metavar="OUT", type=Path)


def _add_cluster(commands: _Commands) -> None:
    parser = commands.add_parser("cluster", help="a cluster's file, and its machines", allow_abbrev=False)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    add_cluster_tools(partial(_add, verbs))


def _add_archive(commands: _Commands) -> None:
    parser = commands.add_parser("archive", help="chunk objects of the work place", allow_abbrev=False)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    dumping = _add(verbs, "dump", "print what a packet archive holds", _dump)
    dumping.add_argument("file", metavar="FILE", type=Path)


# ---- commands ------------------------------------------------------------------------------------------------------


def _run(options: argparse.Namespace) -> int:
    if options.require_version not in {"", __version__}:
        raise ClusterError(
            "another version of slomo-batch is installed on the cluster than the job was submitted with",
            expected=options.require_version,
            got=__version__,
            remedy="Install one version on both: the same manifest may mean something else to another.",
        )
    manifest = _manifest(options)
    if is_elsewhere(manifest):
        if options.log:
            raise ManifestError("is not written of a run elsewhere", where="--log", remedy="Write --json >> FILE.")
        return submit(manifest, options, _display_for_people, follow=True)
    from slomo_batch.commands import run  # noqa: PLC0415 loads everything

    with _displays(options, manifest.name) as display:
        return run.run(
            manifest,
            display=display,
            retry_failed=options.retry_failed,
            force=options.force,
            take_over=options.take_over,
            prewarm=options.prewarm,
            strict=options.strict,
        )


@contextmanager
def _displays(options: argparse.Namespace, job: str) -> Iterator[Display]:
    """What shows a job, here and in the log file, if requested. The job goes on without those that fail."""
    from slomo_batch.report.json_log import Displays, JsonDisplay  # noqa: PLC0415 as above
    from slomo_batch.report.terminal import display_for  # noqa: PLC0415 loads rich

    with ExitStack() as stack:
        # For everything that is printed meanwhile: Ray prints what its workers say.
        stdout = stack.enter_context(redirect_stdout(for_display(sys.stdout, "standard output")))
        displays = [display_for(stdout, as_json=options.json, job=job)]
        if options.log:
            log = for_display(_opened(options.log, "a"), f"the log {options.log}")
            stack.callback(log.close)
            displays.append(JsonDisplay(log, job=job, seconds_between_snapshots=SECONDS_BETWEEN_LOGGED))
        yield stack.enter_context(Displays(*displays))


def _display_for_people(job: str, stream: TextIO) -> Display:
    from slomo_batch.report.terminal import display_for  # noqa: PLC0415 loads rich

    return display_for(stream, as_json=False, job=job)


def _opened(path: str, mode: Literal["a", "w"]) -> TextIO:
    try:
        return Path(path).open(mode, encoding="utf-8")
    except OSError as error:
        raise ManifestError("cannot be written", where=path, remedy=str(error.strerror)) from error


def _plan(options: argparse.Namespace) -> int:
    manifest = _manifest(options)
    from slomo_batch.commands import dry_run  # noqa: PLC0415 loads everything
    from slomo_batch.report.answers import show_plan  # noqa: PLC0415 loads rich

    plan = dry_run.plan(manifest, strict=options.strict)
    show_plan(plan.rows, empty=plan.empty, as_json=options.json, stream=sys.stdout)
    return EXIT_VIDEOS_FAILED if any(row.problem for row in plan.rows) else 0


def _convert(options: argparse.Namespace) -> int:
    manifest = _convert_manifest(options)
    from slomo_batch.commands import run  # noqa: PLC0415 loads everything

    with _displays(options, manifest.name) as display:
        # What was once given up is tried again: whoever calls convert a second time means it.
        return run.run(manifest, display=display, retry_failed=True, tidy=True)


def _status(options: argparse.Namespace) -> int:
    wanted = _job_of(options)
    from slomo_batch.commands import status  # noqa: PLC0415 loads what reads S3 and Parquet
    from slomo_batch.report.answers import show_status  # noqa: PLC0415 loads rich

    found = status.status(wanted, options.work)
    show_status(found, as_json=options.json, stream=sys.stdout)
    return EXIT_VIDEOS_FAILED if found.videos_failed else 0


def _timeline(options: argparse.Namespace) -> int:
    wanted = _job_of(options)
    from slomo_batch.commands import status  # noqa: PLC0415 loads what reads S3 and Parquet

    pieces = status.timeline(wanted, options.work, last_hours=options.last_hours)
    with closing(for_answer(_opened(options.out, "w"), options.out)) as file:
        file.writelines(pieces)
    return 0


def _gc(options: argparse.Namespace) -> int:
    wanted = _job_of(options)
    from slomo_batch.commands import status  # noqa: PLC0415 loads what reads S3 and Parquet
    from slomo_batch.report.answers import show_garbage  # noqa: PLC0415 loads rich

    found = status.gc(wanted, options.work, delete=options.delete)
    kinds = [(garbage.kind, len(garbage.keys), garbage.size_bytes) for garbage in found]
    show_garbage(kinds, deleted=options.delete, as_json=options.json, stream=sys.stdout)
    return 0


def _job_of(options: argparse.Namespace) -> Manifest | str:
    """The job that a command names: by its manifest, or by its name and its work place."""
    if is_file(options.job):
        manifest = load(read_text(options.job), where=options.job)
        return manifest.model_copy(update={"work": options.work or manifest.work})
    if not options.work:
        raise ManifestError(
            "is no file, and a job's name alone does not say where it is",
            where=options.job,
            remedy="Name the manifest, or give the work place with --work.",
        )
    name: str = options.job
    return name


def _schema(_: argparse.Namespace) -> int:
    sys.stdout.write(json.dumps(json_schema(), indent=2) + "\n")
    return 0


def _weights_list(_: argparse.Namespace) -> int:
    for name in shipped_names():
        _say(name)
    return 0


def _import(options: argparse.Namespace) -> int:
    from slomo_batch.interpolators.superslomo import weights  # noqa: PLC0415 loads torch

    weights.import_checkpoint(options.source, options.target)
    _say(str(options.target))
    return 0


def _dump(options: argparse.Namespace) -> int:
    from slomo_batch.media import packet_archive  # noqa: PLC0415 loads FFmpeg's libraries

    try:
        with options.file.open("rb") as file:
            for line in packet_archive.dump(file):
                _say(line)
    except OSError as error:
        raise ManifestError("cannot be read", where=str(options.file), remedy=str(error.strerror)) from error
    return 0


# ---- manifests -----------------------------------------------------------------------------------------------------


def _manifest(options: argparse.Namespace) -> Manifest:
    return load(read_text(options.manifest), where=options.manifest, overrides=options.settings)


def _convert_manifest(options: argparse.Namespace) -> Manifest:
    flags = [
        Override(label=f"{flag} {value}", path=tuple(path.split(".")), value=value)
        for flag, path in _CONVERT_FLAGS.items()
        if (value := getattr(options, flag.removeprefix("--"))) is not None
    ]
    return single(options.source, options.output, settings=options.settings, flags=flags)
