"""The table that ends `up`."""

from io import StringIO

from rich.console import Console

from bootstrap.lifecycle.summary import table


def shown(outputs: dict[str, object]) -> str:
    text = StringIO()
    Console(file=text, width=400).print(table("local", outputs))
    return text.getvalue()


def test_secrets_are_named_by_the_command_that_prints_them() -> None:
    text = shown({"mlflow_url": "https://mlflow.x", "mlflow_user": "admin", "mlflow_password": "[secret]"})
    assert "user admin" in text
    assert "pulumi stack output mlflow_password --show-secrets --stack local" in text
    assert "{" not in text


def test_services_that_are_off_are_left_out() -> None:
    text = shown({"mlflow_url": "https://mlflow.x", "mlflow_user": "admin"})
    assert "MLflow" in text
    assert "lakeFS" not in text
