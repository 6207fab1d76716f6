"""`lkr login SOURCE`: logs in to a source, and keeps the login in the machine's own store."""

from lkrshell.cli import ask, common, declare, prompts
from lkrshell.core.errors import REFUSED, USAGE, LkrError
from lkrshell.core.secret import Secret
from lkrshell.core.text import show
from lkrshell.sources import base, cache, edit, refresh, registry, settings
from lkrshell.sources.settings import Settings

_KUBERNETES = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # where a pod finds its own token by default


@declare.command("login", examples=("lkr login team", "lkr login team --stdin < token"))
@declare.argument("source")
@declare.option("--stdin", "from_stdin", is_flag=True, help="Read the token or password from standard input.")
@declare.option("--yes", is_flag=True, help="Do not ask whether to log in to a new address.")
def command(source: str, from_stdin: bool, yes: bool) -> None:
    """Log in to SOURCE. Asks for what its `auth` needs, and never takes a secret as an argument.

    With --stdin, pass the token, the password, the secret ID or the JWT on standard input. If config.toml has no user
    or role ID, pass that on a line before.
    """
    found = settings.find(source)
    opened = registry.open_source(found, None)
    if base.LOGINS not in opened.capabilities:
        raise LkrError(
            f"{found.type} has a login of its own", f"log in with its own tool; then lkr refresh {source}", USAGE
        )
    store = common.store()
    common.make_vault(store)
    if not edit.is_confirmed(found):
        prompts.tell_source(found)
        prompts.yes(f"Log in to {found.place()}?", yes)
    if found.get("auth") == "kubernetes" and not from_stdin:  # a pod may have any standard input
        given = {"jwt": _from_pod()}
    else:
        given = _credentials(found, from_stdin or common.stdin_is_piped())
    kept = opened.login(given, lambda line: declare.echo(f"lkr: {line}", err=True))
    edit.confirm(found)
    cache.keep_login(store, source, kept, opened.expires())
    refresh.note(source, None)
    common.log("login")
    declare.echo(f"lkr: logged in to {show(found.place())}", err=True)


def _credentials(found: Settings, from_stdin: bool) -> dict[str, Secret]:
    how = found.get("auth")
    if how == "oidc":
        return {}
    if how in ("token", "jwt", "kubernetes"):
        return {
            "token" if how == "token" else "jwt": common.read_secret("Token" if how == "token" else "JWT", from_stdin)
        }
    first, second, field = ("user", "password", "user") if how == "userpass" else ("role_id", "secret_id", "role")
    known = found.get(field)
    if from_stdin:
        if known:
            return {first: Secret(known), second: common.read_secret(second, True)}
        one, two = common.two_secrets()
        return {first: one, second: two}
    if not ask.on_terminal():
        raise LkrError("no terminal to ask on", "pass it with --stdin", REFUSED)
    words = {"user": "User", "password": "Password", "role_id": "Role ID", "secret_id": "Secret ID"}
    one = Secret(known or ask.text(words[first]))
    return {first: one, second: common.read_secret(words[second], False)}


def _from_pod() -> Secret:
    try:
        with open(_KUBERNETES, encoding="ascii") as file:
            return Secret(file.read(1 << 16).strip())
    except (OSError, UnicodeDecodeError):
        raise LkrError(f"there is no token at {_KUBERNETES}", "this works only inside a Kubernetes pod") from None
