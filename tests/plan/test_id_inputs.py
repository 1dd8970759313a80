"""The input of ids: frozen for the fields of the first version, by name for later ones."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass, make_dataclass, replace
from typing import Any, get_type_hints

import pytest

from slomo_batch.plan import id_inputs
from slomo_batch.plan.id_inputs import Later
from slomo_batch.plan.ids import earlier_video_ids, receipt_id, video_id
from slomo_batch.plan.job_pin import JobPin, MethodPin
from slomo_batch.records.requests import Source, VideoRequest
from slomo_batch.settings import Encode, Interpolate, Retime, Settings
from slomo_batch.uri import Uri

SOURCE = Source(uri=Uri("s3://archive/a.mp4"), size_bytes=1000, fingerprint="etag-1")
SETTINGS = Settings(interpolate=Interpolate(method="blend"))
REQUEST = VideoRequest(source=SOURCE, output_uri=Uri("s3://out/a.mp4"), exists="skip", settings=SETTINGS)
PIN = JobPin(pixel_revision=1, precision="fp32", threads=1, nvenc_works=False, methods={"blend": MethodPin()})
IDS = ("2c19ced296fd80a4b38cf7d6d493f19c", "42a1743374c413f0618fb93395b439ca")
"""Of the video and of the receipt, as commit 5c59279 made them."""


def _ids(request: VideoRequest = REQUEST, pin: JobPin = PIN) -> tuple[str, str]:
    return video_id(request, pin), receipt_id(request, "")


def _extended(record: Any, name: str, value: object) -> Any:
    """The same record, of a class in which this field is declared too."""
    kind = make_dataclass(
        type(record).__name__,
        [(name, type(value), field(default=value))],
        bases=(type(record),),
        frozen=True,
        kw_only=True,
    )
    return kind(**{**{known.name: getattr(record, known.name) for known in fields(record)}, name: value})


def _with_retime(retime: Any) -> VideoRequest:
    return replace(REQUEST, settings=_extended(SETTINGS, "retime", retime))


def _with_ramp(value: str) -> VideoRequest:
    return _with_retime(_extended(Retime(), "ramp", value))


def _leaves(kind: type, prefix: str = "") -> Iterator[str]:
    """Dotted names of the fields of a record and of the records in it."""
    hints = get_type_hints(kind)
    for known in fields(kind):
        inside = hints[known.name]
        if is_dataclass(inside) and isinstance(inside, type):
            yield from _leaves(inside, f"{prefix}{known.name}.")
        else:
            yield f"{prefix}{known.name}"


# ---- nothing is forgotten --------------------------------------------------------------------------------------------


def test_every_setting_is_in_the_ids() -> None:
    """A new setting is declared as later, and its default means what the first version did."""
    paths = [*id_inputs.SETTINGS_FIELDS.values(), *(later.name for later in id_inputs.LATER_SETTINGS)]
    assert sorted(_leaves(Settings)) == sorted(paths)


def test_every_pin_is_in_the_ids() -> None:
    """A new pin belongs in LATER_PINS. The memory is not in them: it decides nothing but the tiles of a stored plan."""
    names = [*id_inputs.PIN_FIELDS, *(later.name for later in id_inputs.LATER_PINS), "memory_bytes"]
    assert sorted(known.name for known in fields(JobPin)) == sorted(names)


def test_every_fact_of_a_source_and_of_a_request_is_in_the_ids() -> None:
    assert tuple(_leaves(Source)) == id_inputs.SOURCE_FIELDS
    assert [known.name for known in fields(VideoRequest)] == ["source", "output_uri", "exists", "sidecar", "settings"]


def test_a_document_without_a_later_field_means_its_neutral_value() -> None:
    """The record's default is what a stored plan of an older version is read as."""
    defaults = Settings()
    for later in id_inputs.LATER_SETTINGS:
        value = defaults
        for name in later.name.split("."):
            value = getattr(value, name)
        assert value == later.neutral, later.name
    of_pins = {known.name: known.default for known in fields(JobPin)}
    for later in id_inputs.LATER_PINS:
        assert of_pins[later.name] == later.neutral, later.name


# ---- what a new field changes ----------------------------------------------------------------------------------------


RAMPED_FPS = _extended(Retime().fps, "ramp", "")
EXTENDED = {
    "Retime": _with_ramp(""),
    "FpsTarget": _with_retime(_extended(Retime(), "fps", RAMPED_FPS)),
    "Interpolate": replace(
        REQUEST, settings=_extended(SETTINGS, "interpolate", _extended(SETTINGS.interpolate, "depth", 0))
    ),
    "Encode": replace(REQUEST, settings=_extended(SETTINGS, "encode", _extended(Encode(), "num_passes", ""))),
    "Settings": replace(REQUEST, settings=_extended(SETTINGS, "subtitles", "")),
    "Source": replace(REQUEST, source=_extended(SOURCE, "version", "")),
    "VideoRequest": _extended(REQUEST, "priority", 0),
}


@pytest.mark.parametrize("kind", EXTENDED)
def test_a_field_added_to_a_record_changes_no_id(kind: str) -> None:
    assert _ids(EXTENDED[kind]) == IDS


def test_a_field_added_to_the_pin_changes_no_id() -> None:
    assert _ids(pin=_extended(PIN, "tiles", 0)) == IDS


def test_a_class_of_another_name_and_order_of_fields_changes_no_id() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Found:
        fingerprint: str
        size_bytes: int
        uri: str

    moved: Any = Found(uri=SOURCE.uri, size_bytes=SOURCE.size_bytes, fingerprint=SOURCE.fingerprint)
    assert _ids(replace(REQUEST, source=moved)) == IDS


def test_a_later_setting_is_in_the_ids_only_where_it_is_not_neutral(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(id_inputs, "LATER_SETTINGS", (Later(name="retime.ramp", neutral=""),))
    assert _ids(_with_ramp("")) == IDS
    ramped, steeper = _ids(_with_ramp("0:4")), _ids(_with_ramp("0:8"))
    assert len({IDS[0], ramped[0], steeper[0]}) == 3
    assert len({IDS[1], ramped[1], steeper[1]}) == 3
    monkeypatch.setattr(
        id_inputs,
        "LATER_SETTINGS",
        (Later(name="chunks.pairs", neutral="auto"), Later(name="retime.ramp", neutral="")),
    )
    assert _ids(_with_ramp("0:4")) == ramped, "what is added after it changes nothing"


def test_batches_for_a_gpu_make_another_video_and_the_same_receipt() -> None:
    made = _ids(pin=replace(PIN, gpu_batches=True))
    assert made[0] != IDS[0]
    assert made[1] == IDS[1]


def test_a_later_pin_is_in_the_video_id_only_where_it_is_not_neutral(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(id_inputs, "LATER_PINS", (Later(name="tiles", neutral=0),))
    assert _ids(pin=_extended(PIN, "tiles", 0)) == IDS
    tiled = _ids(pin=_extended(PIN, "tiles", 2))
    assert tiled[0] != IDS[0]
    assert tiled[1] == IDS[1], "a receipt knows no pins"


def test_a_new_default_asks_for_the_output_that_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(id_inputs, "LATER_SETTINGS", (Later(name="retime.ramp", neutral=""),))
    monkeypatch.setattr(id_inputs, "LATER_DEFAULTS", {"retime.ramp": {"auto": ""}, "audio": {"best": "auto"}})
    best: Any = "best"
    by_default = replace(_with_ramp("auto").settings, audio=best)
    identity, receipt = _ids(replace(REQUEST, settings=by_default))
    assert receipt == IDS[1]
    assert identity != IDS[0], "what is made differs, so it is not mixed"
    assert earlier_video_ids(replace(REQUEST, settings=by_default), PIN) == (IDS[0],)
