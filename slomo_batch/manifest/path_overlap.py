"""Which places would run into each other: outputs or work that a later run would find among its inputs.

Patterns are compared as languages: the question "is there a name that this template can give and that glob matches, and
that no `except` leaves out" is answered by walking their automata side by side, and by showing such a name. Symbolic
links are not seen.
"""

import os.path
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote

from slomo_batch.manifest.output_names import fixed_part, is_pattern, looks_like_folder, parts_of, render_output
from slomo_batch.manifest.sections import InputSpec
from slomo_batch.manifest.validation_errors import Problem

MAX_STATES = 20_000
"""States looked at before two patterns count as apart; what is then found to collide is found over the real names."""


def canonical(uri: str) -> str:
    """The one spelling of a place: S3 as it is, all others as an absolute path; a trailing slash stays."""
    if uri.startswith("s3://"):
        return uri
    path = uri
    if uri.startswith("file://"):
        path = unquote(uri.removeprefix("file://").removeprefix("localhost"), errors="surrogateescape")
    absolute = os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111 a glob is not a path
    return absolute + "/" if path.endswith("/") and absolute != "/" else absolute


# ---- languages: sets of names --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Letters:
    """A set of characters, or all but them."""

    letters: frozenset[str]
    negated: bool = False

    def __contains__(self, letter: str) -> bool:
        return (letter in self.letters) != self.negated


_NOT_SLASH = _Letters(frozenset("/"), negated=True)
_ANY = _Letters(frozenset(), negated=True)


@dataclass(slots=True)
class NameAutomaton:
    """A set of names, as an automaton: state 0 begins, the last state accepts."""

    steps: list[list[tuple[_Letters, int]]] = field(default_factory=lambda: [[]])
    skips: list[list[int]] = field(default_factory=lambda: [[]])

    def literal(self, text: str) -> "NameAutomaton":
        """Append exactly this text."""
        for letter in text:
            self.one(_Letters(frozenset(letter)))
        return self

    def one(self, letters: _Letters) -> "NameAutomaton":
        """Append one character of these."""
        self.steps[-1].append((letters, len(self.steps)))
        self._grow()
        return self

    def run(self, letters: _Letters) -> "NameAutomaton":
        """Append any number of characters of these."""
        last = len(self.steps) - 1
        self.steps[last].append((letters, last))
        return self

    def optional_folders(self) -> "NameAutomaton":
        """Append nothing, or any text that ends in a slash."""
        begin = len(self.steps) - 1
        self._grow()
        self.skips[begin].append(begin + 1)
        self.run(_ANY).one(_Letters(frozenset("/")))
        self.skips[begin].append(len(self.steps) - 1)
        return self

    def _grow(self) -> None:
        self.steps.append([])
        self.skips.append([])

    def closure(self, states: Iterable[int]) -> frozenset[int]:
        """These states and those reached without a character."""
        reached, waiting = set(states), list(states)
        while waiting:
            for state in self.skips[waiting.pop()]:
                if state not in reached:
                    reached.add(state)
                    waiting.append(state)
        return frozenset(reached)

    def after(self, states: frozenset[int], letter: str) -> frozenset[int]:
        """The states one character later."""
        return self.closure([to for state in states for letters, to in self.steps[state] if letter in letters])

    def accepts(self, states: frozenset[int]) -> bool:
        """Whether a name may end here."""
        return len(self.steps) - 1 in states

    def letters(self) -> set[str]:
        """The characters that the language tells apart."""
        return {letter for steps in self.steps for letters, _ in steps for letter in letters.letters}

    def __contains__(self, name: str) -> bool:
        states = self.closure([0])
        for letter in name:
            states = self.after(states, letter)
            if not states:
                return False
        return self.accepts(states)


def shortest_name(wanted: Sequence[NameAutomaton], unwanted: Sequence[NameAutomaton]) -> str | None:
    """The shortest name that all of `wanted` have and none of `unwanted` has; None when there is none."""
    told_apart = set().union(*(language.letters() for language in (*wanted, *unwanted)))
    other = next(
        letter for letter in "xyzabcdefghijklmnopqrstuvw0123456789~" + chr(0x10FFFF) if letter not in told_apart
    )
    alphabet = [other, *sorted(told_apart)]
    languages = (*wanted, *unwanted)
    start = tuple(language.closure([0]) for language in languages)
    waiting, seen = [("", start)], {start}
    for name, states in waiting:
        if _hits(languages, states, len(wanted)):
            return name
        if len(seen) > MAX_STATES:
            return None
        for letter in alphabet:
            following = tuple(language.after(at, letter) for language, at in zip(languages, states, strict=True))
            if all(following[: len(wanted)]) and following not in seen:
                seen.add(following)
                waiting.append((name + letter, following))
    return None


def _hits(languages: Sequence[NameAutomaton], states: Sequence[frozenset[int]], num_wanted: int) -> bool:
    ends = [language.accepts(at) for language, at in zip(languages, states, strict=True)]
    return all(ends[:num_wanted]) and not any(ends[num_wanted:])


# ---- the languages of globs, folders and templates -----------------------------------------------------------------

_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)


@lru_cache(maxsize=1024)
def glob_automaton(pattern: str) -> NameAutomaton:
    """What a glob matches: `*`, `?` and [...] within a folder, `**/` any folders or none, `**` anything."""
    language = NameAutomaton()
    for token in _TOKEN.findall(pattern):
        match token:
            case "**/":
                language.optional_folders()
            case "**":
                language.run(_ANY)
            case "*":
                language.run(_NOT_SLASH)
            case "?":
                language.one(_NOT_SLASH)
            case _ if len(token) > 1:
                language.one(_letters_of(token[1:-1]))
            case _:
                language.literal(token)
    return language


def _letters_of(inside: str) -> _Letters:
    """What the inside of [...] stands for: letters, ranges, all but them after `!`."""
    negated = inside.startswith("!")
    body = inside[1:] if negated else inside
    letters: set[str] = set()
    while body:
        if len(body) > 2 and body[1] == "-":
            letters.update(chr(code) for code in range(ord(body[0]), min(ord(body[2]), ord(body[0]) + 1000) + 1))
            body = body[3:]
        else:
            letters.add(body[0])
            body = body[1:]
    return _Letters(frozenset(letters | {"/"} if negated else letters - {"/"}), negated=negated)


def _under(folder: str) -> NameAutomaton:
    return NameAutomaton().literal(folder.rstrip("/") + "/").run(_ANY)


@dataclass(frozen=True, slots=True)
class _Found:
    """What one input that stands for several files finds."""

    uri: str
    names: NameAutomaton
    excluded: tuple[NameAutomaton, ...]

    def __contains__(self, name: str) -> bool:
        return name in self.names and not any(name in left_out for left_out in self.excluded)

    def one_of(self, names: NameAutomaton) -> str | None:
        """One of these names that this input finds, None where it finds none."""
        return shortest_name((names, self.names), self.excluded)


def _found(spec: InputSpec) -> _Found:
    uri = canonical(spec.uri)
    names = glob_automaton(uri) if is_pattern(uri) else _under(uri)
    if is_pattern(uri) and uri.endswith("/"):
        names = glob_automaton(uri + "**")
    excluded = tuple(glob_automaton(f"{fixed_part(uri)}/{pattern}") for pattern in spec.excluded)
    return _Found(uri=spec.uri, names=names, excluded=excluded)


def template_automaton(template: str, ext: str | None) -> NameAutomaton:
    """The names a template can give, for sources whose suffix is `ext` (without its dot; None: any)."""
    language = NameAutomaton()
    parts = parts_of(template)
    swallow = False
    for number, (literal, placeholder) in enumerate(parts):
        language.literal(literal.removeprefix("/") if swallow else literal)
        next_literal = parts[number + 1][0] if number + 1 < len(parts) else ""
        begins_folder = literal.endswith("/") or (number == 0 and not literal)
        swallow = placeholder == "relpath" and begins_folder and next_literal.startswith("/")
        if swallow:
            language.optional_folders()
        else:
            _append(language, placeholder, ext)
    return language


def _append(language: NameAutomaton, placeholder: str, ext: str | None) -> None:
    if placeholder == "relpath":
        language.run(_ANY)
    elif placeholder == "ext":
        language.run(_NOT_SLASH) if ext is None else language.literal(ext)
    elif placeholder:
        language.one(_NOT_SLASH).run(_NOT_SLASH)
        if placeholder == "name" and ext is not None:
            language.literal(f".{ext}" if ext else "")


def _ext(spec: InputSpec) -> str | None:
    """The suffix that all files of an input have, without its dot, where its glob says so."""
    tail = re.split(r"[*?\]]", spec.uri)[-1]
    known = is_pattern(spec.uri) and "." in tail and "/" not in tail
    return tail.rpartition(".")[2] if known else None


# ---- the judgement -------------------------------------------------------------------------------------------------


def validate_paths(inputs: Sequence[InputSpec], output: str, work: str) -> list[Problem]:
    """What is wrong with where inputs, outputs and work are, seen together.

    `output` is the template. Whether two files of one input are given one name is not seen here, but over the names
    that were found (`output_collisions`).
    """
    several = [spec for spec in inputs if spec.table or is_pattern(spec.uri) or looks_like_folder(spec.uri)]
    single = {canonical(spec.uri): number for number, spec in enumerate(inputs) if spec not in several}
    finders = [_found(spec) for spec in several if spec.uri]
    template = canonical(output)
    faults = [
        *_outputs_found(several, finders, template),
        *_single_outputs(single, finders, template),
    ]
    faults = faults[:1]
    return [*faults, *_work_faults(finders, template, canonical(work), outputs_clash=bool(faults))]


def _outputs_found(several: Sequence[InputSpec], finders: Sequence[_Found], template: str) -> Iterator[Problem]:
    for ext in dict.fromkeys(_ext(spec) for spec in several):
        names = template_automaton(template, ext)
        for finder in finders:
            name = finder.one_of(names)
            if name is not None:
                yield _output_fault(f"an output like {name} would be found as an input of {finder.uri}")


def _single_outputs(single: dict[str, int], finders: Sequence[_Found], template: str) -> Iterator[Problem]:
    for uri in single:
        name = render_output(template, relpath="", name=uri.rpartition("/")[2])
        if name in single:
            yield _output_fault(f"the output {name} is itself an input")
        for finder in finders:
            if name in finder:
                yield _output_fault(f"the output {name} would be found as an input of {finder.uri}")


def _output_fault(text: str) -> Problem:
    return Problem(path=("output", "uri"), text=f"{text}; put outputs elsewhere, or leave them out with `except`")


def _work_faults(finders: Sequence[_Found], template: str, work: str, *, outputs_clash: bool) -> Iterator[Problem]:
    if parts_of(template)[0][0].startswith(work.rstrip("/") + "/jobs/"):
        yield Problem(path=("output", "uri"), text=f"lies in the work place {work}, whose files are deleted in the end")
    if outputs_clash:
        return
    for finder in finders:
        if finder.one_of(_under(work)) is not None:
            text = f"the work place {work} lies in the input {finder.uri}; set `work` to another folder or bucket"
            yield Problem(path=("work",), text=text)
            return
