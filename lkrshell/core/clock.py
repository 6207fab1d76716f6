"""Dates as lkr writes them: ISO 8601, UTC, whole seconds."""

import time

_FORM = "%Y-%m-%dT%H:%M:%SZ"


def now() -> str:
    return stamp(time.time())


def stamp(seconds: float) -> str:
    """A date from seconds since the epoch."""
    return time.strftime(_FORM, time.gmtime(seconds))


def is_date(text: str) -> bool:
    """True for a date in this form."""
    return _parsed(text) is not None


def seconds(date: str) -> float:
    """Seconds since the epoch of a date; those of this moment where it is none."""
    import calendar

    parsed = _parsed(date)
    return calendar.timegm(parsed) if parsed else time.time()


def _parsed(text: str) -> time.struct_time | None:
    try:
        return time.strptime(text, _FORM)
    except ValueError:
        return None
