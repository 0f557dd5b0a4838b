"""`colonnade catalog list` as it is typed."""

import json

from typer.testing import CliRunner

from bootstrap.catalog.commands import app
from components.catalog import PARTS


def test_json_names_every_part_with_its_images() -> None:
    result = CliRunner().invoke(app, ["list", "--json"])
    assert result.exit_code == 0
    entries = {entry["part"]: entry for entry in json.loads(result.stdout)}
    assert set(entries) == set(PARTS)
    assert entries["lakefs"]["images"] == ["docker.io/treeverse/lakefs:1.84.0"]
    assert entries["valkey"]["images"] == ["colonnade/valkey"]
    assert entries["valkey"]["licence"] == "BSD-3-Clause"
    assert entries["cloudnative-pg"]["chart"]["version"] == "0.29.0"


def test_the_table_shows_whole_names_in_a_pipe() -> None:
    result = CliRunner().invoke(app, ["list"])
    assert result.exit_code == 0
    for part in PARTS.values():
        line = next(row for row in result.stdout.splitlines() if f" {part.name} " in row)
        assert part.version in line
        assert part.source in line
        for image in part.all_images:
            assert image in result.stdout
