"""CommandParser: argparse's parser, with short usage lines and errors that suggest the nearest spelling."""

import argparse
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from slomo_batch.sanitize import one_line, redact_credentials

MAX_WIDTH = 100
"""Of help texts, in columns."""


class HelpFormatter(argparse.HelpFormatter):
    """Lays out help in two columns, no wider than MAX_WIDTH."""

    def __init__(self, prog: str) -> None:
        width = min(shutil.get_terminal_size().columns - 2, MAX_WIDTH)
        super().__init__(prog, max_help_position=26, width=width)


class CommandParser(argparse.ArgumentParser):
    """The parser of the command line, of a group of commands, or of one command.

    `takes_more` names the list that gets the positional arguments after options: argparse cannot mix a list of
    positional arguments with options. `find_error` returns what is wrong with parsed arguments, or nothing.
    `renamed` has options of other commands, and what this one calls them.
    """

    def __init__(
        self,
        *,
        takes_more: str = "",
        find_error: Callable[[argparse.Namespace], str] = lambda _: "",
        renamed: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(formatter_class=HelpFormatter, allow_abbrev=False, **more)
        self._takes_more, self._find_error, self._renamed = takes_more, find_error, renamed or {}

    def parse_known_args(  # type: ignore[override]  # argparse overloads it by the type of the namespace
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse; arguments that this parser does not know are its error, not one of the parser above."""
        found, unknown = super().parse_known_args(args, namespace)
        if self._takes_more and unknown and not any(word.startswith("-") for word in unknown):
            setattr(found, self._takes_more, [*getattr(found, self._takes_more), *unknown])
            unknown = []
        error = self._unknown(unknown) if unknown else self._find_error(found)
        if error:
            self.error(error)
        return found, []

    def _unknown(self, words: Sequence[str]) -> str:
        options = [word.partition("=")[0] for word in words if word.startswith("-")]
        if not options:
            return f"unexpected arguments: {' '.join(words)}"
        if options[0] in self._renamed:
            return f"unknown option {options[0]}; did you mean {self._renamed[options[0]]}?"
        known = [option for option in self._option_string_actions if option.startswith("--")]
        begun = [option for option in known if option.startswith(options[0])]
        return f"unknown option {options[0]}{_hint(options[0], begun or known)}"

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        is_command = isinstance(action, argparse._SubParsersAction)  # noqa: SLF001 argparse has no public name for it
        near = _hint(str(value), map(str, action.choices))
        known = ", ".join(map(str, action.choices))
        if is_command:
            self.error(f"unknown command {value!r}{near or f'; commands are {known}'}")
        raise argparse.ArgumentError(action, f"{value!r} is not one of {known}{near}")

    def format_usage(self) -> str:
        """Return the usage on one line, without the list of options."""
        parts = [self.prog, "[options]" if self._optionals._group_actions else ""]  # noqa: SLF001 of the base class
        formatter = self._get_formatter()
        for action in self._get_positional_actions():
            metavar = formatter._metavar_formatter(action, action.dest)(1)[0]  # noqa: SLF001 of argparse too
            is_spelled_out = " " in metavar
            parts.append(metavar if is_spelled_out else formatter._format_args(action, action.dest))  # noqa: SLF001
        return f"usage: {' '.join(filter(None, parts))}\n"

    def format_help(self) -> str:
        """Return the help, which begins with the short usage."""
        usage = self.format_usage()
        self.usage = usage.removeprefix("usage: ").rstrip().replace("%", "%%")
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        """Print the usage of this command and the error, without control characters and secrets; exit with 2."""
        usage = f"{self.format_usage()}`{self.prog} --help` lists all options.\n"
        self.exit(2, f"{usage}{self.prog}: error: {one_line(redact_credentials(message))}\n")


def _hint(word: str, known: Iterable[str]) -> str:
    from slomo_batch.manifest.scalars import did_you_mean  # noqa: PLC0415 loads pydantic, for errors only

    return did_you_mean(word, known)
