"""Configuration files of the cluster's components, as Jinja templates."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    undefined=StrictUndefined,
    keep_trailing_newline=True,
    trim_blocks=True,
    autoescape=False,  # noqa: S701  (these are YAML, TOML and nftables files, not HTML)
)


def render(template: str, **values: object) -> str:
    """Returns the template with all its values filled in; a value that is missing is an error."""
    return _ENVIRONMENT.get_template(template).render(**values)
