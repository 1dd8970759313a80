"""Find what earlier runs made of a planned video, check what of it can be used, and delete what is damaged."""

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from typing import TypeVar

from slomo_batch.errors import SurveyMissing, WorkDamaged
from slomo_batch.plan.existing_work import ExistingWork
from slomo_batch.plan.ids import chunks_in_lane
from slomo_batch.plan.stored_plan import MovedTo, PlannedVideo, SegmentChoice, StoredPlan
from slomo_batch.records.commits import AudioDone, ChunkDone
from slomo_batch.records.plans import Chunk
from slomo_batch.records.source_facts import Lane
from slomo_batch.steps.audio import has_audio
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.stored_index import index_bytes, read_index
from slomo_batch.steps.stored_records import as_note, put_record, read_each
from slomo_batch.steps.stored_survey import stored_survey, withdraw_survey
from slomo_batch.steps.surveyed_probe import surveyed_probe
from slomo_batch.steps.video_records import VideoRecords

T = TypeVar("T")

MAX_NOTES = 5
"""Damaged objects of one video that the notes name; of the others they give the number."""


def find_existing_work(stored: StoredPlan, context: StepContext, *, dry_run: bool, has_index: bool) -> PlannedVideo:
    """Find the work of a video that exists and fits together.

    A commit without its segment is deleted, and so is a choice of segments that are not the committed ones. With
    `dry_run`, nothing is deleted or written. `has_index`: the packet index was written just now.

    Raises:
        SurveyMissing: source packets must be stored again, and the video was planned from a survey that is gone.
        WorkDamaged: the packet index does not belong to the plan, even after it was made again.
    """
    return _Finder(stored, context, dry_run=dry_run).find_existing_work(has_index=has_index)


class _Finder:
    def __init__(self, stored: StoredPlan, context: StepContext, *, dry_run: bool) -> None:
        self._stored, self._context, self._dry_run = stored, context, dry_run
        self._video_id = stored.plan.video_id
        self._records = VideoRecords(self._video_id, context)
        self._sizes = {found.key: found.size_bytes for found in context.work.list(context.layout.video(self._video_id))}
        self._damaged: list[str] = []

    def find_existing_work(self, *, has_index: bool) -> PlannedVideo:
        lane = self._lane()
        chunks = chunks_in_lane(self._video_id, self._stored.chunks, lane)
        done = self._chunks_done(chunks)
        audio = self._audio_done() if has_audio(self._stored) else None
        ready = frozenset(chunk.index for chunk in chunks if self._object_key(chunk, lane) in self._sizes)
        needs_audio = has_audio(self._stored) and audio is None
        if not self._dry_run:
            if needs_audio or len(done) < len(chunks):
                self._withdraw_unbacked([chunk for chunk in chunks if chunk.index not in done], needs_audio=needs_audio)
            else:
                self._check_choice([done[chunk.index] for chunk in chunks], audio)
            if not has_index and (needs_audio or len(done.keys() | ready) < len(chunks)):
                self._check_survey()
                self._check_index()
        existing = ExistingWork(
            num_chunks=len(chunks),
            lane=lane,
            done=frozenset(done),
            ready=ready,
            needs_audio=needs_audio,
            done_bytes=sum(found.size_bytes for found in done.values()),
            audio_bytes=audio.size_bytes if audio else 0,
        )
        return PlannedVideo(stored=self._stored, existing=existing, notes=limited(self._damaged))

    def _object_key(self, chunk: Chunk, lane: Lane) -> str:
        return self._context.layout.chunk(self._video_id, lane, chunk.index, chunk.chunk_id)

    def _lane(self) -> Lane:
        """The lane of the video. A damaged record means the decode lane: a video moves to no other."""
        try:
            moved = self._records.moved()
        except WorkDamaged as damaged:
            moved = MovedTo(lane="decode")
            self._damaged.append(as_note(damaged))
            if not self._dry_run:
                put_record(self._context.work, self._context.layout.lane(self._video_id), moved)
        return moved.lane if moved else self._stored.plan.facts.lane

    # ---- commits ---------------------------------------------------------------------------------------------------

    def _chunks_done(self, chunks: Sequence[Chunk]) -> dict[int, ChunkDone]:
        """The committed segments that exist, by the index of their chunk."""
        layout, records, done = self._context.layout, self._records, {}
        listed = [chunk for chunk in chunks if layout.commit(self._video_id, chunk.chunk_id) in self._sizes]
        with closing(read_each(self._context.work, records.chunk_done, listed)) as reads:
            for chunk, read in zip(listed, reads, strict=True):
                found = self._undamaged(read, partial(records.withdraw_chunk, chunk))
                if found and self._is_backed(found.segment_key, found.size_bytes):
                    done[chunk.index] = found
        return done

    def _audio_done(self) -> AudioDone | None:
        done = self._undamaged(self._records.audio_done, self._records.withdraw_audio)
        return done if done and self._is_backed(done.key, done.size_bytes) else None

    def _undamaged(self, read: Callable[[], T | None], withdraw: Callable[[], None]) -> T | None:
        try:
            return read()
        except WorkDamaged as damaged:
            self._damaged.append(as_note(damaged))
            if not self._dry_run:
                withdraw()
            return None

    def _is_backed(self, key: str, size_bytes: int) -> bool:
        """Whether the object that a commit names exists with its committed size."""
        size = self._sizes.get(key)
        if size not in {None, size_bytes}:
            where, expected, got = self._context.work.uri(key), f"{size_bytes} bytes", f"{size}"
            error = WorkDamaged("this object is damaged", where=where, expected=expected, got=got)
            self._damaged.append(as_note(error))
        return size == size_bytes

    def _withdraw_unbacked(self, chunks: list[Chunk], *, needs_audio: bool) -> None:
        layout, video = self._context.layout, self._video_id
        void = [layout.choice(video), *(layout.commit(video, chunk.chunk_id) for chunk in chunks)]
        void += [layout.audio_commit(video)] if needs_audio else []
        # Only those that were listed: another driver may have made others since.
        if seen := [key for key in void if key in self._sizes]:
            self._context.work.delete(seen)

    def _check_choice(self, segments: list[ChunkDone], audio: AudioDone | None) -> None:
        """Delete a choice of other segments. It is damaged, or names segments whose commits are deleted."""
        right = SegmentChoice.of(segments, audio)
        key = self._context.layout.choice(self._video_id)
        try:
            if key not in self._sizes or self._records.choice() in {None, right}:
                return
            text = (
                f"{self._context.work.uri(key)}: names segments that are not the committed ones. A run makes it again."
            )
        except WorkDamaged as damaged:
            text = as_note(damaged)
        self._damaged.append(text)
        self._context.work.delete([key])

    # ---- the survey and the index ----------------------------------------------------------------------------------

    def _check_survey(self) -> None:
        """Check that the survey is there for the split, if the video is planned from one."""
        surveyed, context = self._stored.plan.facts.surveyed, self._context
        if surveyed is None:
            return
        try:
            survey = stored_survey(self._video_id, surveyed.num_pictures, context)
        except WorkDamaged as damaged:
            self._damaged.append(as_note(damaged))
            withdraw_survey(self._video_id, surveyed.num_pictures, context)
            survey = None
        if survey is None:
            source = self._stored.plan.request.source
            raise SurveyMissing("the survey is gone", where=source.uri, notes=limited(self._damaged))

    def _check_index(self) -> None:
        """Make a damaged packet index again from the source."""
        try:
            read_index(self._stored, self._context)
        except WorkDamaged as damaged:
            self._damaged.append(as_note(damaged))
            probed = surveyed_probe(self._stored.plan.request, self._video_id, self._context)
            data = index_bytes(self._video_id, probed.index, probed.timeline, probed.recipe)
            self._context.work.put(self._context.layout.index(self._video_id), data)
            self._check_new_index()

    def _check_new_index(self) -> None:
        try:
            read_index(self._stored, self._context)
        except WorkDamaged as error:
            raise WorkDamaged(
                "the stored plan does not match the packets of the source",
                where=self._context.work.uri(self._context.layout.pin(self._video_id)),
                remedy="Delete its folder and run again with --retry-failed: the video is planned again.",
            ) from error


def limited(notes: list[str]) -> tuple[str, ...]:
    """The first few notes, and the number of the others."""
    more = len(notes) - MAX_NOTES
    return (*notes[:MAX_NOTES], f"{more} more objects are damaged") if more > 0 else tuple(notes)
