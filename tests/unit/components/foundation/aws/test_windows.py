"""Windows for backups and maintenance: apart from each other, and as AWS writes them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.base import ArgsError
from components.foundation.aws.windows import windows

DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
WEEK = 7 * 24 * 60


def minutes(moment: str) -> int:
    """Returns the minute of the week."""
    day, hour, minute = moment.split(":")
    return DAYS.index(day) * 1440 + int(hour) * 60 + int(minute)


def span(start: str, end: str) -> set[int]:
    first, last = minutes(start), minutes(end)
    return {minute % WEEK for minute in range(first, last if last > first else last + WEEK)}


@given(st.integers(0, 59), st.integers(0, 23))
def test_both_windows_are_an_hour_and_never_overlap(minute: int, hour: int) -> None:
    given_windows = windows(f"{minute} {hour} * * *")
    assert re.fullmatch(r"\d\d:\d\d-\d\d:\d\d", given_windows.backup)
    start, end = given_windows.backup.split("-")
    assert start == f"{hour:02}:{minute:02}"
    backups = {
        at for day in DAYS for at in span(f"{day}:{start}", f"{day if end > start else following(day)}:{end}")
    }
    maintenance = span(*given_windows.maintenance.split("-"))
    assert len(backups) == 7 * 60
    assert len(maintenance) == 60
    assert not backups & maintenance


def following(day: str) -> str:
    return DAYS[(DAYS.index(day) + 1) % 7]


@pytest.mark.parametrize(
    ("schedule", "backup", "maintenance"),
    [
        ("0 3 * * *", "03:00-04:00", "sun:04:30-sun:05:30"),
        ("30 23 * * *", "23:30-00:30", "mon:01:00-mon:02:00"),
        ("15 22 * * *", "22:15-23:15", "sun:23:45-mon:00:45"),
    ],
)
def test_backups_begin_with_the_schedule_and_maintenance_follows(
    schedule: str, backup: str, maintenance: str
) -> None:
    assert windows(schedule).backup == backup
    assert windows(schedule).maintenance == maintenance


@pytest.mark.parametrize(
    "schedule", ["*/30 * * * *", "0 3 * * 0", "0 3 1 * *", "60 3 * * *", "0 24 * * *", ""]
)
def test_what_aws_does_not_offer_is_refused(schedule: str) -> None:
    with pytest.raises(ArgsError, match="once a day"):
        windows(schedule)
