from pathlib import Path

import pytest

from bootstrap.embedded.cgroups import Cgroups
from bootstrap.errors import ColonnadeError


def mountinfo(*mounts: tuple[Path, str]) -> str:
    lines = [
        f"{number} 1 0:{number} / {point} rw - {kind} {kind} rw"
        for number, (point, kind) in enumerate(mounts)
    ]
    return "\n".join(["1 0 8:1 / / rw - ext4 /dev/root rw", *lines]) + "\n"


def directory(path: Path, **files: str) -> Path:
    path.mkdir()
    for name, content in files.items():
        (path / name.replace("_", ".", 1)).write_text(content)
    return path


def test_v1_daemons_join_every_hierarchy_but_not_the_unified_one(tmp_path: Path) -> None:
    memory, pids = directory(tmp_path / "memory"), directory(tmp_path / "pids")
    unified = directory(tmp_path / "unified")
    cgroups = Cgroups(
        "colonnade-trial", mountinfo((memory, "cgroup"), (pids, "cgroup"), (unified, "cgroup2"))
    )
    cgroups.create()
    cgroups.create()
    assert [file.parent.parent.parent for file in cgroups.daemon_files()] == [memory, pids]
    assert not (unified / "colonnade-trial").exists()


def test_v2_hands_controllers_down(tmp_path: Path) -> None:
    unified = directory(tmp_path / "unified", cgroup_controllers="cpu memory")
    own = directory(unified / "colonnade-trial", cgroup_controllers="cpu memory")
    cgroups = Cgroups("colonnade-trial", mountinfo((unified, "cgroup2")))
    cgroups.create()
    for place in (unified, own):
        assert (place / "cgroup.subtree_control").read_text() == "+cpu +memory"
    assert cgroups.daemon_files() == [own / "daemons" / "cgroup.procs"]


def test_members_are_found_at_any_depth(tmp_path: Path) -> None:
    memory = directory(tmp_path / "memory")
    own = directory(memory / "colonnade-trial", cgroup_procs="")
    directory(own / "daemons", cgroup_procs="12\n13\n")
    directory(own / "kubepods", cgroup_procs="")
    directory(own / "kubepods" / "pod1", cgroup_procs="99\n")
    directory(memory / "colonnade-trial2", cgroup_procs="7\n")
    assert Cgroups("colonnade-trial", mountinfo((memory, "cgroup"))).members() == {12, 13, 99}


def test_remove_takes_all_and_only_its_own(tmp_path: Path) -> None:
    memory = directory(tmp_path / "memory")
    (memory / "colonnade-trial" / "kubepods" / "pod1").mkdir(parents=True)
    (memory / "colonnade-other").mkdir()
    cgroups = Cgroups("colonnade-trial", mountinfo((memory, "cgroup")))
    cgroups.remove()
    cgroups.remove()
    assert [path.name for path in memory.iterdir()] == ["colonnade-other"]


def test_cgroup_in_use_is_named(tmp_path: Path) -> None:
    memory = directory(tmp_path / "memory")
    busy = memory / "colonnade-trial" / "daemons"
    busy.mkdir(parents=True)
    (busy / "file").touch()
    with pytest.raises(ColonnadeError, match=f"cgroup {busy} cannot be removed"):
        Cgroups("colonnade-trial", mountinfo((memory, "cgroup"))).remove(patience=0)


def test_machine_without_cgroups_is_named() -> None:
    with pytest.raises(ColonnadeError, match="no cgroup file system is mounted"):
        Cgroups("colonnade-trial", mountinfo()).create()
