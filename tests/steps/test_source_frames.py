"""Source frames of an interlaced video: the same for any chunk, with border hashes of the decoded pictures."""

from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from slomo_batch.picture import Picture
from slomo_batch.records.plans import Chunk
from slomo_batch.records.source_facts import FieldOrder, Scan
from slomo_batch.steps.source_frames import SourceFrames
from tests.clips.interlaced import Fields, pictures

NUM_PICTURES = 12


@cache
def shown() -> tuple[Picture, ...]:
    return tuple(pictures(Fields(num_pictures=NUM_PICTURES, size=(32, 32))))


def frames_of(scan: Scan, first_pair: int, end_pair: int, context: int) -> tuple[SourceFrames, list[str], range]:
    num_frames = NUM_PICTURES * scan.frames_per_picture
    chunk = Chunk(chunk_id="c", index=0, first_pair=first_pair, end_pair=end_pair, first_frame=0, end_frame=1)
    wanted = chunk.source_frames(context=context, num_frames=num_frames)
    needed = scan.pictures_of(wanted, num_frames)
    read = shown()[needed.start : needed.stop]
    frames = SourceFrames(read, scan, chunk, first=wanted.start, first_picture=needed.start)
    hashes = [frame.hash() for frame in frames][: len(wanted)]
    return frames, hashes, wanted


@cache
def whole(scan: Scan) -> list[str]:
    return frames_of(scan, 0, NUM_PICTURES * scan.frames_per_picture, 0)[1]


@given(order=st.sampled_from(["tff", "bff", "progressive"]), is_field=st.booleans(), data=st.data())
def test_any_chunk_has_the_frames_of_the_whole(order: FieldOrder, is_field: bool, data: st.DataObject) -> None:
    scan = Scan(field_order=order, frames_per_picture=2 if is_field and order != "progressive" else 1)
    num_frames = NUM_PICTURES * scan.frames_per_picture
    first = data.draw(st.integers(0, num_frames - 1))
    end = data.draw(st.integers(first + 1, num_frames))
    frames, hashes, wanted = frames_of(scan, first, end, data.draw(st.integers(0, 4)))
    assert hashes == whole(scan)[wanted.start : wanted.stop]
    decoded = [picture.hash() for picture in shown()]
    assert frames.first_border_hash == decoded[first // scan.frames_per_picture]
    at_end = "" if end == num_frames else decoded[end // scan.frames_per_picture]
    assert frames.last_border_hash == at_end
