"""The command `completion`: print a script that completes commands, options and values in a shell."""

import argparse
import sys
from collections.abc import Callable, Iterator

from slomo_batch.cli.arguments import Commands, add_command, file_path, not_empty

SHELLS = ("bash", "zsh", "fish")
_NAMES = (not_empty, file_path)
"""Types of arguments that can be names of files."""
_INSTALL = {
    "bash": 'put `eval "$(slomo-batch completion bash)"` into ~/.bashrc',
    "zsh": "write the output to a file _slomo-batch in a folder of $fpath",
    "fish": "write the output to ~/.config/fish/completions/slomo-batch.fish",
}


def add_completion_command(commands: Commands, whole: Callable[[], argparse.ArgumentParser]) -> None:
    """Add the command. `whole` returns the parser of all commands."""

    def run(options: argparse.Namespace) -> int:
        sys.stdout.write(f"{script(whole(), options.shell)}\n")
        return 0

    details = " ".join(f"{shell}: {how}." for shell, how in _INSTALL.items())
    summary = "print a script that completes commands, options and values in a shell"
    parser = add_command(commands, "completion", summary, run, details=details)
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=", ".join(SHELLS))


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the script of a shell for a parser. Names are completed as those of files. A command is described by its
    summary, since shells show one line of it."""
    import shtab  # noqa: PLC0415 no other command needs it

    for command, summary in _commands(parser):
        command.description = summary
    for action in _actions(parser):
        if words := getattr(action, "words", None):
            action.choices = words
        elif action.choices is None and action.nargs != 0 and action.type in _NAMES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]  # shtab reads it
    return str(shtab.complete(parser, shell=shell))


def _commands(parser: argparse.ArgumentParser) -> Iterator[tuple[argparse.ArgumentParser, str]]:
    """Each command under a parser, and its summary."""
    for group in parser._actions:  # noqa: SLF001 argparse has no public list of them
        if isinstance(group, argparse._SubParsersAction):  # noqa: SLF001 as above
            for named in group._choices_actions:  # noqa: SLF001 nor of their summaries
                command = group.choices[named.dest]
                yield command, named.help or ""
                yield from _commands(command)


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:  # noqa: SLF001 argparse has no public list of them
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 as above
            for inner in action.choices.values():
                yield from _actions(inner)
        else:
            yield action
