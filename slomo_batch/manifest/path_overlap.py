"""Validation that outputs and the work place are not inside the inputs, where a later run would find them.

A glob and an output template each become a finite automaton. A breadth-first search over their product finds the
shortest name that the template can produce, that the glob matches and that no `except` excludes. Symbolic links are not
resolved.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product

from slomo_batch.errors import SourceUnsupported
from slomo_batch.manifest.output_names import is_pattern, looks_like_folder, parts_of, render_output
from slomo_batch.manifest.sections import InputSpec
from slomo_batch.manifest.validation_errors import Problem
from slomo_batch.storage.glob import Glob
from slomo_batch.uri import absolute_template, double_braces, normalize, split_s3

MAX_STATES = 20_000
"""Limit of states in a search. Beyond it, two patterns count as disjoint; the real names are compared later."""


# ---- automata --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Letters:
    """A set of characters, or its complement."""

    letters: frozenset[str]
    negated: bool = False

    def __contains__(self, letter: str) -> bool:
        return (letter in self.letters) != self.negated


_NOT_SLASH = _Letters(frozenset("/"), negated=True)
_ANY = _Letters(frozenset(), negated=True)


@dataclass(slots=True)
class NameAutomaton:
    """A set of names, as a nondeterministic automaton: state 0 is the start, the last state accepts."""

    steps: list[list[tuple[_Letters, int]]] = field(default_factory=lambda: [[]])
    skips: list[list[int]] = field(default_factory=lambda: [[]])

    def literal(self, text: str) -> "NameAutomaton":
        """Append this text."""
        for letter in text:
            self.one(_Letters(frozenset(letter)))
        return self

    def one(self, letters: _Letters) -> "NameAutomaton":
        """Append one of these characters."""
        self.steps[-1].append((letters, len(self.steps)))
        self._grow()
        return self

    def run(self, letters: _Letters) -> "NameAutomaton":
        """Append any number of these characters."""
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
        """Return these states and all that are reached without a character."""
        reached, waiting = set(states), list(states)
        while waiting:
            for state in self.skips[waiting.pop()]:
                if state not in reached:
                    reached.add(state)
                    waiting.append(state)
        return frozenset(reached)

    def after(self, states: frozenset[int], letter: str) -> frozenset[int]:
        """Return the states after one more character."""
        return self.closure([to for state in states for letters, to in self.steps[state] if letter in letters])

    def accepts(self, states: frozenset[int]) -> bool:
        """Return whether a name can end in these states."""
        return len(self.steps) - 1 in states

    def letters(self) -> set[str]:
        """Return the characters that the automaton distinguishes."""
        return {letter for steps in self.steps for letters, _ in steps for letter in letters.letters}

    def __contains__(self, name: str) -> bool:
        states = self.closure([0])
        for letter in name:
            states = self.after(states, letter)
            if not states:
                return False
        return self.accepts(states)


def shortest_name(wanted: Sequence[NameAutomaton], unwanted: Sequence[NameAutomaton]) -> str | None:
    """Return the shortest name that all of `wanted` accept and none of `unwanted` does; None if there is none."""
    distinguished = set().union(*(automaton.letters() for automaton in (*wanted, *unwanted)))
    other = next(
        letter for letter in "xyzabcdefghijklmnopqrstuvw0123456789~" + chr(0x10FFFF) if letter not in distinguished
    )
    alphabet = [other, *sorted(distinguished)]
    automata = (*wanted, *unwanted)
    start = tuple(automaton.closure([0]) for automaton in automata)
    waiting, seen = [("", start)], {start}
    for name, states in waiting:
        if _hits(automata, states, len(wanted)):
            return name
        if len(seen) > MAX_STATES:
            return None
        for letter in alphabet:
            following = tuple(automaton.after(at, letter) for automaton, at in zip(automata, states, strict=True))
            if all(following[: len(wanted)]) and following not in seen:
                seen.add(following)
                waiting.append((name + letter, following))
    return None


def _hits(automata: Sequence[NameAutomaton], states: Sequence[frozenset[int]], num_wanted: int) -> bool:
    ends = [automaton.accepts(at) for automaton, at in zip(automata, states, strict=True)]
    return all(ends[:num_wanted]) and not any(ends[num_wanted:])


# ---- automata of globs, folders and templates ----------------------------------------------------------------------

_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)


@lru_cache(maxsize=1024)
def glob_automaton(pattern: str) -> NameAutomaton:
    """Return the automaton of a glob: `*`, `?`, [...] match within a folder, `**/` any or no folders, `**` anything."""
    names = NameAutomaton()
    for token in _TOKEN.findall(pattern):
        match token:
            case "**/":
                names.optional_folders()
            case "**":
                names.run(_ANY)
            case "*":
                names.run(_NOT_SLASH)
            case "?":
                names.one(_NOT_SLASH)
            case _ if len(token) > 1:
                names.one(_letters_of(token[1:-1]))
            case _:
                names.literal(token)
    return names


def _letters_of(inside: str) -> _Letters:
    """Parse the inside of [...]: characters and ranges, or their complement after `!`."""
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
class _FoundNames:
    """The names that an input with several files matches."""

    uri: str
    names: NameAutomaton
    excluded: tuple[NameAutomaton, ...]

    def __contains__(self, name: str) -> bool:
        return name in self.names and not any(name in left_out for left_out in self.excluded)

    def one_of(self, names: NameAutomaton) -> str | None:
        """Return one of these names that the input matches; None if there is none."""
        return shortest_name((names, self.names), self.excluded)


def _found(spec: InputSpec) -> _FoundNames:
    glob = Glob.parse(spec.uri)
    if glob.is_literal:
        names = _under(normalize(spec.uri))
    else:
        names = glob_automaton(glob.whole + "**" if glob.whole.endswith("/") else glob.whole)
    excluded = tuple(glob_automaton(glob.below(pattern)) for pattern in spec.excluded)
    return _FoundNames(uri=spec.uri, names=names, excluded=excluded)


def template_automaton(template: str, ext: str | None) -> NameAutomaton:
    """Return the automaton of the names that a template produces. `ext` is the sources' suffix (no dot; None: any)."""
    names = NameAutomaton()
    parts = parts_of(template)
    swallow, begins_folder = False, True
    for number, (literal, placeholder) in enumerate(parts):
        names.literal(literal.removeprefix("/") if swallow else literal)
        next_literal = parts[number + 1][0] if number + 1 < len(parts) else ""
        is_after_relpath = number == 0 or parts[number - 1][1] == "relpath"  # which may be empty
        begins_folder = literal.endswith("/") or (not literal and is_after_relpath and begins_folder)
        swallow = placeholder == "relpath" and begins_folder and next_literal.startswith("/")
        if swallow:
            names.optional_folders()
        else:
            _append(names, placeholder, ext)
    return names


def _append(names: NameAutomaton, placeholder: str, ext: str | None) -> None:
    if placeholder == "relpath":
        names.run(_ANY)
    elif placeholder == "ext":
        names.run(_NOT_SLASH) if ext is None else names.literal(ext)
    elif placeholder:
        names.one(_NOT_SLASH).run(_NOT_SLASH)
        if placeholder == "name" and ext is not None:
            names.literal(f".{ext}" if ext else "")


def _without_dots(template: str) -> list[str]:
    """Return templates without ".." that together give all outputs of an absolute template, and few others."""
    if split_s3(template)[0]:
        return [template]
    found: dict[tuple[str, ...], None] = {("",): None}
    for part in template.split("/")[1:]:
        each = (_parents(above) if part == ".." else [(*above, part)] for above in found)
        found = dict.fromkeys(parts for several in each for parts in several)
    return ["/".join(parts) for parts in found]


def _parents(parts: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Return the folder above these parts of a template. There are several if {relpath} can be one folder or more."""
    *above, last = parts
    if not above:
        return [parts]  # the root is its own parent
    pieces = [double_braces(literal) + (f"{{{field}}}" if field else "") for literal, field in parts_of(last)]
    while pieces and not pieces[-1].endswith("{relpath}"):
        pieces.pop()
    if not pieces:
        return [tuple(above)]
    several_folders = (*above, "".join(pieces))
    no_folder = _parents(tuple(above)) if last == "{relpath}" else []
    return [several_folders, tuple(above), *no_folder]


def _ext(spec: InputSpec) -> str | None:
    """Return the suffix of all files of an input, without its dot, if its glob ends in one; else None."""
    if not is_pattern(spec.uri):
        return None
    tail = re.split(r"[*?\]]", Glob.parse(spec.uri).pattern)[-1]
    return tail.rpartition(".")[2] if "." in tail and "/" not in tail else None


# ---- validation ----------------------------------------------------------------------------------------------------


def validate_paths(inputs: Sequence[InputSpec], output: str, work: str) -> list[Problem]:
    """Return conflicts between the inputs, the output template and the work place.

    Two files of one input with the same output name are found later, by `output_collisions` over the real names.
    """
    several = [spec for spec in inputs if _names_several(spec)]
    single = {normalize(spec.uri): number for number, spec in enumerate(inputs) if spec not in several}
    finders = [_found(spec) for spec in several if spec.uri]
    template = absolute_template(output)
    without_dots = _without_dots(template)
    problems = [
        *_matching_outputs(several, finders, without_dots),
        *_single_outputs(single, finders, template),
    ]
    problems = problems[:1]
    return [*problems, *_work_problems(finders, without_dots, normalize(work), overlaps=bool(problems))]


def _names_several(spec: InputSpec) -> bool:
    if is_pattern(spec.uri):
        return not spec.is_literal
    return bool(spec.table) or looks_like_folder(spec.uri)


def _matching_outputs(
    several: Sequence[InputSpec], finders: Sequence[_FoundNames], templates: Sequence[str]
) -> Iterator[Problem]:
    for ext, template in product(dict.fromkeys(_ext(spec) for spec in several), templates):
        names = template_automaton(template, ext)
        for finder in finders:
            name = finder.one_of(names)
            if name is not None:
                yield _output_problem(f"outputs such as {name} would match the input {finder.uri}")


def _single_outputs(single: dict[str, int], finders: Sequence[_FoundNames], template: str) -> Iterator[Problem]:
    for uri in single:
        try:
            name = normalize(render_output(template, relpath="", name=uri.rpartition("/")[2]))
        except SourceUnsupported:  # this video fails alone, later
            continue
        if name in single:
            text = f"the output {name} is also an input; choose another output name"
            yield Problem(path=("output", "uri"), text=text)
        for finder in finders:
            if name in finder:
                yield _output_problem(f"the output {name} would match the input {finder.uri}")


def _output_problem(text: str) -> Problem:
    return Problem(path=("output", "uri"), text=f"{text}; write outputs elsewhere, or exclude them with `except`")


def _work_problems(
    finders: Sequence[_FoundNames], templates: Sequence[str], work: str, *, overlaps: bool
) -> Iterator[Problem]:
    if any(parts_of(template)[0][0].startswith(work.rstrip("/") + "/jobs/") for template in templates):
        yield Problem(path=("output", "uri"), text=f"is inside the work place {work}, whose objects are deleted later")
    if overlaps:
        return
    for finder in finders:
        if finder.one_of(_under(work)) is not None:
            text = f"the work place {work} is inside the input {finder.uri}; set `work` to another folder or bucket"
            yield Problem(path=("work",), text=text)
            return
