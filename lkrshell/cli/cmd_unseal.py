"""`lkr unseal`: opens the project's sealed keys into the machine's own store."""

from lkrshell.cli import common, declare, sealing
from lkrshell.core import names
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.team import sealed


@declare.command("unseal", examples=("lkr unseal", "lkr unseal openai:prod --identity ~/.ssh/work"))
@declare.argument("wanted", nargs=-1, metavar="[NAME]...")
@declare.option("--identity", metavar="PATH", help="Your age or SSH private key, if it is not the usual one.")
@declare.option("--yes", is_flag=True, help="Take changed values without asking.")
def command(wanted: tuple[str, ...], identity: str | None, yes: bool) -> int:
    """Decrypt this project's sealed keys, and put them into your store. Opens all of them, or those that you name, with
    the vault, your SSH key or the private key in PATH. Shells load only what an allowed manifest names.
    """
    team = sealing.here()
    there = sealed.keys(team.folder)
    keys = [_checked(name, there) for name in wanted] or there
    if not keys:
        raise LkrError("no keys are sealed here", "seal one: lkr seal openai:prod")
    common.make_vault(common.store())
    taken, problems = sealing.unseal(team, keys, identity, yes, sure=yes)
    common.tell_problems(problems)
    rest = len(keys) - len(taken) - len(problems)
    more = f"; {rest} had not changed" if rest else ""
    if taken or not problems:
        declare.echo(f"lkr: opened {common.count(len(taken), 'key', 'keys')}{more}", err=True)
    return 1 if problems else 0


def _checked(name: str, there: list[str]) -> str:
    common.checked_key(name)
    plain = names.in_source(name)
    if names.source_of(name) not in ("", names.SEALED) or plain not in there:
        raise LkrError(f"{name} is not sealed here", common.did_you_mean(plain, there, "see lkr team"), USAGE)
    return plain
