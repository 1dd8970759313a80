"""The records of one video in the work place. Each is read by one function, which checks that it is that video's.

The functions return None if there is no record, and raise WorkDamaged if it is damaged. Records of the first version
have no checksum: damage to those is only found by these checks.
"""

from itertools import pairwise

from slomo_batch.plan.ids import receipt_id
from slomo_batch.plan.stored_plan import MovedTo, SegmentChoice, StoredPlan
from slomo_batch.records.commits import AudioDone, ChunkDone
from slomo_batch.records.plans import Chunk, VideoPlan
from slomo_batch.records.results import Published
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.stored_records import commit, committed, withdraw


class VideoRecords:
    """The records of one video."""

    def __init__(self, video_id: str, context: StepContext) -> None:
        self._video_id, self._work, self._layout = video_id, context.work, context.layout

    # ---- the plan --------------------------------------------------------------------------------------------------

    def stored_plan(self) -> StoredPlan | None:
        """The stored plan."""
        return committed(self._work, self._layout.pin(self._video_id), StoredPlan, belongs=self._is_plan)

    def store_plan(self, planned: StoredPlan) -> StoredPlan:
        """Store this plan unless one is stored already; returns the stored one."""
        return commit(self._work, self._layout.pin(self._video_id), planned, belongs=self._is_plan)

    def withdraw_plan(self) -> None:
        """Delete a damaged plan."""
        withdraw(self._work, self._layout.pin(self._video_id), StoredPlan, belongs=self._is_plan)

    def _is_plan(self, stored: StoredPlan) -> bool:
        return stored.plan.video_id == self._video_id and _is_whole(stored)

    def moved(self) -> MovedTo | None:
        """The lane that the video moved to."""
        return committed(self._work, self._layout.lane(self._video_id), MovedTo)

    # ---- what is made ----------------------------------------------------------------------------------------------

    def chunk_done(self, chunk: Chunk) -> ChunkDone | None:
        """The committed segment of a chunk."""
        return committed(self._work, self._commit_key(chunk), ChunkDone, belongs=lambda done: self._is_of(chunk, done))

    def commit_chunk(self, chunk: Chunk, done: ChunkDone) -> ChunkDone:
        """Commit this segment unless another is committed already; returns the committed one."""
        return commit(self._work, self._commit_key(chunk), done, belongs=lambda found: self._is_of(chunk, found))

    def withdraw_chunk(self, chunk: Chunk) -> None:
        """Delete the damaged commit of a chunk."""
        withdraw(self._work, self._commit_key(chunk), ChunkDone, belongs=lambda done: self._is_of(chunk, done))

    def _commit_key(self, chunk: Chunk) -> str:
        return self._layout.commit(self._video_id, chunk.chunk_id)

    def _is_of(self, chunk: Chunk, done: ChunkDone) -> bool:
        num_frames = chunk.end_frame - chunk.first_frame
        return (
            (done.video_id, done.chunk_id, done.index) == (self._video_id, chunk.chunk_id, chunk.index)
            and num_frames == done.num_frames == len(done.frame_hashes)
            and done.segment_key.startswith(f"{self._layout.segments(self._video_id)}{chunk.chunk_id}/")
        )

    def audio_done(self) -> AudioDone | None:
        """The committed audio."""
        return committed(self._work, self._layout.audio_commit(self._video_id), AudioDone, belongs=self._is_audio)

    def commit_audio(self, done: AudioDone) -> AudioDone:
        """Commit this audio unless another is committed already; returns the committed one."""
        return commit(self._work, self._layout.audio_commit(self._video_id), done, belongs=self._is_audio)

    def withdraw_audio(self) -> None:
        """Delete the damaged commit of the audio."""
        withdraw(self._work, self._layout.audio_commit(self._video_id), AudioDone, belongs=self._is_audio)

    def _is_audio(self, done: AudioDone) -> bool:
        return done.video_id == self._video_id and done.key.startswith(self._layout.audio_attempts(self._video_id))

    # ---- the output ------------------------------------------------------------------------------------------------

    def choice(self) -> SegmentChoice | None:
        """The segments and the audio that the output is made of."""
        return committed(self._work, self._layout.choice(self._video_id), SegmentChoice)

    def choose(self, choice: SegmentChoice) -> SegmentChoice:
        """Store this choice unless one is stored already; returns the stored one."""
        return commit(self._work, self._layout.choice(self._video_id), choice)


def _is_whole(stored: StoredPlan) -> bool:
    """Whether the chunks, in order, cover all pairs and frames of the plan without gaps."""
    plan, chunks = stored.plan, stored.chunks
    pairs = plan.grid.pairs(plan.facts.num_frames)
    return (
        bool(chunks)
        and [chunk.index for chunk in chunks] == list(range(len(chunks)))
        and (chunks[0].first_pair, chunks[0].first_frame) == (pairs.start, 0)
        and (chunks[-1].end_pair, chunks[-1].end_frame) == (pairs.stop, plan.grid.num_frames)
        and all(left.end_frame == right.first_frame for left, right in pairwise(chunks))
        and all(left.first_pair < right.end_pair for left, right in pairwise(chunks))
    )


def read_receipt(key: str, output_uri: str, context: StepContext) -> Published | None:
    """Read the receipt under `key`, which must be one of this output."""
    return committed(context.work, key, Published, belongs=lambda published: published.output_uri == output_uri)


def receipt_of(plan: VideoPlan, context: StepContext) -> Published | None:
    """The receipt of the output of this plan."""
    key = context.layout.receipt(receipt_id(plan.request, plan.resolved.weights_name))
    return read_receipt(key, plan.request.output_uri, context)


def withdraw_receipt(key: str, output_uri: str, context: StepContext) -> None:
    """Delete a damaged receipt."""
    withdraw(context.work, key, Published, belongs=lambda published: published.output_uri == output_uri)
