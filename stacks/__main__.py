"""The Pulumi program: settings -> components -> outputs, for every stack."""

import sys

import pulumi

from components.catalog import CatalogError
from stacks.composition import compose
from stacks.files import require_files
from stacks.settings import SettingsError, from_pulumi


def main() -> None:
    """Builds the platform that the stack file describes; a faulty file is listed fault by fault."""
    try:
        settings = from_pulumi()
        require_files(settings, pulumi.get_stack())
        outputs = compose(settings)
    except (SettingsError, CatalogError) as error:
        pulumi.log.error(str(error))
        # The engine reads 32 as "the program has said what is wrong", and prints no traceback.
        sys.exit(32)
    for name, value in outputs.items():
        pulumi.export(name, value)


main()
