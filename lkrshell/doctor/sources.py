"""The sources: whether lkr can use them, whether the login is valid, and how the last attempt went. Does not use the
network."""

import time
from collections.abc import Iterator

from lkrshell.doctor import Finding, fact, warning
from lkrshell.sources import cache, refresh, registry, settings


def sources(fix: bool) -> Iterator[Finding]:
    """Reports on each of the user's sources."""
    for name, found in settings.every().items():
        yield fact(f"{name}: {found.type} at {found.place()}")
        if hint := registry.is_installed(found.type):
            yield warning(f"what lkr needs for the source {name} is not installed", hint)
            continue
        until = cache.login_until(name)
        if found.type == "openbao" and (until is None or 0 < until <= time.time()):
            yield warning(f"you are not logged in to the source {name}", f"lkr login {name}")
        elif (last := refresh.last(name)) and last[1]:
            yield warning(last[1], last[2] or f"lkr refresh {name}")
