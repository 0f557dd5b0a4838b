"""Today's code over the state of the previous release: nothing that keeps data is replaced or deleted."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from bootstrap.rehearsal.rehearsal import Rehearsal
from bootstrap.toolchain import binary

STACK = "on-premises-prod"
# Made by `up` of the release's own code in a rehearsal, without the large definitions of the Gateway API.
STATE = Path(__file__).parents[1] / "fixtures" / "states" / f"{STACK}.0.1.0.json"
# What holds data, and what opens it.
STATEFUL = (
    "kubernetes:apps/v1:StatefulSet",
    "kubernetes:core/v1:Namespace",
    "kubernetes:core/v1:PersistentVolumeClaim",
    "kubernetes:postgresql.cnpg.io/v1:",
    "kubernetes:barmancloud.cnpg.io/v1:",
    "random:",
    "aws:",
)
LOSING = {"delete", "replace", "delete-replaced", "create-replacement"}


def test_case_17_the_state_of_the_previous_release_keeps_its_data(
    rehearse: Callable[..., Rehearsal],
) -> None:
    rehearsal = rehearse(STACK)
    stack = rehearsal.stack
    text = (
        STATE.read_text()
        .replace("@PLACE@", str(rehearsal.place.root))
        .replace("@KUBECONFIG@", str(rehearsal.cluster.kubeconfig))
        .replace("@CONTEXT@", rehearsal.cluster.context)
    )
    stack.replace_state(json.loads(text))
    previewed = subprocess.run(
        [
            *(str(binary("pulumi")), "preview", "--json", "--non-interactive", "--stack", STACK),
            *("--cwd", str(rehearsal.place.project)),
        ],
        env=stack.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(previewed.stdout)
    assert told["changeSummary"]["same"] > 100
    lost = [
        f"{step['op']} {step['urn']}"
        for step in told["steps"]
        if step["op"] in LOSING and step["urn"].split("::")[2].rpartition("$")[2].startswith(STATEFUL)
    ]
    assert lost == []
