"""The manifest, and its JSON Schema."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, field_validator

from slomo_batch.declarations import without_links
from slomo_batch.manifest import value_types
from slomo_batch.manifest.composition import compose, validate_settings
from slomo_batch.manifest.independence import independent_of
from slomo_batch.manifest.output_names import default_work, literal_suffix
from slomo_batch.manifest.row_settings import check_row, row_sections
from slomo_batch.manifest.scalars import invalid
from slomo_batch.manifest.sections import (
    DESCRIBED_IN_DOCSTRINGS,
    InputSpec,
    JobSettings,
    OutputSpec,
    VideoSections,
    with_settings,
)
from slomo_batch.settings import Settings


@with_settings(JobSettings)
class Manifest(VideoSections):
    """A job: which videos, how they are converted, and where the results go."""

    model_config = DESCRIBED_IN_DOCSTRINGS

    version: value_types.Version
    """Version of the manifest format."""
    name: value_types.JobName
    """Identifies the job in its work place: a run with the same name and work place resumes the job."""
    inputs: tuple[InputSpec, ...] = Field(json_schema_extra={"minItems": 1})
    """Files, folders, globs and catalogs. If several inputs name a file, the last one's settings apply."""
    output: OutputSpec
    work: value_types.Location = ""
    """The work place: a folder or s3:// prefix for intermediate files and the record of what is done. By default
    .slomo-work beside the outputs. Every machine of the job must reach it."""

    _overrides: VideoSections = VideoSections()

    @field_validator("inputs", mode="before")
    @classmethod
    def _some_inputs(cls, inputs: object) -> object:
        if inputs == []:
            raise invalid("the list is empty; name at least one input")
        return inputs

    @property
    def job(self) -> JobSettings:
        """The settings of the job."""
        return self.record(JobSettings)

    @property
    def overrides(self) -> VideoSections:
        """The settings of --set, which override those of every input and row."""
        return self._overrides

    def completed(self, overrides: VideoSections) -> "Manifest":
        """Return the manifest with these settings over everything, and with its work place."""
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
            sections, problems = row_sections(row)
            layers.append(sections)
        settings = compose([*layers, self.overrides], self.job)
        if row is not None:
            conflicts = validate_settings(settings, literal_suffix(self.output.uri))
            check_row([*problems, *independent_of(problems, conflicts)], row)
        return settings


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the manifest, for editors."""
    schema: dict[str, Any] = _with_sentences(Manifest.model_json_schema(by_alias=True))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "slomo_batch manifest"}


def _with_sentences(schema: Any) -> Any:
    """Make every description a sentence on one line, without links."""
    if isinstance(schema, list):
        return [_with_sentences(value) for value in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _sentence(value) if key == "description" and isinstance(value, str) else _with_sentences(value)
        for key, value in schema.items()
    }


def _sentence(text: str) -> str:
    line = without_links(text)
    line = line[:1].upper() + line[1:]
    return line if line.endswith(".") else f"{line}."
