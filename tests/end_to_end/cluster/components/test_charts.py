"""Charts on clusters that are not known yet, and next to what needs them."""

from pathlib import Path

from bootstrap.embedded import Cluster
from tests.end_to_end.cluster.components.trial import project, pulumi, write_chart
from tests.end_to_end.cluster.conftest import BUSYBOX, Kubectl
from tests.end_to_end.test_engine import surroundings

__all__ = ["surroundings"]

# The cluster is known only once something has been made, as where the same run makes the cluster; and the
# chart brings both the definition and the controller that a custom resource needs.
PROGRAM = """
made = random.RandomPet("made", opts=pulumi.ResourceOptions(provider=random.Provider("random")))
content = made.id.apply(lambda _: Path(kubeconfig).read_text())
cluster = pulumi.ResourceOptions(providers=[k8s.Provider("cluster", kubeconfig=content)])
namespace = Namespace("charts", NamespaceArgs(), cluster)
after = pulumi.ResourceOptions.merge(cluster, pulumi.ResourceOptions(depends_on=[namespace]))
operator = chart(namespace.namespace, after)
for name, what in (("by-chart", operator), ("by-installed", operator.installed)):
    k8s.apiextensions.CustomResource(
        name, api_version="example.com/v1", kind="Trial",
        metadata={"name": name, "namespace": namespace.namespace}, spec={"made": made.id},
        opts=pulumi.ResourceOptions.merge(cluster, pulumi.ResourceOptions(depends_on=[what])),
    )
pulumi.export("made", made.id)
"""

DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: trials.example.com }
spec:
  group: example.com
  names: { kind: Trial, plural: trials }
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema: { openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true } }
"""

CONTROLLER = """
apiVersion: apps/v1
kind: Deployment
metadata: { name: controller }
spec:
  selector: { matchLabels: { app: controller } }
  template:
    metadata: { labels: { app: controller } }
    spec:
      terminationGracePeriodSeconds: 0
      securityContext: { runAsNonRoot: true, runAsUser: 10001, seccompProfile: { type: RuntimeDefault } }
      containers:
        - name: controller
          image: {{ .Values.image }}
          command: [sleep, "3600"]
          # It does its work only a while after it was started.
          readinessProbe: { exec: { command: ["true"] }, initialDelaySeconds: 4, periodSeconds: 1 }
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: [ALL] } }
"""


def test_cases_1_3_and_20_chart_and_custom_resources_on_a_cluster_that_is_not_known_yet(
    surroundings: Path, cluster: Cluster
) -> None:
    charts = surroundings / "charts"
    write_chart(charts, crds_trial=DEFINITION, templates_controller=CONTROLLER)
    stack = project(
        surroundings, PROGRAM, kubeconfig=str(cluster.kubeconfig), image=BUSYBOX, charts=str(charts)
    )
    kubectl = Kubectl(cluster.kubeconfig)
    # Case 1: the preview succeeds and says what nobody knows yet.
    preview = pulumi(stack, "preview", "--diff")
    for shown in (
        "kubeconfig: [unknown]",
        "namespace: [unknown]",
        "helm.sh/v4:Chart: (create)",
        "made: [unknown]",
    ):
        assert shown in preview
    assert preview.count("example.com/v1:Trial: (create)") == 2
    try:
        # Case 3: one run brings definition, controller and custom resources to the empty cluster.
        stack.up()
        # Case 20: and the custom resources only once the controller can do its work.
        deployment = kubectl.get("deployment", "controller", "--namespace=charts")
        ready = next(
            condition["lastTransitionTime"]
            for condition in deployment["status"]["conditions"]
            if condition["type"] == "Available"
        )
        sent = [it["metadata"]["creationTimestamp"] for it in kubectl.get("trials", "-n=charts")["items"]]
        assert len(sent) == 2
        assert all(moment >= ready for moment in sent), (ready, sent)
        assert stack.preview().unchanged
    finally:
        stack.destroy()
    assert "example.com" not in kubectl("get", "crd", "--output=name")
