"""Each optional part is switched off, one at a time: every preview passes (case 19)."""

from collections.abc import Callable
from typing import Any

from bootstrap.rehearsal.rehearsal import Rehearsal

STACK = "aws-prod"
OFF = {"enabled": False}
PARTS: dict[str, dict[str, Any]] = {
    "lakefs": {"data": {"lakefs": OFF}},
    "feast": {"data": {"feast": OFF}},
    "mlflow": {"experimentation": {"mlflow": OFF}},
    "cache": {"data": {"feast": OFF}, "cache": OFF},
    "budget": {"governance": {}},
    "data scan": {"governance": {"data_scan": False}},
    "audit trail": {
        "governance": {"audit_trail": False},
        "waivers": [{"setting": "governance.audit_trail", "reason": "the organisation records it"}],
    },
    "way out": {"network": {"egress": "none"}},
    "accelerators": {
        "cluster": {
            "pools": [
                {"name": name, "purpose": name, "machine_type": "m6i.large", "min": 2, "max": 3}
                for name in ("system", "general")
            ]
        }
    },
    "services": {"data": {"lakefs": OFF, "feast": OFF}, "experimentation": {"mlflow": OFF}},
}


def test_case_19_each_optional_part_off(rehearse: Callable[..., Rehearsal]) -> None:
    rehearsal = rehearse(STACK)
    whole = rehearsal.place.read(STACK)
    counts = {"everything": sum(rehearsal.stack.preview().changes.values())}
    for part, changes in PARTS.items():
        config = {f"colonnade:{name}": value for name, value in changes.items()}
        if "network" in changes:
            # The addresses stay: only the way out is off.
            config["colonnade:network"] = {**whole["config"]["colonnade:network"], **changes["network"]}
        rehearsal.place.write(STACK, {**whole, "config": {**whole["config"], **config}})
        counts[part] = sum(rehearsal.stack.preview().changes.values())
    # A part that is off is really not there.
    assert [part for part in PARTS if counts[part] >= counts["everything"]] == []


def test_case_1_an_empty_stack_previews_what_is_not_known_yet(rehearse: Callable[..., Rehearsal]) -> None:
    # The charts go to a cluster that the same run is to create.
    rehearsal = rehearse("aws-dev")
    outcome = rehearsal.stack.preview()
    assert set(outcome.changes) == {"create"}
    shown = (rehearsal.place.logs / "aws-dev-preview.log").read_text()
    assert "kubernetes:helm.sh/v4:Chart external-secrets create" in shown
