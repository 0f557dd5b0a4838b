import re
from pathlib import Path

import pytest

from bootstrap.images.definition import COMMON, HERE, images
from components import catalog

CONTAINERFILES = sorted(HERE.glob("*/Containerfile"))
DERIVED = [path for path in CONTAINERFILES if path.parent.name != "base"]


def instructions(path: Path) -> list[tuple[str, str]]:
    text = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", path.read_text(), flags=re.MULTILINE))
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in text.splitlines() if line.strip()]


def final_stage(path: Path) -> list[tuple[str, str]]:
    steps = instructions(path)
    start = max(number for number, (word, _) in enumerate(steps) if word == "FROM")
    return steps[start:]


def name(path: Path) -> str:
    return path.parent.name


def test_every_image_has_a_containerfile_and_every_containerfile_an_image() -> None:
    assert {name(path) for path in CONTAINERFILES} == {image.context for image in images().values()}


@pytest.mark.parametrize("path", CONTAINERFILES, ids=name)
def test_nobody_is_root(path: Path) -> None:
    users = [rest for word, rest in final_stage(path) if word == "USER"]
    assert users, "the last stage names no user"
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1]), "a number, so that runAsNonRoot can be checked"


@pytest.mark.parametrize("path", DERIVED, ids=name)
def test_the_base_is_an_argument_with_an_official_default(path: Path) -> None:
    word, rest = instructions(path)[0]
    assert word == "ARG"
    assert re.fullmatch(r"BASE_IMAGE=docker\.io/library/(debian|python):\S+", rest)
    bases = {rest.split()[0] for word, rest in instructions(path) if word == "FROM"}
    assert "${BASE_IMAGE}" in bases
    assert bases <= {"${BASE_IMAGE}", "scratch"}


@pytest.mark.parametrize("path", CONTAINERFILES, ids=name)
def test_package_indexes_are_arguments(path: Path) -> None:
    arguments = {rest.split("=")[0] for word, rest in instructions(path) if word == "ARG"}
    text = path.read_text()
    if "install-packages" in text:
        assert {"APT_MIRROR", "APT_SECURITY_MIRROR"} <= arguments
    if "make-environment" in text:
        assert {"PIP_INDEX_URL", "PIP_CERT"} <= arguments
        assert not any("PIP_" in rest for _, rest in final_stage(path)), "credentials would enter the history"


@pytest.mark.parametrize(
    "path", [path for path in CONTAINERFILES if (path.parent / "requirements.in").exists()], ids=name
)
def test_python_packages_are_locked_by_hash(path: Path) -> None:
    locked = (path.parent / "requirements.txt").read_text()
    entries = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", locked, flags=re.MULTILINE).strip())
    assert len(entries) > 50
    for entry in entries:
        assert re.match(r"[\w.-]+==\S+ \\\n\s+--hash=sha256:", entry), entry
    for line in (path.parent / "requirements.in").read_text().splitlines():
        wanted = re.match(r"([\w-]+)(?:\[\S+])?(==\S+)?$", line)
        assert wanted, line
        assert re.search(rf"^{wanted[1]}{re.escape(wanted[2] or '==')}", locked, re.MULTILINE), line


def test_shared_scripts_are_executable() -> None:
    assert all(path.stat().st_mode & 0o111 for path in COMMON.iterdir())


def test_bases_come_first_and_exist() -> None:
    seen: set[str] = set()
    for image in images().values():
        assert image.base is None or image.base in seen
        seen.add(image.name)


def test_images_in_upstreams_place_name_registry_repository_and_version() -> None:
    upstream = [image for image in images().values() if image.upstream]
    assert upstream
    for image in upstream:
        assert re.fullmatch(r"[a-z.]+\.[a-z]+(/[a-z-]+)+:v?\d+[\w.]*", image.upstream or "")
        assert image.repository == (image.upstream or "").partition("/")[2].partition(":")[0]


def test_the_catalog_and_the_images_agree() -> None:
    for image in images().values():
        part = catalog.PARTS.get(image.name)
        if image.upstream and part:
            assert part.image == image.upstream
        elif part:
            assert part.built == "own"
    own = {name for name, part in catalog.PARTS.items() if part.built == "own"}
    assert own <= {image.name for image in images().values() if not image.upstream and not image.internal}


@pytest.mark.parametrize("path", [HERE / "mlflow", HERE / "feast"], ids=lambda path: path.name)
def test_the_catalog_names_the_locked_version(path: Path) -> None:
    version = catalog.part(path.name).version
    assert (
        re.search(rf"^{path.name}==(\S+)", (path / "requirements.txt").read_text(), re.MULTILINE)[1]
        == version
    )


def test_the_catalog_names_the_packaged_versions() -> None:
    containerfile = (HERE / "postgresql/Containerfile").read_text()
    assert f"postgresql-{catalog.part('postgresql').version} " in containerfile
    assert f"Valkey {catalog.part('valkey').version} " in (HERE / "valkey/Containerfile").read_text()
