"""A path on one machine's disk is refused if other machines need it."""

import pytest

from slomo_batch.cluster.shared_disk import check_absolute_paths, check_no_local_paths, machines_to_expect
from slomo_batch.errors import ManifestError


def test_a_head_without_cpus_expects_further_machines() -> None:
    assert [machines_to_expect(1, 0), machines_to_expect(1, 8), machines_to_expect(5, 0)] == [2, 1, 5]


def test_several_machines_accept_no_local_paths() -> None:
    check_no_local_paths(1, ["/a/b.mp4"])
    check_no_local_paths(2, [])
    with pytest.raises(ManifestError, match=r"/a/b\.mp4: the cluster has 2 machines.*S3"):
        check_no_local_paths(2, ["/b.mp4", "/a/b.mp4"])


def test_several_machines_accept_what_is_in_a_folder_that_they_share() -> None:
    shared = ["/mnt/archive"]
    paths = ["/mnt/archive/2019/**/*.mp4", "file:///mnt/archive/table.csv", "/mnt/archive/slow/{stem}.mp4"]
    check_no_local_paths(2, paths, shared=shared)
    for outside in ("/mnt/archive2/a.mp4", "/mnt/archive/../a.mp4", "a.mp4"):
        with pytest.raises(ManifestError, match=r"storage\.shared names"):
            check_no_local_paths(2, [*paths, outside], shared=shared)


@pytest.mark.parametrize("place", ["clips/*.mp4", "~/a.mp4", "./a", "file:a.mp4"])
def test_a_remote_cluster_accepts_absolute_paths_only(place: str) -> None:
    check_absolute_paths(["/data/a.mp4", "file:///data/b.mp4"])
    with pytest.raises(ManifestError, match="a path on this machine"):
        check_absolute_paths(["/data/a.mp4", place])
