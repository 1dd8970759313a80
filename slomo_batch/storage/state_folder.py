"""The state folder of a user: the default work place of commands without a manifest, $XDG_STATE_HOME/slomo-batch."""

import os
from pathlib import Path


def state_folder() -> Path | None:
    """Return the state folder, which need not exist; None if there is no home folder, or it cannot be written to.

    As the XDG Base Directory Specification has it, a relative $XDG_STATE_HOME is ignored, and the default is
    ~/.local/state.
    """
    try:
        set_folder = Path(os.environ.get("XDG_STATE_HOME", ""))
        home = set_folder if set_folder.is_absolute() else Path.home() / ".local" / "state"
        folder = home / "slomo-batch"
        nearest = _nearest_existing(folder)
    except (OSError, RuntimeError):
        return None
    return folder if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK) else None


def is_same_volume(one: Path, other: Path) -> bool:
    """Whether two paths, or the nearest folders above them that exist, are on the same file system."""
    try:
        return _nearest_existing(one).stat().st_dev == _nearest_existing(other).stat().st_dev
    except OSError:
        return False


def _nearest_existing(path: Path) -> Path:
    """Return the path, or the nearest folder above it that exists.

    Raises:
        OSError: a folder cannot be read.
    """
    return next(place for place in (path, *path.parents) if place.exists())
