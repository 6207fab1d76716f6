"""Which names are valid for keys, variables, profiles and commands. core.variables: which variables may hold keys."""

from lkrshell.core.errors import USAGE, LkrError
from lkrshell.core.text import show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

KEY = r"([a-z0-9][a-z0-9-]*/)?[a-z0-9][a-z0-9-]*:[a-z0-9][a-z0-9-]*\Z"  # with or without a source
SOURCE = r"[a-z0-9][a-z0-9-]*\Z"
VARIABLE = r"[A-Z][A-Z0-9_]*\Z"
PROFILE = r"[A-Za-z0-9][A-Za-z0-9_-]*\Z"
COMMAND = r"[A-Za-z0-9][A-Za-z0-9._+-]*\Z"
MAX_NAME = 100

# Words that mean something to a shell: a function of that name would change the shell, and the hook. Also lkr itself.
SHELL_WORDS = frozenset(
    """abbr alias and argparse autoload begin bg bind bindkey block break breakpoint builtin bye caller case cd chdir
    command commandline comparguments compcall compctl compdescribe compfiles compgen compgroups complete compopt
    compquote comptags comptry compvalues contains continue coproc count declare dirs disable disown do done echo echotc
    echoti elif else emulate enable end esac eval exec exit export false fc fg fi float for foreach function functions
    getln getopts hash help history if in integer jobs kill let limit lkr lkrsh local log logout mapfile math nocorrect
    noglob nohup not or path popd print printf private pushd pushln pwd r random read readarray readonly rehash repeat
    return sched select set setopt shift shopt source stat status string suspend switch sysopen sysread syswrite test
    then time times trap true ttyctl type typeset ulimit umask unalias unfunction unhash unlimit unset unsetopt until
    vared wait whence where which while zcompile zmodload zparseopts zstat zstyle""".split()
)

# Functions that a shell calls on its own: at a prompt, at a signal, for an unknown command.
SHELL_FUNCTIONS = (
    r"(TRAP|fish_|zsh_|zle-|prompt_|bash_|comp(init|def|dump|audit|install)$|zsh(exit|addhistory)$"
    r"|(precmd|preexec|chpwd|periodic|command_not_found_handler?)$)"
)

# How vendors' keys begin: enough to notice a value that was pasted in place of a name. A test compares it with the
# vendors' table.
_STARTS = "|".join(
    r"""sk- sk_ csk- gsk_ hf_ xai- pplx- r8_ AIza gh[pousr]_ github_pat_ glpat- fw_ tgp_ nvapi- key- esecret_ dapi jina_
    lsv2_ tvly- up_ pa- Bearer\s""".split()
)
_VALUE = rf"({_STARTS})|[A-Za-z0-9+/_=.-]{{24,}}\Z"
_HIDDEN = rf"(?<![A-Za-z0-9])({_STARTS})(?=[A-Za-z0-9_-]{{4}})|[A-Za-z0-9+/_=-]{{20,}}"


def _fits(pattern: str, text: str) -> bool:
    """True when `pattern` matches the start of `text`. Compiled at its first use, since few commands need all
    patterns."""
    import re

    return re.match(pattern, text) is not None


def _found(pattern: str, text: str) -> bool:
    import re

    return re.search(pattern, text) is not None


def redacted(text: str) -> str:
    """`text` quoted for a message, safe on a terminal. If it may contain a key's value, `…` instead."""
    return "'…'" if _found(_HIDDEN, text) and not is_key(text) else repr(show(text[:MAX_NAME]))


def masked(text: str) -> str:
    """`text` with `…` for each word that may contain a key's value."""
    import re

    return re.sub(r"[^\s'\"]+", lambda word: "…" if _found(_HIDDEN, word[0]) and not is_key(word[0]) else word[0], text)


# A store keeps the value that `lkr rotate` replaced under the key's name with this suffix. No key's name contains `~`.
OLD = "~old"
OLD_BEFORE = "--old"  # the same in version 0.1.0, where the old value was a key of its own; no longer a valid name


def is_key(name: str) -> bool:
    """True for `provider:label`, and for `source/provider:label`."""
    return len(name) <= MAX_NAME and _fits(KEY, name) and not name.endswith(OLD_BEFORE)


def is_own(name: str) -> bool:
    """True for the name of a key in the machine's own store: one without a source."""
    return "/" not in name and is_key(name)


# `sealed/openai:prod` is a key that is kept encrypted in the project's git repository. Each project has its own, so the
# opened copy has the project in its name: `sealed-0123456789ab/openai:prod`.
SEALED = "sealed"
_LOGIN = "/~:login"


def is_source(name: str) -> bool:
    """True for the name of a source that the user may add."""
    return len(name) <= 32 and _fits(SOURCE, name) and not is_reserved(name)


def is_reserved(source: str) -> bool:
    """True for a name that no server may have, since it stands for keys in a project's repository."""
    return source.startswith(SEALED)


def is_sealed(name: str) -> bool:
    """True for a key that is in a project's repository, in the manifest's form or the store's."""
    return is_reserved(source_of(name))


def is_fetched(name: str) -> bool:
    """True for a key that is fetched from a server or a program of the team's."""
    return "/" in name and not is_sealed(name)


def sealed_in(folder: str, name: str) -> str:
    """What the store calls the opened copy of a project's sealed key. `folder` is the project's real folder."""
    import os

    from lkrshell.core.records import digest

    return f"{SEALED}-{digest(os.fsencode(folder))[:12]}/{in_source(name)}"


def source_of(name: str) -> str:
    """The source in a key's name; empty for a key of the machine's own store."""
    return name.rpartition("/")[0]


def in_source(name: str) -> str:
    """What its source calls a key: the name without the source."""
    return name.rpartition("/")[2]


def provider_of(name: str) -> str:
    """The provider in a key's name."""
    return in_source(name).partition(":")[0]


def login_of(source: str) -> str:
    """What the machine's own store calls the login for a source. No name of a key has a `~`."""
    return source + _LOGIN


def is_of_source(stored: str) -> bool:
    """True for what the machine's own store keeps for a source: the copy of a key, or a login."""
    return stored.endswith(_LOGIN) or ("/" in stored and is_key(stored))


def old_of(name: str) -> str:
    """The name under which a store keeps the value that `lkr rotate` replaced."""
    return name + OLD


def key_of_old(stored: str) -> str | None:
    """The key whose old value has this name in a store (also in the form of 0.1.0); None for any other name."""
    name = stored.removesuffix(OLD).removesuffix(OLD_BEFORE)
    return name if name != stored and is_own(name) else None


def is_variable(name: str) -> bool:
    return len(name) <= MAX_NAME and _fits(VARIABLE, name)


def is_command(name: str) -> bool:
    """True for the name of a program that may become a function of the shell."""
    if len(name) > MAX_NAME or not _fits(COMMAND, name):
        return False
    return name not in SHELL_WORDS and not _fits(SHELL_FUNCTIONS, name)


def is_profile(name: str) -> bool:
    return len(name) <= MAX_NAME and _fits(PROFILE, name)


def looks_like_a_value(text: str) -> bool:
    """True when `text` is more likely a key's value than a name."""
    return _fits(_VALUE, text) and not is_key(text)


def did_you_mean(word: str, known: "Collection[str]", otherwise: str, form: str = "{}", alike: float = 0.6) -> str:
    """`did you mean …?` for a mistyped word, else `otherwise`. `alike`, from 0 to 1, is how similar they must be."""
    import difflib

    close = difflib.get_close_matches(word, known, 1, alike)
    return f"did you mean {form.format(close[0])}?" if close else otherwise


def in_lower_case(name: str) -> str:
    """The key's name that `name` is but for its capital letters; empty if there is none, or if it may be a value."""
    lower = name.lower()
    return lower if lower != name and is_key(lower) and not _found(_HIDDEN, name) else ""


def checked_key(name: str) -> str:
    """`name` when it names a key. The error never repeats it when it could be a value."""
    if is_key(name):
        return name
    if looks_like_a_value(name):
        raise LkrError("that looks like a key's value", "write the key's name, such as openai:prod", USAGE)
    lower = in_lower_case(name)
    hint = f"write it in lower case: {lower}" if lower else "write provider:label, such as openai:prod"
    raise LkrError(f"{redacted(name)} is not a valid key name", hint, USAGE)
