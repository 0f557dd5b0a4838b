"""When AWS may back up and maintain what it runs for us."""

import re
from dataclasses import dataclass
from typing import Final

from components.base import ArgsError

_DAILY: Final = re.compile(r"([0-9]{1,2}) ([0-9]{1,2}) \* \* \*")
_DAY: Final = 24 * 60
# The least that ElastiCache takes; RDS would take half of it.
_LENGTH: Final = 60
_PAUSE: Final = 30


@dataclass(frozen=True)
class Windows:
    """Both as AWS writes them, in UTC; they never overlap.

    Attributes:
        backup: Every day, `hh:mm-hh:mm`.
        maintenance: Once a week, `ddd:hh:mm-ddd:hh:mm`.
    """

    backup: str
    maintenance: str


def windows(schedule: str) -> Windows:
    """Returns the windows of a schedule: backups begin with it, maintenance follows them on Sundays.

    Args:
        schedule: Five cron fields, in UTC.

    Raises:
        ArgsError: The schedule is not once a day at a given minute, which is all that AWS offers.
    """
    match = _DAILY.fullmatch(schedule)
    minute, hour = (int(field) for field in match.groups()) if match else (_DAY, _DAY)
    if minute >= 60 or hour >= 24:
        raise ArgsError(
            f"backup schedule {schedule!r}: AWS backs up once a day; give minute and hour, as in '0 3 * * *'"
        )
    backup = hour * 60 + minute
    maintenance = backup + _LENGTH + _PAUSE
    return Windows(
        backup=f"{_time(backup)}-{_time(backup + _LENGTH)}",
        maintenance=f"{_day(maintenance)}:{_time(maintenance)}"
        f"-{_day(maintenance + _LENGTH)}:{_time(maintenance + _LENGTH)}",
    )


def _time(minutes: int) -> str:
    return f"{minutes % _DAY // 60:02}:{minutes % 60:02}"


def _day(minutes: int) -> str:
    return ("sun", "mon")[minutes // _DAY]
