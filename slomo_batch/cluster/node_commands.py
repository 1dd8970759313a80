"""The commands that a cluster file runs on its nodes, compared with the files that it copies there."""

import importlib.metadata
import re
import shlex
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any

from slomo_batch.cluster.aws_nodes import PLACEHOLDER

_COMMANDS = (
    "initialization_commands",
    "setup_commands",
    "head_setup_commands",
    "worker_setup_commands",
    "head_start_ray_commands",
    "worker_start_ray_commands",
)
_TOKEN = ".ray/auth_token"  # noqa: S105 a path below the home folder
_USERS = {"ubuntu": "ubuntu", "al2023": "ec2-user", "amzn2": "ec2-user", "amazon-linux": "ec2-user"}
"""The user of an image, by a part of the image's name."""
_PIP_FILES = {"--constraint", "-c", "--requirement", "-r"}


def command_problems(config: Mapping[str, Any], folder: Path) -> Iterator[str]:
    """Problems of commands and copied files; `folder` is where `ray up` will run."""
    yield from _token_mode_problems(config)
    yield from _mount_problems(config, folder)
    yield from _python_problems(config)
    if config.get("docker", {}).get("image"):
        return  # the commands run in a container, whose files and user are not known
    user = config.get("auth", {}).get("ssh_user", "")
    if user:
        yield from _user_problems(config, user)
        home = PurePosixPath("/root" if user == "root" else f"/home/{user}")
        mounts = {_absolute(remote, home): local for remote, local in config.get("file_mounts", {}).items()}
        yield from _token_file_problems(config, home, mounts)
        yield from _path_problems(config, home, mounts, folder)


def _commands(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every command, with the key that lists it."""
    for key in _COMMANDS:
        yield from ((key, str(command)) for command in config.get(key, ()))


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()


def _absolute(path: str, home: PurePosixPath) -> PurePosixPath:
    """A path on a node, with ~ and $HOME replaced."""
    return PurePosixPath(re.sub(r"^(~|\$HOME|\$\{HOME\})(?=/|$)", str(home), path))


# ---- user and Python -----------------------------------------------------------------------------------------------


def _user_problems(config: Mapping[str, Any], user: str) -> Iterator[str]:
    images = {str(kind.get("node_config", {}).get("ImageId", "")) for kind in config["available_node_types"].values()}
    users = {owner for image in images for part, owner in _USERS.items() if part in image}
    if users and user not in users:
        yield f"auth.ssh_user: is {user}, but the user of the image is {', '.join(sorted(users))}"
    texts = chain(config.get("file_mounts", {}), (command for _, command in _commands(config)))
    homes = {found for text in texts for found in re.findall(r"/home/([\w.-]+)", str(text))} - {user}
    for other in sorted(homes):
        yield f"/home/{other}: is not the home of auth.ssh_user, {user}"


def _python_problems(config: Mapping[str, Any]) -> Iterator[str]:
    requires = importlib.metadata.metadata("slomo-batch")["Requires-Python"] or ""
    least = re.search(r">=3\.(\d+)", requires)
    if least is None:
        return
    for key, command in _commands(config):
        old = sorted({minor for minor in re.findall(r"\bpython3\.(\d+)", command) if int(minor) < int(least[1])})
        if old:
            yield f"{key}: uses Python 3.{old[0]}, and slomo_batch needs {requires}"


# ---- the token -----------------------------------------------------------------------------------------------------


def _token_mode_problems(config: Mapping[str, Any]) -> Iterator[str]:
    for key, command in _commands(config):
        if "ray start" in command and "RAY_AUTH_MODE=token" not in command:
            yield f"{key}: `ray start` without RAY_AUTH_MODE=token lets anyone who reaches the port run code"


def _token_file_problems(
    config: Mapping[str, Any], home: PurePosixPath, mounts: Mapping[PurePosixPath, str]
) -> Iterator[str]:
    starts = [command for _, command in _commands(config) if "RAY_AUTH_MODE=token" in command]
    named = {found for command in starts for found in re.findall(r"RAY_AUTH_TOKEN_PATH=([^\s;'\"]+)", command)}
    for path in sorted(named) or [f"~/{_TOKEN}"] * bool(starts):
        remote = _absolute(path, home)
        if not any(remote.is_relative_to(mount) for mount in mounts):
            yield f"file_mounts: does not copy the token to {remote}, so no node can join"


# ---- files ---------------------------------------------------------------------------------------------------------


def _mount_problems(config: Mapping[str, Any], folder: Path) -> Iterator[str]:
    for local in config.get("file_mounts", {}).values():
        if PLACEHOLDER not in str(local) and not (folder / Path(str(local)).expanduser()).exists():
            remedy = "; create the token: ray get-auth-token --generate" if str(local).endswith(_TOKEN) else ""
            yield f"file_mounts: {local} does not exist{remedy}"


def _path_problems(
    config: Mapping[str, Any], home: PurePosixPath, mounts: Mapping[PurePosixPath, str], folder: Path
) -> Iterator[str]:
    """Paths in commands that lead into a copied folder must exist here, and files for pip must be copied."""
    for key, command in _commands(config):
        words = _words(command)
        for before, word in zip(["", *words], words, strict=False):
            remote = _absolute(word, home)
            inside = [mount for mount in mounts if remote.is_relative_to(mount)]
            if inside:
                local = folder / Path(mounts[inside[0]]).expanduser()
                if local.exists() and not (local / remote.relative_to(inside[0])).exists():
                    yield f"{key}: {word} does not exist: {local} is copied to {inside[0]}"
            elif before in _PIP_FILES and "pip" in command:
                yield f"{key}: pip reads {word}, which file_mounts does not copy"
