"""What the documentation names is there: files behind links, commands, variables and verbs."""

import re
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from bootstrap.cli import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def texts(*suffixes: str) -> str:
    folders = ("bootstrap", "stacks", "components", "tests")
    files = [file for folder in folders for file in (ROOT / folder).rglob("*") if file.suffix in suffixes]
    return "\n".join(file.read_text() for file in files if file != Path(__file__))


def test_pages_are_found() -> None:
    assert {"README.md", "getting-started.md", "reference.md"} <= {page.name for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    broken = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not broken


def test_every_command_is_described_and_every_described_one_exists() -> None:
    root = get_command(app)
    assert isinstance(root, typer.core.TyperGroup)
    known = set()
    for name, command in root.commands.items():
        below = getattr(command, "commands", None)
        known |= {f"{name} {each}" for each in below} if below else {name}
    table = (ROOT / "docs" / "reference.md").read_text().partition("## Commands")[2].partition("\n\n## ")[0]
    described = set()
    for cell in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE):
        group = ""
        for words in re.findall(r"`(?:colonnade )?([a-z ]+)`", cell):
            group = words.rpartition(" ")[0] or group
            described.add(words if " " in words or not group else f"{group} {words}")
    assert described == known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_variables_are_read_by_the_code(page: Path) -> None:
    code = texts(".py")
    # Some names are put together from a prefix.
    read = {
        *re.findall(r"COLONNADE_[A-Z_]+", code),
        *(f"COLONNADE_{x}" for x in re.findall(r'"([A-Z_]+)"', code)),
    }
    assert set(re.findall(r"COLONNADE_[A-Z_]+", page.read_text())) <= read


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_verbs_are_those_of_the_makefile(page: Path) -> None:
    verbs = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`(?:[A-Z]+=\d )?make ([a-z]+)`", page.read_text())) <= verbs
