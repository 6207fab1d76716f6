"""`lkr logout SOURCE`: logs out of a source. The copies of its keys work until they expire."""

from lkrshell.cli import common, declare
from lkrshell.core.errors import LkrError
from lkrshell.sources import cache, refresh, settings


@declare.command("logout", examples=("lkr logout team", "lkr logout team && lkr source"))
@declare.argument("source")
def command(source: str) -> None:
    """Log out of SOURCE. The copies of its keys on this machine work until they expire."""
    found, store = settings.find(source), common.store()
    problem = None
    try:
        if cache.login(store, found) is not None:
            refresh.opened(store, found).logout()
    except LkrError as error:
        problem = error
    if not cache.forget_login(store, source):
        raise LkrError(f"you are not logged in to {source}", f"lkr login {source}")
    common.log("logout")
    if problem:
        declare.echo(f"lkr: {problem.message}; the login will expire by itself", err=True)
    declare.echo(f"lkr: logged out of {source}", err=True)
