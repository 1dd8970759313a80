"""Validate a cluster file by Ray's schema of such files, all of it at once, with the nearest known key."""

import copy
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from slomo_batch.manifest.scalars import did_you_mean

_AWS_KEYS = {
    "aws_credentials",
    "disable_launch_config_check",
    "foreground_node_launch",
    "key_pair",
    "use_external_head_ip",
    "worker_liveness_check",
}
"""Keys of `provider` that Ray 2.60 reads on AWS and its schema does not list; the schema allows any other key too."""


def schema_problems(config: Mapping[str, Any]) -> list[str]:
    """All problems of the file's form: unknown keys, wrong types, missing keys, and what Ray itself refuses."""
    from jsonschema import Draft7Validator  # noqa: PLC0415 loaded where needed

    schema = _schema()
    errors = sorted(Draft7Validator(schema).iter_errors(config), key=lambda error: list(map(str, error.absolute_path)))
    problems = [problem for error in errors for problem in _problems_of(error)]
    problems += _provider_problems(config, schema)
    return problems or _refusals(config)


def _schema() -> dict[str, Any]:
    import ray.autoscaler  # noqa: PLC0415 Ray is heavy

    text = (Path(ray.autoscaler.__file__).parent / "ray-schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def _problems_of(error: Any) -> Iterator[str]:
    where = ".".join(str(step) for step in error.absolute_path)
    at = f"{where}: " if where else ""
    if error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        known = error.schema.get("properties", {})
        for key in error.instance:
            if key not in known:
                yield f"{at}unknown key {key}{did_you_mean(str(key), known)}"
    else:
        yield f"{at}{error.message}"


def _provider_problems(config: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    provider = config.get("provider")
    if not isinstance(provider, Mapping) or provider.get("type") != "aws":
        return []
    known = {*schema["properties"]["provider"]["properties"], *_AWS_KEYS}
    return [f"provider: unknown key {key}{did_you_mean(str(key), known)}" for key in provider if key not in known]


def _refusals(config: Mapping[str, Any]) -> list[str]:
    """What Ray's launcher refuses beyond the schema."""
    from ray.autoscaler._private.util import prepare_config, validate_config  # noqa: PLC0415 Ray is heavy

    logging.getLogger("ray.autoscaler").setLevel(logging.ERROR)
    try:
        validate_config(prepare_config(copy.deepcopy(dict(config))))
    except KeyError as error:
        return [f"Ray refuses it: the key {error} is missing"]
    except Exception as error:  # noqa: BLE001 Ray raises the errors of its schema library and its own
        return [f"Ray refuses it: {_first_line(error)}"]
    return []


def _first_line(error: Exception) -> str:
    message = str(getattr(error, "message", "") or error).strip()
    return message.splitlines()[0] if message else type(error).__name__
