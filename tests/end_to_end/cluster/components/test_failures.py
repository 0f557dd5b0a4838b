"""A bad value fails, the value is put right, and the next run succeeds without any cleaning (case 4)."""

import json
from pathlib import Path

import pytest

from bootstrap.embedded import Cluster
from bootstrap.lifecycle.pulumi import EngineError
from tests.end_to_end.cluster.components.trial import SERVE, configure, project, pulumi, write_chart
from tests.end_to_end.cluster.conftest import BUSYBOX, Kubectl
from tests.end_to_end.test_engine import surroundings

__all__ = ["surroundings"]

PROGRAM = f"""
fault = settings.get("fault")
cluster = pulumi.ResourceOptions(providers=[k8s.Provider("cluster", kubeconfig=Path(kubeconfig).read_text())])
memory = "lots" if fault == "refused" else "16Mi"
served = image + "-missing" if fault == "late" else image

def impatient(args):
    if args.type_ in ("kubernetes:apps/v1:Deployment", "kubernetes:apps/v1:StatefulSet"):
        patience = "8s" if fault else "60s"
        args.opts.custom_timeouts = pulumi.CustomTimeouts(create=patience, update=patience)
    return pulumi.ResourceTransformResult(args.props, args.opts)

pulumi.runtime.register_resource_transform(impatient)
namespace = Namespace("failures", NamespaceArgs(), cluster)
after = pulumi.ResourceOptions.merge(cluster, pulumi.ResourceOptions(depends_on=[namespace]))
for name, volume in (("plain", None), ("stateful", Volume("/data", "16Mi"))):
    Workload(name, WorkloadArgs(
        namespace=namespace.namespace, image=served, ports={{"http": 8080}}, probe=Probe(8080),
        memory=memory, command={SERVE}, volume=volume,
    ), after)
chart(namespace.namespace, after, memory=memory, image=served)

# A job that is wrong itself, and one that is right but fails for what is around it.
ProvisioningJob("wrong", ProvisioningJobArgs(
    namespace=namespace.namespace, image=image, memory=memory, backoff_limit=0,
    command=["false" if fault == "late" else "true"],
), after)
around = Namespace("surroundings", NamespaceArgs(), cluster)
quota = k8s.core.v1.ResourceQuota(
    "quota", metadata={{"namespace": around.namespace, "name": "quota"}},
    spec={{"hard": {{"pods": "0" if fault == "late" else "9"}}}},
    opts=pulumi.ResourceOptions.merge(cluster, pulumi.ResourceOptions(depends_on=[around])),
)
ProvisioningJob("right", ProvisioningJobArgs(
    namespace=around.namespace, image=image, memory=memory, deadline_seconds=12, command=["true"],
), pulumi.ResourceOptions.merge(cluster, pulumi.ResourceOptions(depends_on=[quota])))
"""

DEPLOYMENT = f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{ name: charted }}
spec:
  selector: {{ matchLabels: {{ app: charted }} }}
  template:
    metadata: {{ labels: {{ app: charted }} }}
    spec:
      securityContext: {{ runAsNonRoot: true, runAsUser: 10001, seccompProfile: {{ type: RuntimeDefault }} }}
      containers:
        - name: charted
          image: {{{{ .Values.image }}}}
          command: {json.dumps(SERVE)}
          resources: {{ limits: {{ memory: {{{{ .Values.memory }}}} }} }}
          securityContext: {{ allowPrivilegeEscalation: false, capabilities: {{ drop: [ALL] }} }}
"""
PARTS = ("Deployment plain", "StatefulSet stateful", "failures/charted", "Job wrong", "Job right")


def test_case_4_a_bad_value_is_put_right_without_cleaning(surroundings: Path, cluster: Cluster) -> None:
    charts = surroundings / "charts"
    write_chart(charts, templates_deployment=DEPLOYMENT)
    stack = project(
        surroundings, PROGRAM, kubeconfig=str(cluster.kubeconfig), image=BUSYBOX, charts=str(charts)
    )
    try:
        for fault, told in (("refused", "quantities must match"), ("late", "")):
            configure(stack, fault=fault)
            with pytest.raises(EngineError) as failed:
                # One that fails must not spare the others from being tried.
                stack.up(arguments=["--continue-on-error"])
            for part in PARTS:
                assert any(part in line and told in line for line in failed.value.faults), (
                    fault,
                    part,
                    failed.value.faults,
                )
        pulumi(stack, "config", "rm", "fault")
        stack.up()
        assert stack.preview().unchanged
    finally:
        stack.destroy()
    assert Kubectl(cluster.kubeconfig)("get", "namespace", "failures", "--ignore-not-found") == ""
