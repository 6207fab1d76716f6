"""`lkr migrate SOURCE`: copies keys from another store, or another keyring service, into the store in use.

Each key is written, read back and compared. Only after that, and only with --move, is it removed from the source. If it
is killed, each key is in one of the two stores, or in both. Running it again continues.
"""

from lkrshell.cli import common, declare, prompts
from lkrshell.core import names, policy
from lkrshell.core.clock import now
from lkrshell.core.entry import Entry
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.core.secret import Secret
from lkrshell.core.text import show
from lkrshell.runtime import keys
from lkrshell.state import config, index
from lkrshell.stores.base import Store
from lkrshell.stores.keyring import SERVICE, Keyring
from lkrshell.stores.vault import Vault
from lkrshell.vendors import providers


@declare.command("migrate", examples=("lkr migrate keyring --dry-run", "lkr migrate vault --move"))
@declare.argument("source", metavar="vault | keyring | keyring:SERVICE")
@declare.option("-k", "--key", "only", multiple=True, metavar="[NAME=]ACCOUNT", help="Only this key. May be repeated.")
@declare.option("--to", "to", metavar="NAME", help="Copy into this shared store, not into the store in use.")
@declare.option("--move", is_flag=True, help="Remove each key from the source once it has arrived.")
@declare.option("--replace", is_flag=True, help="Replace keys that have another value here.")
@declare.option("--dry-run", is_flag=True, help="Only show what would be done.")
@declare.option("--yes", is_flag=True, help="Do not ask.")
@declare.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
def command(
    source: str, only: tuple[str, ...], to: str | None, move: bool, replace: bool, dry_run: bool, yes: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Copy keys from another store, with their kinds and policies. SOURCE is the store that they come from."""
    target = common.store()
    origin, ours = _source(source, None if to else target)
    if to:
        if move or as_json:
            raise LkrError("--to copies only, and has no plan as JSON", "leave --move and --json out", USAGE)
        accounts = {name: account for account, name in _accounts(origin, ours, only).items()}
        from lkrshell.cli import source_keys

        source_keys.copy_to(to, accounts, origin, replace, dry_run, yes)
        return
    accounts = _accounts(origin, ours, only)
    there = origin.get(list(accounts))
    here = target.get(list(accounts.values()))
    plan = {account: name for account, name in accounts.items() if account in there}
    if missing := [account for account in accounts if account not in there and only]:
        raise LkrError(f"not in the source: {', '.join(map(names.redacted, missing))}", "nothing was changed")
    state = {account: _state(here.get(name), there[account]) for account, name in plan.items()}
    rows = [{"account": account, "name": name, "state": state[account]} for account, name in plan.items()]
    if as_json:
        declare.echo_json(rows)
    else:
        for row in rows:
            before = "" if row["account"] == row["name"] else f"{show(row['account'])} → "
            declare.echo(f"  {before}{row['name']} ({row['state']})", err=True)
    if not plan:
        raise LkrError("no keys found there", "if the keychain cannot list its keys, name them: -k NAME=ACCOUNT")
    if dry_run:
        return
    question = f"{'Move' if move else 'Copy'} these into the {target.name}?"
    prompts.yes(question, yes, "add --yes or --dry-run")
    kept = [name for account, name in plan.items() if state[account] == "differs" and not replace]
    wanted = {account: name for account, name in plan.items() if name not in kept}
    left = _carry_out(origin, ours, target, wanted, there, state, move)
    for name in kept:
        declare.echo(f"lkr: kept {name}, which has another value here; --replace replaces it", err=True)
    done = len(plan) - len(kept)
    gone = " and gone from the source" if move and not left else ""
    declare.echo(f"lkr: {common.count(done, 'key is', 'keys are')} in the {target.name}{gone}", err=True)


def _carry_out(
    origin: "Store", ours: bool, target: "Store", plan: dict[str, str], there: dict[str, Secret],
    state: dict[str, str], move: bool,
) -> list[str]:  # fmt: skip
    """Copies the keys of `plan` (account: name), reads each back, and with `move` removes it from where it was.

    Returns the names of the keys that it did not remove, because something would be lost.
    """
    left = []
    with common.logged("migrate") as changed:
        for account in common.progress(list(plan), "migrating"):
            name, secret = plan[account], there[account]
            if state[account] != "same" or move:
                changed.append(name)
            if state[account] != "same":
                old = origin.get([names.old_of(account)]).get(names.old_of(account)) if ours else None
                entry = _entry(origin, ours, account, name, secret.kind)
                arrived = keys.restore(target, entry, secret, old, replace=state[account] == "differs")
                back = target.get([name]).get(name)
                if not arrived or back is None or back.reveal() != secret.reveal():
                    raise LkrError(f"{name} did not arrive intact in the {target.name}", "nothing was removed")
            if move and ours and (loss := _loss(origin, account, target, name)):
                left.append(name)
                declare.echo(f"lkr: left {name} in the {origin.name}: in the {target.name} it {loss}", err=True)
            elif move:
                keys.remove_moved(origin, account, ours)
    return left


def _loss(origin: "Store", account: str, target: "Store", name: str) -> str:
    """What would be lost with a key of `origin`, in words: a stricter policy, or the old value of a rotation. Else
    empty."""
    if origin.exists(names.old_of(account)) and not target.exists(names.old_of(name)):
        return f"has no old value; lkr rotate {account} --confirm there"
    before, after = index.read(origin.name, account), index.read(target.name, name)
    wider = policy.widened(before, after) if before and after else []
    return f"{' and '.join(wider)}; lkr policy {name}" if wider else ""


def _state(present: Secret | None, wanted: Secret) -> str:
    """Compares the key that is stored here with the one to copy."""
    if present is None:
        return "new"
    return "same" if (present.reveal(), present.kind) == (wanted.reveal(), wanted.kind) else "differs"


def _source(text: str, target: "Store | None") -> "tuple[Store, bool]":
    """The store that SOURCE names, and whether it is one of lkr's own, with an index."""
    kind, colon, service = text.partition(":")
    settings = config.load()
    if text == "vault":
        origin: Store = Vault(settings.lock_after, settings.lock_limit)
    elif kind == "keyring" and bool(colon) == bool(service):
        origin = Keyring(service=service) if service else Keyring(settings.collection)
    else:
        raise LkrError("no such source", "use vault, keyring, or keyring:SERVICE", USAGE)
    ours = not service or service == SERVICE
    if target is not None and ours and origin.name == target.name:
        hint = 'choose another store first: backend = "..." in config.toml, or LKR_BACKEND=...'
        raise LkrError(f"the keys are already in the {target.name}, which is the store in use", hint, USAGE)
    return origin, ours


def _accounts(origin: "Store", ours: bool, only: tuple[str, ...]) -> dict[str, str]:
    """The names of keys in the source, each with our name for it."""
    if only:
        parts = [key.rpartition("=") for key in only]
        pairs = [(account, common.checked_own(name or account)) for name, _, account in parts]
        for some in zip(*pairs, strict=True):
            if len(set(some)) < len(some):
                raise LkrError("one name appears twice", "each -k NAME=ACCOUNT needs its own names", USAGE)
        return dict(pairs)
    listed = sorted({*(origin.names() or ()), *(index.names(origin.name) if ours else ())})
    listed = [account for account in listed if not (ours and names.key_of_old(account))]  # moves together with its key
    found = {account: name for account in listed if (name := _name(account))}
    for account in listed:
        if account not in found:
            declare.echo(f"lkr: {names.redacted(account)} is not a valid key name; add -k NAME=ACCOUNT", err=True)
    if len(set(found.values())) < len(found):
        raise LkrError("two of them would have the same name here", "choose: -k NAME=ACCOUNT", USAGE)
    return found


def _name(account: str) -> str | None:
    """Our name for an account of another program: the same, or one made from its variable or vendor."""
    if names.is_own(account):
        return account
    proposed = providers.key_for(account) or (f"{account}:main" if account in providers.known() else "")
    return proposed if names.is_own(proposed) else None


def _entry(origin: "Store", ours: bool, account: str, name: str, kind: str) -> Entry:
    entry = (index.read(origin.name, account) if ours else None) or Entry(name, kind, now())
    entry.name, entry.kind = name, kind
    return entry
