from collections.abc import Callable
from pathlib import Path

import pytest

from bootstrap.images.address import address
from bootstrap.images.definition import Image


def compute(folder: Path, base: str = "sha256:1", place: str = "/app") -> str:
    files = {path.name: path for path in folder.iterdir() if path.name != "program"}
    return address(files, base, {place: folder / "program"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Containerfile").write_text("FROM scratch\n")
    (tmp_path / "start").write_text("#!/bin/sh\n")
    (tmp_path / "program").write_bytes(b"binary")
    return tmp_path


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "Containerfile").write_text("FROM scratch\nUSER 1\n"),
        lambda folder: (folder / "start").write_text("#!/bin/sh\nexit\n"),
        lambda folder: (folder / "start").chmod(0o755),
        lambda folder: (folder / "start").rename(folder / "begin"),
        lambda folder: (folder / "more").write_text(""),
        lambda folder: (folder / "program").write_bytes(b"newer"),
    ],
    ids=["recipe", "content", "mode", "name", "more", "binary"],
)
def test_each_kind_of_input_changes_the_address(folder: Path, change: Callable[[Path], object]) -> None:
    before = compute(folder)
    change(folder)
    assert compute(folder) != before


def test_the_base_and_the_place_of_a_program_change_the_address(folder: Path) -> None:
    assert len({compute(folder), compute(folder, base="sha256:2"), compute(folder, place="/bin/app")}) == 3


def test_time_and_place_do_not(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("other") / "copy"
    elsewhere.mkdir()
    for path in folder.iterdir():
        (elsewhere / path.name).write_bytes(path.read_bytes())
    assert compute(elsewhere) == compute(folder)


def test_a_shared_script_counts_only_where_it_is_used() -> None:
    valkey = Image(name="valkey", context="valkey", base="base", seconds=1)
    assert "common/install-packages" in valkey.files()
    assert "common/make-environment" not in valkey.files()
