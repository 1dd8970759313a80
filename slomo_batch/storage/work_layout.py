"""Layout: the keys of the work store. No other module builds a key.

    jobs/<job>/job.json                                        pinned once
               progress/000001.json
               weights/<digest>  .json     weights/<sha256>.safetensors
               epochs/000001.json          heartbeats/000001.json
               ledger/000001-000001.parquet
               receipts/<receipt>.json     failures/000001-<receipt>.json
               owned/<object>.json         uploads/<upload>.json
               probes/<random>             report.html
               videos/<video>/pin.json  index.npz  survey.npz  lane.json  choice.json  publishing.json
                              sound-commit.json
                              chunks/<lane>/00000001-<chunk>.pkts       sound-source.pkts
                              segments/<chunk>/<attempt>.<suffix>       sound/<attempt>.pkts
                              commits/<chunk>.json  strips/<chunk>.jpg

One listing of `receipts` shows all published videos, one of a video's prefix everything made for it.
Prefixes end in a slash. Nothing outside `root` is ever written or deleted.
"""

import re
from dataclasses import dataclass
from typing import Literal

from slomo_batch.records.source_facts import Lane

JOBS = "jobs/"
"""Prefix of all jobs of a work store."""

Listed = Literal["progress", "epoch", "heartbeat", "ledger_part", "receipt", "failure", "upload", "commit"]
"""Kinds of objects found by listing a prefix."""
_NUMBER, _ID = r"([0-9]{6}|[1-9][0-9]{6,7})", r"([0-9a-f]{32})"
"""No job reaches a number of more than eight digits; a date in a file name has more."""
_NAMES: dict[Listed, str] = {
    "progress": rf"progress/{_NUMBER}\.json",
    "epoch": rf"epochs/{_NUMBER}\.json",
    "heartbeat": rf"heartbeats/{_NUMBER}\.json",
    "ledger_part": rf"ledger/{_NUMBER}-{_NUMBER}\.parquet",
    "receipt": rf"receipts/{_ID}\.json",
    "failure": rf"failures/{_NUMBER}-{_ID}\.json",
    "upload": rf"uploads/{_ID}\.json",
    "commit": rf"videos/{_ID}/commits/{_ID}\.json",
}


def name_in_job(key: str) -> str:
    """A key without the prefix of its job: the same in a copy of the job under another name."""
    return key.split("/", 2)[2] if key.startswith(JOBS) else key


@dataclass(frozen=True, slots=True)
class Layout:
    """The keys of one job."""

    name: str
    """Of the job, without slashes."""

    @property
    def root(self) -> str:
        """Prefix of everything of this job."""
        return f"{JOBS}{self.name}/"

    # ---- the job ---------------------------------------------------------------------------------------------------

    @property
    def job(self) -> str:
        """Settings that the first run of the job fixed."""
        return f"{self.root}job.json"

    def weights_pin(self, spec_digest: str) -> str:
        """The weights that one value of `interpolate.weights` refers to in this job."""
        return f"{self.root}weights/{spec_digest}.json"

    def weights(self, sha256: str) -> str:
        """The weights themselves, by their hash, for workers that cannot read the original."""
        return f"{self.root}weights/{sha256}.safetensors"

    @property
    def progresses(self) -> str:
        """Prefix of the progress records; `status` shows the latest."""
        return f"{self.root}progress/"

    def progress(self, epoch: int) -> str:
        """Progress of the job, written by the driver of one epoch."""
        return f"{self.progresses}{epoch:06d}.json"

    @property
    def epochs(self) -> str:
        """Prefix of the epochs: one per driver that ever led the job."""
        return f"{self.root}epochs/"

    def epoch(self, number: int) -> str:
        """Claim of one driver to lead the job from here on."""
        return f"{self.epochs}{number:06d}.json"

    @property
    def heartbeats(self) -> str:
        """Prefix of the signs of life."""
        return f"{self.root}heartbeats/"

    def heartbeat(self, number: int) -> str:
        """Sign of life of the driver of one epoch."""
        return f"{self.heartbeats}{number:06d}.json"

    @property
    def ledger(self) -> str:
        """Prefix of the ledger's parts."""
        return f"{self.root}ledger/"

    def ledger_part(self, epoch: int, number: int) -> str:
        """One part of the ledger, as one driver wrote it."""
        return f"{self.ledger}{epoch:06d}-{number:06d}.parquet"

    @property
    def receipts(self) -> str:
        """Prefix of the receipts: what is published."""
        return f"{self.root}receipts/"

    def receipt(self, receipt_id: str) -> str:
        """Proof that one video is published."""
        return f"{self.receipts}{receipt_id}.json"

    @property
    def failures(self) -> str:
        """Prefix of the failures: what waits for --retry-failed."""
        return f"{self.root}failures/"

    def failure(self, epoch: int, receipt_id: str) -> str:
        """Why one video failed under the driver of one epoch."""
        return f"{self.failures}{epoch:06d}-{receipt_id}.json"

    def owned(self, object_id: str) -> str:
        """What this job made an output object from."""
        return f"{self.root}owned/{object_id}.json"

    @property
    def uploads(self) -> str:
        """Prefix of the uploads in progress."""
        return f"{self.root}uploads/"

    def upload(self, upload_id: str) -> str:
        """An upload that this job started, to any store; deleted when the upload ends."""
        return f"{self.uploads}{upload_id}.json"

    @property
    def probes(self) -> str:
        """Prefix of the keys for checks of a store."""
        return f"{self.root}probes/"

    def probe(self, random: str) -> str:
        """A key for a check of the store; deleted afterwards."""
        return f"{self.probes}{random}"

    @property
    def report(self) -> str:
        """The page for people, written at the end of each run."""
        return f"{self.root}report.html"

    # ---- one video -------------------------------------------------------------------------------------------------

    @property
    def videos(self) -> str:
        """Prefix of all videos."""
        return f"{self.root}videos/"

    def video(self, video_id: str) -> str:
        """Prefix of everything of one video."""
        return f"{self.videos}{video_id}/"

    def pin(self, video_id: str) -> str:
        """The video's plan and chunks."""
        return f"{self.video(video_id)}pin.json"

    def index(self, video_id: str) -> str:
        """The source's packet index."""
        return f"{self.video(video_id)}index.npz"

    def survey(self, video_id: str) -> str:
        """What a survey measured of the source's pictures, for a video that is planned from one."""
        return f"{self.video(video_id)}survey.npz"

    def lane(self, video_id: str) -> str:
        """The lane a video was moved to after its plan was pinned."""
        return f"{self.video(video_id)}lane.json"

    def chunks(self, video_id: str) -> str:
        """Prefix of the chunk objects, of both lanes."""
        return f"{self.video(video_id)}chunks/"

    def chunk(self, video_id: str, lane: Lane, index: int, chunk_id: str) -> str:
        """Source packets of one chunk."""
        return f"{self.chunks(video_id)}{lane}/{index:08d}-{chunk_id}.pkts"

    def audio_source(self, video_id: str) -> str:
        """The source's audio packets."""
        return f"{self.video(video_id)}sound-source.pkts"

    def segments(self, video_id: str) -> str:
        """Prefix of the encoded segments, of all attempts."""
        return f"{self.video(video_id)}segments/"

    def segment(self, video_id: str, chunk_id: str, attempt: str, suffix: str) -> str:
        """One attempt's encoded chunk; `suffix` begins with a dot. No other attempt writes here."""
        return f"{self.segments(video_id)}{chunk_id}/{attempt}{suffix}"

    def strip(self, video_id: str, chunk_id: str) -> str:
        """A small picture of a chunk's pair most worth a look, for the report."""
        return f"{self.video(video_id)}strips/{chunk_id}.jpg"

    def commits(self, video_id: str) -> str:
        """Prefix of the commit records."""
        return f"{self.video(video_id)}commits/"

    def commit(self, video_id: str, chunk_id: str) -> str:
        """The record that makes one attempt's segment the chunk's."""
        return f"{self.commits(video_id)}{chunk_id}.json"

    def audio_attempts(self, video_id: str) -> str:
        """Prefix of the output's audio, of all attempts."""
        return f"{self.video(video_id)}sound/"

    def audio_attempt(self, video_id: str, attempt: str) -> str:
        """One attempt at the output's audio. No other attempt writes here."""
        return f"{self.audio_attempts(video_id)}{attempt}.pkts"

    def audio_commit(self, video_id: str) -> str:
        """The record that makes one attempt's audio the video's."""
        return f"{self.video(video_id)}sound-commit.json"

    def publishing(self, video_id: str) -> str:
        """Records that the output did not exist, was replaceable, or was this job's, when the upload started."""
        return f"{self.video(video_id)}publishing.json"

    def choice(self, video_id: str) -> str:
        """The segments that the output is stitched from."""
        return f"{self.video(video_id)}choice.json"


def parts_of(layout: Layout, kind: Listed, key: str) -> tuple[str, ...]:
    """The numbers and ids in a listed key, in order; empty where the key is not of this kind.

    A folder may also hold files of file managers, editors and sync programs; they are ignored.
    """
    match = re.fullmatch(_NAMES[kind], key.removeprefix(layout.root))
    return match.groups() if match else ()
