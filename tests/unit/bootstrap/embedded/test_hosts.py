from pathlib import Path

import pytest

from bootstrap.embedded import hosts
from bootstrap.embedded.layout import Layout

PLAIN = "127.0.0.1 localhost\n# a comment\n10.0.0.1 other"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "hosts"
    path.write_text(PLAIN)
    return path


def test_block_names_the_domain_and_each_label(file: Path, layout: Layout) -> None:
    hosts.ensure(layout, ["mlflow", "lakefs"], file)
    lines = file.read_text().splitlines()
    assert lines[:3] == PLAIN.splitlines()
    assert f"{layout.address} mlflow.trial.colonnade.internal" in lines
    assert f"{layout.address} trial.colonnade.internal" in lines


def test_second_time_writes_nothing(file: Path, layout: Layout) -> None:
    hosts.ensure(layout, ["mlflow"], file)
    before = file.stat().st_mtime_ns, file.stat().st_ino
    hosts.ensure(layout, ["mlflow"], file)
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == before


def test_block_follows_the_labels(file: Path, layout: Layout) -> None:
    hosts.ensure(layout, ["old"], file)
    hosts.ensure(layout, ["new"], file)
    assert "old." not in file.read_text()
    assert file.read_text().count("begin") == 1


def test_remove_restores_the_file_and_leaves_other_clusters(file: Path, layout: Layout) -> None:
    other = Layout("other")
    hosts.ensure(other, ["mlflow"], file)
    before = file.read_text()
    hosts.ensure(layout, ["mlflow"], file)
    hosts.remove(layout, file)
    assert file.read_text() == before
    hosts.remove(other, file)
    assert file.read_text() == PLAIN + "\n"
    hosts.remove(other, file)


def test_block_without_end_takes_nothing_foreign_along(layout: Layout) -> None:
    text = f"# colonnade trial: begin\n{layout.address} trial.colonnade.internal\n10.0.0.1 other\n"
    assert hosts.without(text, layout) == "10.0.0.1 other\n"
