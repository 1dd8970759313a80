"""Parcel: a value that a process of Ray unpickles only when it opens it.

Unpickling a value loads the modules of its classes, from a disk that may not answer. Ray unpickles all arguments before
it calls anything, so a process that hangs there has reported nothing. This module loads nothing else of the package.
"""

import pickle
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Parcel(Generic[T]):
    """A value on its way to another process."""

    def __init__(self, value: T) -> None:
        self._value = value

    def open(self) -> T:
        """The value."""
        return self._value

    def __reduce__(self) -> tuple[Any, ...]:
        return _Sealed, (pickle.dumps(self._value),)


class _Sealed:
    """A parcel that has arrived."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def open(self) -> Any:
        """The value; loads the modules of its classes."""
        return pickle.loads(self._data)  # noqa: S301 written by the driver of this job

    def __reduce__(self) -> tuple[Any, ...]:
        return _Sealed, (self._data,)
