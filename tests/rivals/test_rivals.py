"""The ladder with RIFE 4.0 beside the project's methods, by PSNR, ST-LPIPS and FLIP, on clips without cuts.

    make rivals

installs the network and weights of RIFE and the weights of ST-LPIPS into build/rivals, apart from the environment.
"""

from pathlib import Path

import pytest

from slomo_batch.evaluation.evaluate import evaluate_clips
from slomo_batch.evaluation.flip import Flip
from slomo_batch.evaluation.lpips import load_lpips
from slomo_batch.evaluation.methods import OpenMethod, method_choices
from slomo_batch.evaluation.report import ClipProtocol
from slomo_batch.evaluation.tables import format_tables
from slomo_batch.interpolators.registry import method_names
from tests.interpolators.footage import real_clip

CLIPS = ("bikes", "bigbuckbunny", "carphone_pristine")
METHODS = ("duplicate", "blend", "mci", "flow", "superslomo", "rife")

pytestmark = [
    pytest.mark.bench,
    pytest.mark.timeout(3600),
    pytest.mark.skipif("rife" not in method_names(), reason="make rivals installs RIFE"),
]


def test_rivals_on_the_ladder() -> None:
    protocol = ClipProtocol(skip=20, frames=33, max_width=640, factors=(2, 4), cuts="exclude")
    methods = [OpenMethod(one, precision="fp32", threads=1) for one in method_choices(METHODS, [], None)]
    report = evaluate_clips(
        [str(real_clip(clip)) for clip in CLIPS],
        methods,
        protocol,
        lpips=load_lpips([Path("st-lpips")]),
        flip=Flip(),
        on_progress=lambda _: None,
    )
    print("\n".join(format_tables(report)))  # noqa: T201 the product of a benchmark
    psnr_db = {(score.name, score.factor, score.entry.method): score.psnr_db or 0 for score in report.scores}
    rows = {(name, factor) for name, factor, _ in psnr_db}
    assert len(rows) == len(CLIPS) * len(protocol.factors)
    for row in rows:  # 0.5 dB: at 2x, the noise of carphone makes blend a good method
        assert psnr_db[*row, "rife"] > psnr_db[*row, "blend"] - 0.5
