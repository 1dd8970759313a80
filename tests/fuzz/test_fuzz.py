"""Seeded fuzzing: nothing that a stranger's file, manifest or table holds may crash, hang or mislead.

A short run goes with every `make test`; `make fuzz` is the long one and prints the table of docs/benchmarks/faults.md.
"""

import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fuzz import trials
from tests.fuzz.guarded import Failure, Guarded
from tests.fuzz.trials import Outcome

MAX_RSS_BYTES = 1_500_000_000
TRIALS: dict[str, Callable[[int, str], Outcome]] = {
    "media, planned": trials.plan_mutant,
    "media, converted": trials.convert_mutant,
    "manifests": trials.load_manifest,
    "tables": trials.plan_table,
    "weights": trials.load_weights,
}
SHORT = {"media, planned": 40, "media, converted": 3, "manifests": 40, "tables": 40, "weights": 5}
LONG = {"media, planned": 3000, "media, converted": 400, "manifests": 3000, "tables": 1500, "weights": 200}
needs_ffprobe = pytest.mark.skipif(shutil.which("ffprobe") is None, reason="needs Debian's ffmpeg as the reference")


@pytest.fixture(scope="module")
def child() -> Iterator[Guarded]:
    with Guarded(max_cpu_s=30, max_rss_bytes=MAX_RSS_BYTES) as guarded:
        yield guarded


@needs_ffprobe
@pytest.mark.parametrize("kind", SHORT)
def test_bad_input_is_refused_or_handled(kind: str, child: Guarded, tmp_path: Path) -> None:
    results, wrong = _tried(kind, SHORT[kind], child, tmp_path)
    assert not wrong, "\n".join(wrong)
    assert results.total() == SHORT[kind]


@needs_ffprobe
@pytest.mark.fuzz
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", LONG)
def test_much_bad_input_is_refused_or_handled(kind: str, child: Guarded, tmp_path: Path) -> None:
    child.reset_peaks()
    results, wrong = _tried(kind, LONG[kind], child, tmp_path)
    counted = ", ".join(f"{number:,} {result}" for result, number in sorted(results.items()))
    peaks = f"slowest {child.slowest_s:.1f} CPU s, peak {child.peak_rss_bytes / 2**20:.0f} MiB"
    sys.stdout.write(f"\n| {kind} | {LONG[kind]:,} | {counted} | {len(wrong)} | {peaks} |\n")
    assert not wrong, "\n".join(wrong)


def _tried(kind: str, number: int, child: Guarded, folder: Path) -> tuple[Counter[str], list[str]]:
    """How often each result came, and what was wrong."""
    results: Counter[str] = Counter()
    wrong = []
    for index in range(number):
        outcome = child.call(TRIALS[kind], index, str(folder))
        if isinstance(outcome, Failure):
            results[outcome.kind] += 1
            wrong.append(f"{kind} #{index}: {outcome.kind}: {outcome.text}")
            continue
        results[outcome.result] += 1
        if outcome.wrong:
            wrong.append(f"{outcome.label}: {outcome.wrong}")
    return results, wrong
