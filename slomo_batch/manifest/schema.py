"""The manifest: what a person asked for, whole and judged."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from slomo_batch.manifest import values
from slomo_batch.manifest.composition import compose, validate_settings
from slomo_batch.manifest.output_names import default_work, literal_suffix
from slomo_batch.manifest.row_settings import check_row, row_sections
from slomo_batch.manifest.sections import (
    ChunksSection,
    ClusterSection,
    InputSpec,
    LimitsSection,
    OutputSpec,
    RetriesSection,
    StorageSection,
    VideoSections,
)
from slomo_batch.settings import Settings


class Manifest(VideoSections):
    """One job: which videos, made how, to where, on what."""

    version: values.Version
    """Of this format: 1."""
    name: values.JobName
    """The job's identity in the work place: resume and `status` go by it."""
    inputs: tuple[InputSpec, ...] = Field(json_schema_extra={"minItems": 1})
    """Any mix of files, globs, folders and tables; a file that several name takes the last one's settings."""
    output: OutputSpec
    work: values.Place = ""
    """Where chunks, segments and the ledger stand; by default a folder .slomo-work beside the outputs."""
    chunks: ChunksSection = Field(default_factory=ChunksSection)
    cluster: ClusterSection = Field(default_factory=ClusterSection)
    retries: RetriesSection = Field(default_factory=RetriesSection)
    storage: StorageSection = Field(default_factory=StorageSection)
    limits: LimitsSection = Field(default_factory=LimitsSection)

    _overrides: VideoSections = VideoSections()

    @model_validator(mode="before")
    @classmethod
    def _some_inputs(cls, data: object) -> object:
        if isinstance(data, Mapping) and data.get("inputs") == []:
            return {key: value for key, value in data.items() if key != "inputs"}
        return data

    @property
    def overrides(self) -> VideoSections:
        """What --set says: it goes over the settings of every input and row."""
        return self._overrides

    def completed(self, overrides: VideoSections) -> "Manifest":
        """The same manifest with these settings over everything, and its work place filled in."""
        copy = self.model_copy(update={"work": self.work or default_work(self.output.uri)})
        copy._overrides = overrides  # noqa: SLF001 of this very class
        return copy

    def settings_for(self, spec: InputSpec | None, row: Mapping[str, str] | None = None) -> Settings:
        """Return the settings of one video: of this input, and of this row of its table.

        Raises:
            ManifestError: a setting of the row is invalid, or its settings conflict.
        """
        layers: list[VideoSections] = [self.sections()]
        if spec is not None:
            layers.append(spec.sections())
        if row is not None:
            layers.append(row_sections(row))
        settings = compose([*layers, self.overrides], chunks=self.chunks, limits=self.limits)
        if row is not None:
            check_row(validate_settings(settings, literal_suffix(self.output.uri)), row)
        return settings


def json_schema() -> dict[str, Any]:
    """The manifest as a JSON Schema, for editors."""
    schema = Manifest.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "slomo-batch manifest"}
