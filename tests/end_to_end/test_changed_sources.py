"""The output of a source that changed after publication is made again and replaced; no other file ever is."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from slomo_batch.commands import plan, run
from slomo_batch.manifest.load import load
from slomo_batch.manifest.schema import Manifest
from slomo_batch.records.results import Published
from slomo_batch.report.events import Note, VideoGivenUp, VideoPublished, VideoSkipped
from slomo_batch.serialization import from_json
from slomo_batch.storage.opening import StoreSpec, open_store
from slomo_batch.storage.store import ObjectStore
from slomo_batch.storage.work_layout import Layout
from slomo_batch.uri import Uri
from tests.clips.catalogue import clip
from tests.heard import Heard
from tests.s3_server import S3Server

OUTPUT, OTHER = "slow/a.mkv", "slow/b.mkv"


@dataclass(frozen=True)
class Archive:
    """Two sources, their outputs and the work place, all in one store."""

    store: ObjectStore
    storage: str

    def put(self, name: str, recipe: str) -> None:
        self.store.put(f"in/{name}.mp4", clip(recipe).data)

    def run(self, *, slowdown: int = 2, exists: str = "skip") -> dict[str, str]:
        """Run once; return the result of each source that was not skipped, by its name."""
        heard = Heard()
        run.run(self.manifest(slowdown, exists), display=heard)
        became = {}
        for event in heard.events:
            match event:
                case VideoPublished():
                    became[Path(event.uri).stem] = "published"
                case VideoGivenUp():
                    became[Path(event.uri).stem] = event.error
                case Note(uri=uri) if "changed since" in event.text:
                    became[f"note on {Path(uri).stem}"] = "changed"
                case VideoSkipped():
                    assert self.receipt(f"slow/{Path(event.uri).stem}.mkv") is not None
        return became

    def manifest(self, slowdown: int = 2, exists: str = "skip") -> Manifest:
        root = self.store.root
        text = (
            f"version: 1\nname: job\ninputs: [{{uri: '{root}/in/*.mp4'}}]\nwork: {root}/work\n"
            f"output: {{uri: '{root}/slow/{{stem}}.mkv', exists: {exists}}}\ninterpolate: {{method: blend}}\n"
            f"encode: {{codec: ffv1}}\nretime: {{slowdown: {slowdown}}}\ncluster: {{address: inline}}\n{self.storage}"
        )
        return load(text, where="manifest.yaml")

    def receipt(self, output: str) -> Published | None:
        """The only receipt of an output, if there is one."""
        keys = [found.key for found in self.store.list(f"work/{Layout('job').receipts}")]
        all_ = [from_json(Published, self.store.get(key)) for key in keys]
        of_output = [one for one in all_ if one.output_uri == self.store.uri(output)]
        assert len(of_output) <= 1, "what was replaced has no receipt"
        return of_output[0] if of_output else None

    def states(self) -> dict[str, str]:
        """The answer of `plan` for each source, by its name."""
        return {Path(row.uri).stem: row.state for row in plan.plan(self.manifest()).rows}


@pytest.fixture(params=["folder", "s3"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Archive:
    if request.param == "folder":
        made = Archive(open_store(StoreSpec(uri=Uri(tmp_path))), "")
    else:
        s3: S3Server = request.getfixturevalue("s3")
        store = open_store(StoreSpec(uri=Uri(f"s3://{s3.make_bucket()}"), options=s3.options()))
        made = Archive(store, f"storage: {{endpoint_url: '{s3.endpoint}', addressing_style: path}}\n")
    made.put("a", "one_frame")
    made.put("b", "one_frame")
    assert made.run() == {"a": "published", "b": "published"}
    return made


def test_only_changed_sources_are_made_again_and_only_own_outputs_replaced(archive: Archive) -> None:
    first, other = archive.store.get(OUTPUT), archive.store.head(OTHER)
    archive.put("a", "full_range")
    assert archive.states() == {"a": "changed", "b": "skip"}
    assert archive.run() == {"a": "published", "note on a": "changed"}
    assert archive.store.get(OUTPUT) != first
    assert archive.store.head(OTHER) == other
    assert archive.run() == {}
    # What it was at first: on S3 it has the fingerprint of then, and yet its output is gone and not taken for done.
    archive.put("a", "one_frame")
    assert archive.run() == {"a": "published", "note on a": "changed"}
    assert archive.store.get(OUTPUT) == first
    archive.put("a", "full_range")
    archive.store.put(OUTPUT, b"mine")
    assert archive.states() == {"a": "fail", "b": "skip"}
    assert archive.run() == {"a": "OutputExists"}
    assert archive.store.get(OUTPUT) == b"mine"


def test_an_output_replaced_by_other_settings_is_not_mistaken_for_the_earlier_one(archive: Archive) -> None:
    first = archive.store.get(OUTPUT)
    assert archive.run(slowdown=3, exists="replace") == {"a": "published", "b": "published"}
    assert archive.run(exists="replace") == {"a": "published", "b": "published"}
    assert archive.store.get(OUTPUT) == first
