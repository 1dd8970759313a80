"""Options for the settings of a video: each setting is an option, named as the last word of its path.

Help, values and defaults come from the declarations in `settings`.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Literal, get_args, get_origin, get_type_hints

from slomo_batch.cli.arguments import add_settings, not_empty
from slomo_batch.declarations import DeclaredSetting, declared_settings, default_of, values_of, without_links, words_of
from slomo_batch.interpolators.registry import method_names
from slomo_batch.manifest.presets import PRESETS
from slomo_batch.settings import VideoSettings

if TYPE_CHECKING:
    from slomo_batch.manifest.load import Override

_OTHERS = "audio and scan"
"""Title of the settings that are in no section."""


def flag_of(declared: DeclaredSetting) -> str:
    """Return the option of a setting."""
    return f"--{declared.path.rpartition('.')[2].replace('_', '-')}"


def add_setting_options(parser: argparse.ArgumentParser, *, without: Sequence[str] = ()) -> None:
    """Add an option for each setting of a video but those in `without`, --for and --set."""
    for title, about, settings in _groups():
        group = parser.add_argument_group(title, about)
        for declared in settings:
            if flag_of(declared) in without:
                continue
            action = group.add_argument(
                flag_of(declared), dest=declared.path, metavar="VALUE", type=not_empty, help=setting_help(declared)
            )
            action.words = _words(declared)  # type: ignore[attr-defined]  # `completion` reads it
    group = parser.add_argument_group("presets and other settings")
    purposes = "; ".join(f"{name}: {preset.doc}" for name, preset in PRESETS.items())
    group.add_argument(
        "--for",
        dest="purpose",
        choices=PRESETS,
        metavar="PURPOSE",
        help=f"a preset of several settings, which the options above override. {purposes}",
    )
    add_settings(group)


def setting_help(declared: DeclaredSetting) -> str:
    """Return the help of a setting's option: what it does, its values, its default."""
    about = without_links(declared.declaration.doc)
    values = ", ".join(_words(declared)) if declared.declaration.form == "method" else values_of(declared)
    about += f". Values: {values}" if values else ""
    return f"{about} (default: {default_of(declared)})".replace("`", "").replace("%", "%%")


def setting_overrides(options: argparse.Namespace, suffix: str) -> "list[Override]":
    """Return the settings of --for and of the options, in this order. `suffix` is that of the output, with its dot."""
    from slomo_batch.manifest.load import Override  # noqa: PLC0415 loads pydantic

    given = {
        declared.path: (f"{flag_of(declared)} {text}", _value(text))
        for declared in optional_settings()
        if (text := getattr(options, declared.path, None)) is not None
    }
    preset = PRESETS[options.purpose] if options.purpose else None
    of_preset = preset.settings_for(suffix, codec_is_given="encode.codec" in given) if preset else {}
    whole = {path: (f"--for {options.purpose}", value) for path, value in of_preset.items()} | given
    return [Override(label=label, path=tuple(path.split(".")), value=value) for path, (label, value) in whole.items()]


def _value(text: str) -> object:
    """A list, such as that of a ramp, from its YAML; any other value as it was typed."""
    from slomo_batch.manifest.yaml_tree import read_tree  # noqa: PLC0415 loads yaml

    return read_tree(text, where="").data if text.startswith("[") else text


def optional_settings() -> list[DeclaredSetting]:
    """Return the settings of a video that have more than one value."""
    return [
        one
        for one in declared_settings(VideoSettings)
        if get_origin(one.kind) is not Literal or len(get_args(one.kind)) > 1
    ]


def _groups() -> Iterator[tuple[str, str, Sequence[DeclaredSetting]]]:
    """Yield the title, the description and the settings of each section, and of all settings that are in none."""
    kinds = get_type_hints(VideoSettings)
    sections = [one.name for one in fields(VideoSettings) if is_dataclass(kinds[one.name])]
    for name in sections:
        about = kinds[name].__doc__ or ""
        yield name, about, [one for one in optional_settings() if one.path.startswith(f"{name}.")]
    yield _OTHERS, "", [one for one in optional_settings() if one.path.partition(".")[0] not in sections]


def _words(declared: DeclaredSetting) -> list[str]:
    """The words that an option takes."""
    declaration = declared.declaration
    if declaration.form == "method":
        return method_names()
    in_values = declaration.values.split("`")[1::2] if not words_of(declared.kind) else []
    return [*words_of(declared.kind), *map(str, declaration.choices), *(word for word in in_values if word.isalpha())]
