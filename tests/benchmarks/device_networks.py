"""What copies, networks and colors cost on a device, and whether other ways to start a network give the same bits."""

from collections.abc import Callable, Iterator
from fractions import Fraction

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from slomo_batch.interpolators.contract import make_frames
from slomo_batch.interpolators.device import DTYPES, supported_precision
from slomo_batch.interpolators.method import InterpolatorSpec
from slomo_batch.interpolators.registry import open_interpolator
from slomo_batch.interpolators.superslomo.network import Network
from slomo_batch.interpolators.superslomo.paper import Paper
from slomo_batch.interpolators.superslomo.shipped_weights import shipped_file, shipped_names
from slomo_batch.interpolators.superslomo.weights import load
from slomo_batch.plan.batches import batch_px
from tests.benchmarks.device_rows import DEVICE, Row, Scale, timed_ms
from tests.gpu.color_bits import FACTS, num_different

TIMES = [Fraction(k, 4) for k in (1, 2, 3)]
MIB = 1 << 20


def spec_of(name: str) -> InterpolatorSpec:
    """Shipped weights as a job of this device uses them."""
    path = shipped_file(name)
    batch = batch_px(load(path).network, for_gpu=DEVICE.type == "cuda")
    return InterpolatorSpec(
        method="superslomo",
        weights_path=str(path),
        precision=supported_precision(),
        pyramid_levels=4,
        batch_px=batch,
    )


def copies(scale: Scale) -> Iterator[Row]:
    """Speed of copies to a GPU and back: of the planes of a picture, and of its RGB in fp32."""
    if DEVICE.type == "cpu":
        yield Row(what="copies", value="none: the device is the CPU")
        return
    for what, num_bytes in ("planes", scale.width * scale.height * 3 // 2), ("RGB", scale.width * scale.height * 12):
        for pinned in (False, True):
            here = torch.empty(num_bytes, dtype=torch.uint8, pin_memory=pinned)
            there = here.to(DEVICE)
            up = timed_ms(lambda here=here, there=there: there.copy_(here, non_blocking=True), 20)  # type: ignore[misc]
            down = timed_ms(lambda here=here, there=there: here.copy_(there, non_blocking=True), 20)  # type: ignore[misc]
            kind = "page-locked" if pinned else "pageable"
            rates = f"{num_bytes / up / 1e6:.1f} GB/s up, {num_bytes / down / 1e6:.1f} GB/s down"
            yield Row(what=f"copy of {what}, {num_bytes / MIB:.1f} MiB, {kind}", value=rates)


def networks(scale: Scale) -> Iterator[Row]:
    """Milliseconds of each network for a pair and its three frames, prior flow included, and equal bits."""
    pair = [torch.rand(3, scale.height, scale.width, device=DEVICE) for _ in range(2)]
    for name in shipped_names():
        method = open_interpolator(spec_of(name))

        def make(method: object = method) -> list[Tensor]:
            return [frame for frame in make_frames(method, pair, TIMES) if isinstance(frame, Tensor)]  # type: ignore[arg-type]

        ms, again = timed_ms(make, scale.rounds), zip(make(), make(), strict=True)
        same = _equality(all(torch.equal(one, other) for one, other in again))
        yield Row(what=f"{name}, a pair at {scale.size}, 4x", value=f"{ms:.1f} ms, repeated {same}")


def graphs(scale: Scale) -> Iterator[Row]:
    """The frames of a pair in one batch, one by one, and as a CUDA graph: milliseconds, launches, equal bits."""
    newest = load(shipped_file(shipped_names()[-1])).build_network()
    for name, network in ((shipped_names()[-1], newest), ("the paper's network", Paper())):
        with torch.inference_mode():
            yield from _ways(name, network, scale)


def _ways(name: str, network: Network, scale: Scale) -> Iterator[Row]:
    torch.manual_seed(1)
    network.eval().to(device=DEVICE, dtype=DTYPES[supported_precision()])
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
    size = (scale.height + 31) // 32 * 32, (scale.width + 31) // 32 * 32
    i0, i1 = (torch.rand(1, 3, *size, device=DEVICE) for _ in range(2))
    flows = network.flows(i0, i1, *network.flow_inputs(i0, i1))
    t_B = torch.tensor([float(time) for time in TIMES], device=DEVICE)

    def together() -> Tensor:
        return network.frames(i0, i1, flows, t_B)

    def one_by_one() -> Tensor:
        return torch.cat([network.frames(i0, i1, flows, t_B[k : k + 1]) for k in range(len(TIMES))])

    ways: list[tuple[str, Callable[[], Tensor]]] = [("one batch", together), ("one by one", one_by_one)]
    if DEVICE.type == "cuda":
        ways.append(("CUDA graph of one batch", _as_graph(together)))
    expected = together()
    for way, run in ways:
        ms, bits = timed_ms(run, scale.rounds), "the same bits" if torch.equal(run(), expected) else "other bits"
        value = f"{ms:.1f} ms, {_num_launches(run)} launches, {bits}"
        yield Row(what=f"{name}, three frames at {scale.size}, {way}", value=value)


def _as_graph(run: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """The same kernels, started at once."""
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # missing in torch's stubs
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        frames = run()

    def replay() -> Tensor:
        graph.replay()
        return frames

    return replay


def _num_launches(run: Callable[[], object]) -> int:
    """Kernels and copies on a GPU; on the CPU, operations of torch."""
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA][: 1 + (DEVICE.type == "cuda")]) as found:
        run()
        if DEVICE.type == "cuda":
            torch.cuda.synchronize()
    events = found.events() or []
    if DEVICE.type == "cuda":
        return sum(event.device_type.name == "CUDA" for event in events)
    return sum(event.cpu_parent is None for event in events)


def colors(scale: Scale) -> Iterator[Row]:
    """Whether colors have the same bits as on the CPU, over all samples of 8 bits."""
    for facts in FACTS:
        different = num_different(facts, DEVICE, scale.lumas)
        value = f"{different} differ" if different else "all equal"
        yield Row(
            what=f"colors, {facts.range} {facts.matrix}, {len(scale.lumas)} of 256 lumas, all chroma", value=value
        )


def _equality(equal: bool) -> str:
    return "equal" if equal else "NOT EQUAL"
