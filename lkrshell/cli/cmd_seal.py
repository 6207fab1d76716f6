"""`lkr seal`: encrypts a key to the members of the project's team, into a file for git."""

from lkrshell.cli import ask, common, declare, prompts, sealing
from lkrshell.core import names
from lkrshell.core.errors import REFUSED, USAGE, LkrError
from lkrshell.core.secret import Secret
from lkrshell.state import index
from lkrshell.team import sealed
from lkrshell.team.members import Team


@declare.command("seal", examples=("lkr seal openai:prod", "lkr seal --all"))
@declare.argument("name", required=False, metavar="[NAME]")
@declare.option("--all", "every", is_flag=True, help="Seal all sealed keys again, to the current members.")
@declare.option("--new", is_flag=True, help="Ask for a new value, for example after a leak.")
@declare.option("--stdin", "from_stdin", is_flag=True, help="Read the value from standard input.")
@declare.option("--identity", metavar="PATH", help="Your age or SSH private key, if it is not the usual one.")
@declare.option("--yes", is_flag=True, help="Do not ask.")
def command(name: str | None, every: bool, new: bool, from_stdin: bool, identity: str | None, yes: bool) -> int:
    """Encrypt the key NAME to the members of the project's team. Takes the value of your stored key NAME, or asks for
    it. In a manifest, the sealed key is "sealed/NAME".
    """
    if (name is None) != every or (every and (new or from_stdin)):
        raise LkrError("name one key, or use --all by itself", "lkr seal openai:prod", USAGE)
    team = sealing.here()
    if name is None:
        sealing.accept(team, yes)
        return _all(team, identity)
    name = _checked(name)
    sealing.seal(team, name, _value(name, new, from_stdin), identity, yes, new)
    return 0


def _checked(name: str) -> str:
    common.checked_key(name)
    if names.source_of(name) not in ("", names.SEALED):
        raise LkrError(f"{name} is a key of a source", "name a key without a source", USAGE)
    return names.in_source(name)


def _value(name: str, new: bool, from_stdin: bool) -> Secret:
    if from_stdin:
        return prompts.value_of(name, f"Value of {name}", True)
    store = common.store()
    common.make_vault(store)
    if not new and store.exists(name):
        entry, secret = index.read(store.name, name), store.get([name]).get(name)
        if secret is not None:
            if "admin" in (secret.kind, entry.kind if entry else ""):
                raise LkrError(f"{name} is an admin key, which no project gets", "nothing was sealed")
            return secret
    if not ask.on_terminal():
        raise LkrError(f"there is no terminal to ask for the value of {name}", "pass it with --stdin", REFUSED)
    return prompts.value_of(name, f"{'New value' if new else 'Value'} of {name}", False)


def _all(team: Team, identity: str | None) -> int:
    done, problems = sealing.opened_to_seal(team, sealed.keys(team.folder), identity)
    sealing.seal_again(team, done)
    common.tell_problems(problems)
    declare.echo(f"lkr: sealed {common.count(len(done), 'key', 'keys')} to {', '.join(team.members)}", err=True)
    return 1 if problems else 0
