"""A secret in chart values, in configuration or in an output is told nowhere (case 5)."""

import base64
import io
import json
from pathlib import Path

from rich.console import Console

from bootstrap.embedded import Cluster
from bootstrap.lifecycle import summary
from tests.end_to_end.cluster.components.trial import configure, project, pulumi, write_chart
from tests.end_to_end.cluster.conftest import BUSYBOX
from tests.end_to_end.test_engine import surroundings

__all__ = ["surroundings"]

PROGRAM = """
given = settings.require_secret("given")
made = random.RandomPassword(
    "made", length=24, special=False, opts=pulumi.ResourceOptions(provider=random.Provider("random"))
).result
cluster = pulumi.ResourceOptions(providers=[k8s.Provider("cluster", kubeconfig=Path(kubeconfig).read_text())])
namespace = Namespace("secrets", NamespaceArgs(), cluster)
after = pulumi.ResourceOptions.merge(cluster, pulumi.ResourceOptions(depends_on=[namespace]))
chart(namespace.namespace, after, given=given, made=made, nested={"list": [given]})
ProvisioningJob("job", ProvisioningJobArgs(
    namespace=namespace.namespace, image=image, command=["true"],
    secret_environment={"GIVEN": given}, secret_files={"/etc/made": made},
), after)
pulumi.export("given", given)
pulumi.export("combined", pulumi.Output.concat("x", made, "y"))
pulumi.export("mlflow_url", "https://mlflow.example.com")
pulumi.export("mlflow_password", made)
"""

# Into each kind of place that a chart may bring a value.
TEMPLATES = """
apiVersion: v1
kind: Secret
metadata: { name: one }
stringData: { given: {{ .Values.given }} }
data: { made: {{ .Values.made | b64enc }} }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: two, annotations: { made: {{ .Values.made }} } }
data: { given: "given={{ index .Values.nested.list 0 }}" }
"""
GIVEN = "s3ntinel-4711"


def test_case_5_secrets_are_told_nowhere(surroundings: Path, cluster: Cluster) -> None:
    charts = surroundings / "charts"
    write_chart(charts, templates_objects=TEMPLATES)
    stack = project(
        surroundings, PROGRAM, kubeconfig=str(cluster.kubeconfig), image=BUSYBOX, charts=str(charts)
    )
    configure(stack, "--secret", given=GIVEN)
    told = {"preview": pulumi(stack, "preview", "--diff")}
    try:
        stack.up()
        made = stack.outputs(show_secrets=True)["mlflow_password"]
        shown = io.StringIO()
        Console(file=shown, width=200).print(summary.table(stack.name, stack.outputs()))
        told["closing output"] = shown.getvalue()
        assert "mlflow_password --show-secrets" in told["closing output"]
        told["outputs"] = pulumi(stack, "stack", "output")
        told["state"] = json.dumps(stack.export())
        configure(stack, "--secret", given=f"{GIVEN}-changed")
        told["update"] = pulumi(stack, "up", "--yes", "--diff")
        told["JSON preview"] = pulumi(stack, "preview", "--json", "--expect-no-changes")
    finally:
        stack.destroy()
    told |= {
        str(file): file.read_bytes().decode(errors="replace")
        for file in surroundings.rglob("*")
        if file.is_file()
    }
    assert any("/logs/" in name and name.endswith(".events") for name in told)
    hits = [
        (name, said[max(0, said.index(value) - 200) : said.index(value)])
        for name, said in told.items()
        for secret in (GIVEN, made)
        for value in (secret, base64.b64encode(secret.encode()).decode())
        if value in said
    ]
    assert not hits
