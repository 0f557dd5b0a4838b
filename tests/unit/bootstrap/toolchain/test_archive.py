import os
import tarfile
from pathlib import Path

from bootstrap.toolchain import archive


def test_directory_becomes_the_only_folder_at_the_top(tmp_path: Path) -> None:
    chart = tmp_path / "demo" / "templates"
    chart.mkdir(parents=True)
    (chart.parent / "Chart.yaml").write_text("name: demo")
    (chart / "pod.yaml").write_text("kind: Pod")
    archive.pack(chart.parent, tmp_path / "demo.tgz")
    assert archive.read(tmp_path / "demo.tgz") == {
        "demo/Chart.yaml": b"name: demo",
        "demo/templates/pod.yaml": b"kind: Pod",
    }


def test_equal_contents_are_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "demo").mkdir(parents=True)
        (tmp_path / name / "demo" / "values.yaml").write_text("a: 1")
        os.utime(tmp_path / name / "demo" / "values.yaml", (len(name), 1_000_000))
        (tmp_path / name / "demo" / "values.yaml").chmod(0o600 if name == "one" else 0o644)
        archive.pack(tmp_path / name / "demo", tmp_path / f"{name}.tgz")
    os.utime(tmp_path / "two" / "demo" / "values.yaml", (5, 5))
    assert (tmp_path / "one.tgz").read_bytes() == (tmp_path / "two.tgz").read_bytes()
    with tarfile.open(tmp_path / "one.tgz") as tar:
        assert [(entry.uid, entry.mtime) for entry in tar] == [(0, 0)]
