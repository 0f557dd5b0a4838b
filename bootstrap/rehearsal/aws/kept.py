"""Serves an account that a rehearsal kept: `python -m bootstrap.rehearsal.aws.kept FILE ACCOUNT REGION`."""

import shlex
import signal
import sys
from pathlib import Path

from bootstrap.rehearsal.aws import aws
from bootstrap.rehearsal.aws.mirror import Mirror
from bootstrap.rehearsal.standin.account import Store


def main(file: Path, number: str, region: str) -> None:
    """Answers boto3 and its like until it is interrupted, and prints the variables that lead there."""
    account = Store(aws(), number, region, file)
    with Mirror(number, region).serving() as mirror:
        mirror.replay(account.living(), account)
        for name, value in mirror.environment.items():
            print(f"export {name}={shlex.quote(value)}", flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
    account.close()


if __name__ == "__main__":
    # Blocked before there are threads, of which one would take it otherwise.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    main(Path(sys.argv[1]), *sys.argv[2:4])
