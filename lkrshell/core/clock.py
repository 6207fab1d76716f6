"""Dates as lkr writes them: ISO 8601, UTC, whole seconds."""

import time

_FORM = "%Y-%m-%dT%H:%M:%SZ"


def now() -> str:
    return stamp(time.time())


def stamp(seconds: float) -> str:
    """A date from seconds since the epoch."""
    return time.strftime(_FORM, time.gmtime(seconds))


def seconds(date: str) -> float:
    """Seconds since the epoch of a date; those of this moment where it is none."""
    import calendar

    try:
        return calendar.timegm(time.strptime(date, _FORM))
    except ValueError:
        return time.time()
