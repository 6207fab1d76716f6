"""What may name a key, a variable, a profile; and which variables no manifest may set."""

import re

KEY = re.compile(r"[a-z0-9][a-z0-9-]*:[a-z0-9][a-z0-9-]*\Z")
VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*\Z")
PROFILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\Z")
MAX_NAME = 100

# Variables that change what programs run, load, trust or where they connect, or that a shell itself owns.
_PROGRAMS = re.compile(
    r"""(?x)
    (LD|DYLD|PYTHON|GIT|LKR|BASH|DIRENV|NPM_CONFIG|PIP|UV|CONDA|XDG|SSH|DBUS|GCONV|MALLOC|GLIBC|RUBY|PERL5
     |DOTNET|CORECLR|COMPLUS|MAVEN|GRADLE|CARGO|RUSTC|RUST|GO|JAVA|JDK|LC|EPOCH|HIST|COMP|READLINE|FISH|ZSH)_?.*
    | .*_PROXY | .*_OPTIONS | (.*_)?SSL_CERT_.* | .*_CA_BUNDLE | .*_CA_CERTS | PS[0-9]
    | PATH | .*_PATH | ENV | IFS | HOME | SHELL.* | USER | LOGNAME | PWD | OLDPWD | TERM.* | LANG.* | TMPDIR
    | PROMPT.* | RPROMPT.* | CDPATH | FPATH | ZDOTDIR | EDITOR | VISUAL | .*PAGER | BROWSER | TMP | TEMP
    | UID | EUID | GID | EGID | PPID | RANDOM | SECONDS | LINENO | FUNCNEST | OPTIND | OPTARG | DISPLAY
    | MAIL.* | MODULE_PATH | NULLCMD | READNULLCMD | WORDCHARS | TMOUT | IGNOREEOF | PIPESTATUS | COLUMNS | LINES
    | LESS.* | TZ | TERMINFO.* | REPLY | ARGV | STATUS | SHLVL | GROUPS | DIRSTACK | HOST.* | OSTYPE | MACHTYPE
    )\Z"""
)
# Prefixes that begin with a reserved word and are yet vendors' own.
_VENDORS = re.compile(r"(GO|RUST|COMP|HIST|FISH|PIP|UV|LC|JAVA|HOST|LANG|TERM|LESS|MAIL|BASH|SSH)[A-Z_0-9]*_(API_)?(KEY|TOKEN)\Z")

# What vendors' keys begin with: enough to see that somebody pasted a value where a name belongs.
_VALUE = re.compile(
    r"(sk-|sk_|gsk_|hf_|xai-|pplx-|r8_|AIza|ghp_|github_pat_|glpat-|fw_|tgp_|nvapi-|key-|Bearer )|[A-Za-z0-9+/_=.-]{24,}\Z"
)


def is_key(name: str) -> bool:
    return len(name) <= MAX_NAME and KEY.match(name) is not None


def is_variable(name: str) -> bool:
    return len(name) <= MAX_NAME and VARIABLE.match(name) is not None


def is_profile(name: str) -> bool:
    return len(name) <= MAX_NAME and PROFILE.match(name) is not None


def changes_programs(variable: str) -> bool:
    """True for `PATH`, `LD_PRELOAD`, `HTTPS_PROXY` and their like."""
    return _PROGRAMS.match(variable) is not None and _VENDORS.match(variable) is None


def looks_like_a_value(text: str) -> bool:
    """True when `text` is rather a key's value than its name."""
    return _VALUE.match(text) is not None and not is_key(text)
