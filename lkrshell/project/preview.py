"""Says in one line what a manifest that is not allowed asks for. Loaded only when the hook refuses one.

Anybody may have written the manifest: it is parsed within limits, and only names that the parser accepted are repeated.
"""

from lkrshell.core.binding import shown
from lkrshell.core.errors import LkrError, ManifestError
from lkrshell.core.time_limit import TimeLimit
from lkrshell.project import lookup, manifest_reader
from lkrshell.state import config, index

_TIME_LIMIT = 0.9  # seconds; the prompt waits for us
_MOST = 8  # keys named in the line


def requested(place: lookup.Place) -> tuple[str, bool]:
    """The words ` and wants VARIABLE (key), ...`, and whether a key is missing. Empty if parsing takes too long.

    ManifestError, with file and line, if the manifest is invalid.
    """
    try:
        with TimeLimit(_TIME_LIMIT):
            parsed = manifest_reader.read_manifest(place)
            bindings = [binding for binding in parsed.bindings if binding.profile in ("", parsed.profile)]
            missing = [binding for binding in bindings if not binding.optional and not _stored(binding.key)]
    except ManifestError:
        raise
    except LkrError:
        return "", False
    words = [
        f"{binding.variable} ({shown(binding.key)}{', not stored' if binding in missing else ''})"
        for binding in bindings[:_MOST]
    ]
    words += [f"{len(bindings) - _MOST} more"] * (len(bindings) > _MOST)
    return (f" and wants {', '.join(words)}" if words else ""), bool(missing)


def _stored(key: str) -> bool:
    """True if the index lists the key. The store itself may be locked."""
    return any(index.exists(store, key) for store in config.STORES)
