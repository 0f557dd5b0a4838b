"""The table that ends `colonnade up`: what runs, where, how to log in, what to try next."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table


@dataclass(frozen=True)
class Service:
    """How a person meets one service; `{...}` is filled from the stack's outputs."""

    what: str
    output: str
    login: str
    attempt: str


SERVICES = (
    Service(
        "lakeFS: versioned data",
        "lakefs_url",
        "access key {lakefs_access_key_id}; its secret: {secret:lakefs_secret_access_key}",
        "curl --cacert CA --user KEY:SECRET {lakefs_url}/api/v1/repositories",
    ),
    Service(
        "MLflow: experiments and models",
        "mlflow_url",
        "user {mlflow_user}; password: {secret:mlflow_password}",
        "curl --cacert CA --user {mlflow_user}:PASSWORD {mlflow_url}/api/2.0/mlflow/experiments/"
        "get-by-name?experiment_name=Default",
    ),
    Service(
        "Feast: online features",
        "features_url",
        "token: {feast_token_command}",
        'curl --cacert CA -H "Authorization: Bearer TOKEN" {features_url}/docs',
    ),
    Service(
        "SeaweedFS: S3 object store",
        "s3_url",
        "each service has keys of its own, for its own buckets",
        "curl {s3_url} (is refused without keys)",
    ),
)


def table(stack: str, outputs: Mapping[str, Any]) -> Table:
    """Returns the table of the services that the stack's outputs name; the others are left out.

    Secrets are never in it: where one is needed, it names the command that prints it.
    """
    filled = _Outputs(stack, outputs)
    # A command that is broken into cells cannot be copied, so each stands on lines of its own.
    rows = Table(title=f"Stack {stack}", title_justify="left", show_header=False, box=None, pad_edge=False)
    rows.add_column(style="dim", no_wrap=True)
    rows.add_column(overflow="fold")
    for service in SERVICES:
        if service.output in outputs:
            rows.add_section()
            rows.add_row("what", f"[bold]{service.what}")
            rows.add_row("URL", str(outputs[service.output]))
            rows.add_row("log in", filled.text(service.login))
            rows.add_row("try", filled.text(service.attempt))
            rows.add_row()
    return rows


@dataclass(frozen=True)
class _Outputs:
    stack: str
    values: Mapping[str, Any]

    def text(self, template: str) -> str:
        for name, value in self.values.items():
            template = template.replace("{" + name + "}", str(value))
            template = template.replace(
                "{secret:" + name + "}", f"pulumi stack output {name} --show-secrets --stack {self.stack}"
            )
        return template
