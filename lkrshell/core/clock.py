"""Dates as lkr writes them: ISO 8601, UTC, whole seconds."""

import time

_FORM = "%Y-%m-%dT%H:%M:%SZ"


def now() -> str:
    return stamp(time.time())


def stamp(seconds: float) -> str:
    """A date from seconds since the epoch."""
    return time.strftime(_FORM, time.gmtime(seconds))


def span(seconds: int) -> str:
    """A length of time in the two largest units that fit: `15 minutes`, `8 hours`, `1 hour 30 minutes`."""
    parts = []
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}{'' if count == 1 else 's'}")
    return " ".join(parts[:2]) or "0 seconds"


def is_date(text: str) -> bool:
    """True for a date in our form."""
    return _parsed(text) is not None


def seconds(date: str) -> float:
    """A date in seconds since the epoch; the current time if the text is not a date."""
    found = _parsed(date)
    return time.time() if found is None else found


def _parsed(text: str) -> float | None:
    """Seconds since the epoch, or None if the text is not a date. By hand, since Python's modules for dates take longer
    to load than most commands take to run."""
    parts = [text[first:last] for first, last in ((0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19))]
    if not all(part.isascii() and part.isdecimal() for part in parts):
        return None
    year, month, day, hour, minute, second = map(int, parts)
    if not (year and 1 <= month <= 12):
        return None
    before = (year - 1) * 365 + (year - 1) // 4 - (year - 1) // 100 + (year - 1) // 400 - 719162
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    lengths = (31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    days = before + sum(lengths[: month - 1]) + day - 1
    found = float(((days * 24 + hour) * 60 + minute) * 60 + second)
    if not (1 <= day <= lengths[month - 1] and hour < 24 and minute < 60 and second < 60):
        return None
    return found if text == f"{'-'.join(parts[:3])}T{':'.join(parts[3:])}Z" else None
