"""The values to search for: everything in the store, including old values of a rotation. They never leave memory."""

from lkrshell.core.errors import StoreLocked, StoreUnreachable
from lkrshell.core.names import key_of_old
from lkrshell.core.secret import Secret
from lkrshell.core.time_limit import TimeLimit
from lkrshell.state import config, index, memory
from lkrshell.stores import registry

WAIT = 5  # seconds for a store to answer


def values(keys: "list[str] | None" = None) -> dict[str, Secret]:
    """Returns all stored values, or those of `keys`, by the key's name; empty when no store exists yet.

    Raises StoreLocked, StoreUnreachable or LkrError when the store does not give them.
    """
    memory.harden()
    with TimeLimit(WAIT):
        store = registry.choose(config.load())
        if not store.is_created():
            return {}
        wanted = keys
        if wanted is None:
            wanted = sorted({*index.names(store.name), *(store.names() or [])})
        found = store.get(wanted)
    return {f"{key} (old value)" if (key := key_of_old(name)) else name: secret for name, secret in found.items()}


def values_if_open() -> tuple[dict[str, Secret], str]:
    """Returns the values, and a sentence that says why there are none and what to do. It is empty if all is well."""
    try:
        return values(), ""
    except (StoreLocked, StoreUnreachable) as error:
        return {}, f"stored keys were not searched for: {error}"
