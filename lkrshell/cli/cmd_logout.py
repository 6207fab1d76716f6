"""`lkr logout SOURCE`: ends the login at a source. The copies of its keys serve until their time is over."""

from lkrshell.cli import common, declare
from lkrshell.core.errors import LkrError
from lkrshell.sources import cache, refresh, settings


@declare.command("logout", examples=("lkr logout team", "lkr logout team && lkr source"))
@declare.argument("source")
def command(source: str) -> None:
    """Log out at SOURCE. The copies of its keys here go on to serve until they are too old."""
    found, store = settings.find(source), common.store()
    problem = None
    try:
        if cache.login(store, found) is not None:
            refresh.opened(store, found).logout()
    except LkrError as error:
        problem = error
    if not cache.forget_login(store, source):
        raise LkrError(f"you are not logged in at {source}", f"lkr login {source}")
    common.log("logout")
    if problem:
        declare.echo(f"lkr: {problem.message}; the login there ends by itself", err=True)
    declare.echo(f"lkr: logged out at {source}", err=True)
