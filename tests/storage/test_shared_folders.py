"""A machine proves that it sees a shared folder by a file in it that is the same as the driver's."""

from functools import partial
from pathlib import Path

import pytest

from slomo_batch.errors import FolderNotShared
from slomo_batch.storage.local import LocalStore
from slomo_batch.storage.s3_options import S3Options
from slomo_batch.storage.shared_folders import FolderProof, Witness, check_proof
from slomo_batch.storage.store import ObjectStore
from slomo_batch.uri import Uri
from slomo_batch.wiring import locate

LOCATE = partial(locate, s3=S3Options())


def proof(folder: Path, *names: str, is_of_work: bool = False) -> FolderProof:
    """A proof by these files, as this process sees them now."""
    store = LocalStore(folder)
    witnesses = tuple(Witness(uri=store.uri(name), fingerprint=store.head(name).fingerprint) for name in names)
    return FolderProof(folder=str(folder), witnesses=witnesses, is_of_work=is_of_work)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a claim and two sources."""
    for name in ("claim", "a.mp4", "b.mp4"):
        LocalStore(tmp_path).put(name, name.encode())
    return tmp_path


def test_the_same_files_prove_the_folder(folder: Path) -> None:
    check_proof(proof(folder, "a.mp4", "b.mp4"), LOCATE)
    check_proof(proof(folder, "claim", is_of_work=True), LOCATE)
    assert (folder / "claim").read_bytes() == b"claim"
    assert len(list(folder.iterdir())) == 3


def test_one_unchanged_source_is_enough(folder: Path) -> None:
    made = proof(folder, "a.mp4", "b.mp4")
    (folder / "a.mp4").unlink()
    check_proof(made, LOCATE)
    (folder / "b.mp4").unlink()
    with pytest.raises(FolderNotShared, match=rf"{folder}: this machine does not see .* {folder}/a\.mp4: no such file"):
        check_proof(made, LOCATE)


def test_another_file_of_that_name_proves_nothing(folder: Path) -> None:
    made = proof(folder, "claim", is_of_work=True)
    LocalStore(folder).put("claim", b"other")
    with pytest.raises(FolderNotShared, match="another file at"):
        check_proof(made, LOCATE)


class Overwriting(LocalStore):
    """A folder in which put_if_absent overwrites, as with a stale cache of names."""

    def put_if_absent(self, key: str, data: bytes) -> bool:
        self.put(key, data)
        return True


def test_a_work_place_in_which_names_are_taken_twice_is_refused(folder: Path) -> None:
    def overwriting(uri: Uri) -> tuple[ObjectStore, str]:
        return Overwriting(Path(uri.root)), uri.key

    check_proof(proof(folder, "a.mp4"), overwriting)
    with pytest.raises(FolderNotShared, match="overwrites an object that another machine created"):
        check_proof(proof(folder, "claim", is_of_work=True), overwriting)
