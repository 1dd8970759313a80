"""FolderProof: files by which a machine checks that it sees a shared folder as the driver does."""

from dataclasses import dataclass
from uuid import uuid4

from slomo_batch.errors import FolderNotShared, StorageError
from slomo_batch.storage.store import Locate
from slomo_batch.uri import Uri

_REMEDY = "Mount it there under the same path, writable, or leave that machine out of the cluster."


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """A file in a shared folder, as the driver sees it."""

    uri: Uri
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderProof:
    """What a machine must find in a shared folder."""

    folder: str
    witnesses: tuple[Witness, ...]
    """One of them that is the same is enough: sources may change during a run."""
    is_of_work: bool = False
    """Whether the work place is in the folder. Its witness was created by put-if-absent, which must not create it
    again."""


def check_proof(proof: FolderProof, locate: Locate) -> None:
    """Check that this machine sees a shared folder as the driver does.

    Raises:
        FolderNotShared: it does not.
    """
    found = [_difference(witness, locate) for witness in proof.witnesses]
    if all(found):
        raise FolderNotShared(
            "this machine does not see the same files in the shared folder as the driver",
            where=proof.folder,
            got=found[0],
            remedy=_REMEDY,
        )
    if proof.is_of_work:
        _check_put_if_absent(proof, locate)


def _difference(witness: Witness, locate: Locate) -> str:
    """What differs here; "" if the file is the same."""
    store, key = locate(witness.uri)
    try:
        same = store.head(key).fingerprint == witness.fingerprint
    except StorageError as error:
        return str(error)
    return "" if same else f"another file at {witness.uri}"


def _check_put_if_absent(proof: FolderProof, locate: Locate) -> None:
    for witness in proof.witnesses:
        store, key = locate(witness.uri)
        try:
            created = store.put_if_absent(key, uuid4().bytes)
        except StorageError as error:
            raise FolderNotShared(
                "this machine cannot write to the shared folder", where=proof.folder, got=str(error), remedy=_REMEDY
            ) from error
        if created:
            raise FolderNotShared(
                "put-if-absent overwrites an object that another machine created",
                where=proof.folder,
                remedy="Mount it without a cache of names, or put the work place on S3.",
            )
