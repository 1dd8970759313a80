"""Validate a node's configuration by botocore's model of EC2, without a request."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.validate import ParamValidator


def node_config_problems(node_config: Mapping[str, Any]) -> list[str]:
    """List unknown keys, wrong types and unknown values in the parameters of RunInstances (the EC2 API reference)."""
    request = {**node_config, "MinCount": 1, "MaxCount": 1}
    report = ParamValidator().validate(request, _run_instances())
    if report.has_errors():
        return [line.strip() for line in report.generate_report().splitlines() if line.strip()]
    return _unknown_values(request, _run_instances(), "node_config")


@cache
def _run_instances() -> Any:
    return botocore.session.get_session().get_service_model("ec2").operation_model("RunInstances").input_shape


def _unknown_values(value: object, shape: Any, where: str) -> list[str]:
    """List strings that are not among the values that the model enumerates."""
    if shape.type_name == "structure" and isinstance(value, Mapping):
        members = [(item, shape.members[key], f"{where}.{key}") for key, item in value.items()]
        return [fault for member in members for fault in _unknown_values(*member)]
    if shape.type_name == "list" and isinstance(value, list):
        return [fault for item in value for fault in _unknown_values(item, shape.member, where)]
    known = getattr(shape, "enum", [])
    return [f"{where}: {value!r} is not known to EC2"] if known and value not in known else []
