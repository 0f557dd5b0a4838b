"""What only root may do."""

import os
import sys
from pathlib import Path

from bootstrap.errors import ColonnadeError


def require_root(command: str) -> None:
    """Refuses to go on without root.

    Args:
        command: What was asked for, as it is typed, e.g. `colonnade up --stack local`.

    Raises:
        ColonnadeError: The effective user is another.
    """
    if os.geteuid():
        # sudo resets PATH, on which the activated environment is.
        whole = Path(sys.prefix, "bin", command)
        raise ColonnadeError(f"`{command}` needs root, this is user {os.geteuid()}", f"sudo {whole}")
