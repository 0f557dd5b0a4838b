from pathlib import Path

from bootstrap.embedded import mounts

MOUNTINFO = """\
1 0 8:1 / / rw - ext4 /dev/root rw
2 1 8:1 /s/c/one /s/c/one/namespaces rw - ext4 /dev/root rw
3 2 0:4 mnt:[1] /s/c/one/namespaces/mnt rw - nsfs nsfs rw
4 1 8:1 / /s/c/one2/namespaces rw - ext4 /dev/root rw
5 1 8:1 / /s/c/one/with\\040space rw - ext4 /dev/root rw
"""


def test_mounts_below_come_deepest_first_and_spare_neighbours() -> None:
    assert mounts.below(Path("/s/c/one"), MOUNTINFO) == [
        Path("/s/c/one/with space"),
        Path("/s/c/one/namespaces/mnt"),
        Path("/s/c/one/namespaces"),
    ]
