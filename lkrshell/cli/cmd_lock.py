"""`lkr lock`: closes the store and takes the keys out of every live shell at its next prompt."""

from lkrshell.cli import common, declare
from lkrshell.core.errors import LkrError
from lkrshell.runtime import broker_client, confirm, source_fetch
from lkrshell.state import config, files, generation
from lkrshell.stores import registry


@declare.command("lock", examples=("lkr lock", "lkr lock && lkr status"))
def command() -> None:
    """Lock the store. Open shells lose their keys at their next prompt, and virtual keys end at once."""
    files.note_change()
    try:
        confirm.forget()
    finally:
        try:
            _lock()
            common.log("lock")
        finally:
            broker_client.lock()
    declare.echo("lkr: locked", err=True)


def _lock() -> None:
    """Locks the store in use. If the settings are invalid, locks the store that was chosen, so that locking always
    works."""
    try:
        settings = config.load()
    except LkrError:
        registry.choose(config.Config()).lock()
        generation.bump()  # live shells, which cannot read the settings either, drop their keys
        raise
    store = registry.choose(settings)
    try:
        lent = source_fetch.take_leases(store)  # needs the open store
    finally:
        try:
            store.lock()
        finally:
            generation.bump()
    source_fetch.end_leases(lent)
