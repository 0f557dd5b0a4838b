"""Starts a command that stops when its parent dies; run as a script, with nothing but the standard library.

Usage: leash.py PARENT COMMAND [ARGUMENT...]

A launcher, since code between fork and exec of a threaded process may deadlock. The command gets SIGINT, on
which the engine finishes what it has begun, saves its state and releases its lock.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Becomes the command, or exits where the parent is gone already."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT)) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        sys.exit(1)
    # A parent that died reads no more output; the engine must not die of that while it saves its state.
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    os.execv(command[0], command)  # noqa: S606 - without a shell is how it should be


if __name__ == "__main__":
    main()
