"""`lkr lock`: closes the store and takes the keys out of every live shell at its next prompt."""

from lkrshell.cli import common, declare
from lkrshell.core.errors import LkrError
from lkrshell.runtime import broker_client, confirm, source_fetch
from lkrshell.state import config, files, generation
from lkrshell.stores import registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


@declare.command("lock", examples=("lkr lock", "lkr lock && lkr status"))
def command() -> None:
    """Lock the store. Open shells lose their keys at their next prompt, and virtual keys end at once."""
    files.note_change()
    _each(confirm.forget, _lock, broker_client.lock)
    declare.echo("lkr: locked", err=True)


def _each(*steps: "Callable[[], object]") -> None:
    """Takes all steps, also after one that failed. Then raises the first failure, and prints the other ones."""
    failures: list[BaseException] = []
    for step in steps:
        try:
            step()
        except BaseException as error:
            failures.append(error)
    if failures:
        raised = next((each for each in failures if not isinstance(each, LkrError)), failures[0])
        common.tell_problems(each for each in failures if isinstance(each, LkrError) and each is not raised)
        raise raised


def _lock() -> None:
    """Locks the store in use. If the settings are invalid, locks the store that was chosen, so that locking always
    works."""
    try:
        settings = config.load()
    except LkrError:
        # live shells, which cannot read the settings either, drop their keys
        _each(registry.choose(config.Config()).lock, generation.bump)
        raise
    store = registry.choose(settings)
    try:
        lent = source_fetch.take_leases(store)  # needs the open store
    finally:
        _each(store.lock, generation.bump)
    source_fetch.end_leases(lent)
    common.log("lock")
