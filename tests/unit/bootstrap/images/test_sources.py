from pathlib import Path

import pytest

from bootstrap.images import sources


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sources, "APT", tmp_path)
    monkeypatch.delenv("COLONNADE_APT_MIRROR", raising=False)
    (tmp_path / "sources.list.d").mkdir()
    return tmp_path


def test_a_machine_without_a_debian_mirror_leaves_the_choice_to_debootstrap(apt: Path) -> None:
    (apt / "sources.list").write_text("deb http://mirror.example/ubuntu noble main\n")
    assert sources.apt_mirror() is None


def test_one_line_sources_are_read(apt: Path) -> None:
    (apt / "sources.list").write_text(
        "# deb http://old.example/debian trixie main\n"
        "deb http://mirror.example/debian-security trixie-security main\n"
        "deb [signed-by=/x.gpg] http://mirror.example/debian/ bookworm main\n"
    )
    assert sources.apt_mirror() == "http://mirror.example/debian"


def test_stanzas_are_read(apt: Path) -> None:
    (apt / "sources.list.d/a.sources").write_text(
        "Types: deb\nURIs: http://tools.example\nSuites: stable\nComponents: extra\n\n"
        "Types: deb deb-src\nURIs: http://mirror.example/debian\nSuites: trixie\nComponents: main\n"
    )
    assert sources.apt_mirror() == "http://mirror.example/debian"


def test_the_environment_counts_most(apt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (apt / "sources.list").write_text("deb http://mirror.example/debian trixie main\n")
    monkeypatch.setenv("COLONNADE_APT_MIRROR", "http://named.example/debian/")
    assert sources.apt_mirror() == "http://named.example/debian"
    assert sources.build_arguments()["APT_MIRROR"] == "http://named.example/debian"
