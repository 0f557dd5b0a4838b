"""What a rehearsal tells, people and machines."""

import io
import json
from types import SimpleNamespace

from rich.console import Console

from bootstrap.rehearsal import report
from bootstrap.rehearsal.charts import Missing
from bootstrap.rehearsal.phases import Phase
from bootstrap.rehearsal.standin.model import Resource
from tests.unit.bootstrap.rehearsal.conftest import FakeRehearsal

PHASES = [
    Phase("preview again", 3.4, {"same": 418}),
    Phase(
        "change", 12.0, {"create": 8, "create-replacement": 1, "update": 2}, ("no such subnet",), "it broke"
    ),
]


def test_the_table_fits_a_terminal() -> None:
    text = io.StringIO()
    Console(file=text, width=80).print(report.table("aws-prod", PHASES))
    lines = [line.split() for line in text.getvalue().splitlines()]
    assert ["preview", "again", "3", "418", "passed"] in lines
    assert ["change", "12", "8", "2", "1", "1", "FAILED"] in lines


def test_the_report_for_machines(fake: FakeRehearsal) -> None:
    fake.faults.fired.append("throttle: create x")
    found = json.loads(json.dumps(report.document(fake, PHASES)))  # type: ignore[arg-type]
    assert (found["stack"], found["passed"]) == ("fake", False)
    assert found["faults"] == ["throttle: create x"]
    assert found["phases"][1]["fault"] == "it broke"
    assert found["phases"][1]["refusals"] == ["no such subnet"]
    assert report.document(fake, PHASES[:1])["passed"]  # type: ignore[arg-type]


def test_what_was_not_rehearsed_is_named(fake: FakeRehearsal) -> None:
    fake.missing = [Missing("used", "1.0", "its source is not here"), Missing("unused", "2.0", "likewise")]
    fake.replaced = ["edge.tls: a throw-away certificate"]
    fake.existing = [Resource("aws:route53/zone:Zone", "Z1", {}, {})]
    fake.account = fake.server = SimpleNamespace()  # type: ignore[assignment]
    fake.mirror = SimpleNamespace(gaps={"eks:Odd": "no idea"})  # type: ignore[assignment]
    told = "\n".join(report.assumed(fake))  # type: ignore[arg-type]
    for words in ("chart used 1.0", "chart unused", "webhooks", "edge.tls", "Zone Z1", "eks:Odd", "emulator"):
        assert words in told
    fake.charts = {"used"}
    assert "chart unused" not in "\n".join(report.assumed(fake))  # type: ignore[arg-type]
