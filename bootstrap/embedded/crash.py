"""Named moments at which a test may let `up` die, to prove that the next `up` or `down` copes.

`COLONNADE_CRASH_AT=<point>` makes the process kill itself with SIGKILL there: no handler, no clean-up.
"""

import os
import signal
from typing import Literal, get_args

Point = Literal["after-network", "after-etcd", "after-apiserver", "after-kubelet", "after-addons"]
POINTS: tuple[str, ...] = get_args(Point)


def point(name: Point) -> None:
    """Dies here when `COLONNADE_CRASH_AT` names this point; otherwise does nothing."""
    if os.environ.get("COLONNADE_CRASH_AT") == name:
        os.kill(os.getpid(), signal.SIGKILL)
