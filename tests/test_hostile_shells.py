"""Shells with settings, traps, functions and variables of every kind: a key is not shown, and nothing else changes."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import OTHER, VALUE, User
from shells import Shell

Open = Callable[..., Shell]
A = "OPENAI_API_KEY"
B = "ANTHROPIC_API_KEY"
BOTH = f'{A} = "openai:prod"\n{B} = "anthropic:main"'

KINDS = {
    "bash": {
        f"declare -i {A}=7": "an integer",
        f"declare -i {A}": "declared without a value",
        f"declare -a {A}=(x y)": "an array",
        f"declare -a {A}=()": "an array",
        f"declare -A {A}=([k]=v)": "an array",
        f"declare -n {A}=elsewhere": "a name reference",
        f"elsewhere=x; declare -n {A}=elsewhere": "a name reference",
        f"declare -n {A}='elsewhere[$(touch pwned)0]'": "a name reference",
        f"declare -n {A}": "declared without a value",
        f"declare -u {A}=x": "declared with -u",
        f"declare -xl {A}=X": "declared with -xl",
        f"readonly {A}=x": "readonly",
        f"declare -ir {A}=7": "readonly",
    },
    "zsh": {
        f"typeset -i {A}=7": "an integer",
        f"typeset -xi {A}=7": "an integer",
        f"typeset -F {A}=7": "a float",
        f"typeset -a {A}=(x y)": "an array",
        f"typeset -A {A}=(k v)": "an array",
        f"typeset -T {A} openai_api_key": "declared as tied",
        f"typeset -xT {A} openai_api_key": "declared as tied",
        f"typeset -U {A}=x": "declared as unique",
        f"typeset -u {A}=x": "declared as upper",
        f"typeset -xl {A}=X": "declared as lower",
        f"typeset -L3 {A}=x": "declared as left",
        f"typeset -R3 {A}=x": "declared as right_blanks",
        f"typeset -Z3 {A}=x": "declared as right_zeros",
        f"typeset -r {A}=x": "readonly",
        f"setopt typeset_to_unset; typeset -i {A}": "an integer",
    },
    "fish": {
        f"set -g {A} x y": "a list",
        f"set -gx {A} x y": "a list",
        f"set -g --path {A} x:y": "a path variable",
        f"set -gx --path {A} x": "a path variable",
    },
}


def printed(opened: Shell, command: str, path: Path) -> str:
    """What a command prints, by way of a file: on a terminal, the shell's own echo may come between."""
    opened.run(f"{command} >{'' if opened.shell == 'fish' else '|'}{path}")
    return path.read_text()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_variable_that_is_more_than_text_is_left_alone_with_a_message(user: User, shell: str) -> None:
    """And no value of it or of ours runs as code."""
    user.lkr("set", "openai:code", "--stdin", stdin=b"path[$(touch pwned)1]")
    user.project("p", BOTH.replace("openai:prod", "openai:code"))
    for declaration, kind in KINDS[shell].items():
        opened = Shell(shell, user.env, user.home)
        try:
            opened.run(declaration)
            show = {"bash": f"declare -p {A}", "zsh": f"typeset -p {A}", "fish": f"set --show {A}"}[shell]
            before = printed(opened, show, user.home / "shown")
            assert A in before
            said = opened.run("cd p")
            assert f"lkr: {A} is {kind}" in said, declaration
            assert f"lkr: +{B} (anthropic:main)" in said and f"+{A}" not in said, declaration
            assert opened.value("LKR_STATE") == f"{B}=anthropic:main"
            assert opened.value("LKR_KEYS") == "anthropic:main"
            assert opened.value(B) == OTHER
            assert printed(opened, show, user.home / "shown") == before
            opened.run("cd ..")
            assert printed(opened, show, user.home / "shown") == before
            assert opened.value("LKR_STATE") is None
        finally:
            opened.close()
        assert not list(user.home.rglob("pwned")), declaration


def test_a_universal_variable_of_fish_is_only_shadowed(user: User) -> None:
    user.project("p", BOTH)
    shell = Shell("fish", user.env, user.home, words=["fish", "-i"])
    try:
        for declaration in (f"set -U {A} x y", f"set -U --path {A} x:y", f"set -Ux {A} x"):
            shell.run(declaration)
            before = shell.run(f"set --show {A}")
            shell.run("cd p")
            assert shell.value(A) == VALUE
            shell.run("cd ..")
            assert shell.run(f"set --show {A}") == before
            shell.run(f"set -e -U {A}")
    finally:
        shell.close()


def test_an_edit_of_upper_and_lower_case_is_seen_by_a_bash_that_ignores_them(user: User) -> None:
    folder = user.project("p", f"{BOTH} # comment")
    shell = Shell("bash", user.env, user.home)
    try:
        shell.run("shopt -s nocasematch")
        shell.run("cd p")
        assert shell.value(A) == VALUE
        manifest = folder / ".lkr.toml"
        manifest.write_text(manifest.read_text().replace("comment", "Comment"))
        assert "changed since you allowed it" in shell.run(":")
        assert shell.value(A) is None
    finally:
        shell.close()


BECOMES = {
    "bash": [f"declare -i {A}", f"declare -u {A}", f"unset {A}; declare -n {A}=elsewhere", f"{A}=(1 2)"],
    "zsh": [f"typeset -u {A}", f"unset {A}; typeset -i {A}", f"unset {A}; typeset -a {A}", f"typeset -T {A} mine"],
    "fish": [f"set -g {A} x y", f"set -gx --path {A} x:y", f"set -e {A}"],
}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_whatever_the_variable_becomes_inside_leaving_restores_mine(user: User, shell: str) -> None:
    user.project("p")
    for line in BECOMES[shell]:
        opened = Shell(shell, {**user.env, A: "path[$(touch pwned)1]"}, user.home)
        try:
            opened.run("elsewhere=theirs" if shell != "fish" else ":")
            opened.run("cd p")
            assert opened.value(A) == VALUE
            opened.run(line)
            opened.run("cd ..")
            assert opened.value(A) == "path[$(touch pwned)1]", line
            if shell != "fish":
                assert "theirs" in opened.run("echo $elsewhere")
        finally:
            opened.close()
        assert not list(user.home.rglob("pwned")), line


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_variable_that_becomes_readonly_inside_is_reported_to_keep_its_key(user: User, shell: str) -> None:
    user.project("p", BOTH)
    opened = Shell(shell, user.env, user.home)
    try:
        opened.run("cd p")
        opened.run(f"readonly {A}")
        said = opened.run("cd ..")
        assert f"lkr: {A} has become readonly, so this shell keeps its key" in said
        assert f"lkr: -{B}" in said and f"-{A}" not in said
        assert A not in opened.run("env"), "the commands of this shell do not get it"
        assert "lkr:" not in opened.run(":")
        assert (opened.value(B), opened.value("LKR_STATE")) == (None, None)
        assert f"{A} is readonly" in opened.run("cd p")
    finally:
        opened.close()


# Everything that shows or hands on commands. SPY stands for a file, that what sees them writes to.
SPIES = {
    "bash": [
        "set -x",
        "set -v",
        "set -xv; PS4='$(echo \"$__lkr_statements $BASH_COMMAND $*\" >>SPY)+ '",
        "exec 9>>SPY; BASH_XTRACEFD=9; set -x",
        "set -T; trap 'echo \"$BASH_COMMAND $* $__lkr_statements\" >>SPY' DEBUG",
        "shopt -s extdebug; trap 'echo \"$BASH_COMMAND $* ${BASH_ARGV[*]}\" >>SPY' DEBUG",
        "set -ET; trap 'echo \"$BASH_COMMAND $* $__lkr_statements\" >>SPY' ERR RETURN",
        "trap 'echo \"$BASH_COMMAND $* $__lkr_statements\" >>SPY' DEBUG; declare -ft $(compgen -A function)",
        "set -o functrace; set -o errtrace; trap 'echo \"$BASH_COMMAND $*\" >>SPY' DEBUG ERR RETURN CHLD",
        "PROMPT_COMMAND+=('echo \"$_ $BASH_COMMAND\" >>SPY')",
        "HISTFILE=SPY; HISTCONTROL=; set -o history; PROMPT_COMMAND+=('history -a')",
    ],
    "zsh": [
        "setopt xtrace",
        "setopt verbose xtrace; PS4='$(echo $ZSH_DEBUG_CMD $__lkr_statements >>SPY)+ '; setopt prompt_subst",
        "TRAPDEBUG() { print -r -- \"$ZSH_DEBUG_CMD $__lkr_statements\" >>SPY }",
        "trap 'print -r -- \"$ZSH_DEBUG_CMD $* $__lkr_statements\" >>SPY' DEBUG",
        "setopt no_debug_before_cmd; trap 'print -r -- \"$ZSH_DEBUG_CMD $*\" >>SPY' DEBUG",
        "TRAPZERR() { print -r -- \"$ZSH_DEBUG_CMD $__lkr_statements\" >>SPY }",
        "trap 'print -r -- \"$* $__lkr_statements\" >>SPY' ZERR; setopt err_return",
        "functions -T -m '*'",
        "functions -t -m '*'",
        "functions -T __lkr_set __lkr_change __lkr_hook",
        "go() { cd p }; functions -t go",
        "precmd_functions+=(spy); spy() { print -r -- \"$_ $?\" >>SPY }",
        "HISTFILE=SPY SAVEHIST=100 HISTSIZE=100; setopt inc_append_history share_history",
    ],
    "fish": [
        "set -g fish_trace 1",
        "set -gx fish_trace all",
        "function fish_title; echo (status current-command) $argv; end; function spy --on-event fish_postexec; "
        "echo $argv >>SPY; end",
    ],
}  # fmt: skip
STATE = {
    "bash": "trap; set -o; shopt; declare -p PS4",
    "zsh": "trap; setopt; typeset -p PS4; functions TRAPDEBUG TRAPZERR",
    "fish": "set --show fish_trace; functions fish_title",
}


@pytest.mark.parametrize(("shell", "spy"), [(shell, spy) for shell, spies in SPIES.items() for spy in spies])
def test_no_trace_trap_or_history_sees_a_key(user: User, tmp_path: Path, shell: str, spy: str) -> None:
    """They are as before when the key is there."""
    user.project("p", BOTH)
    user.project("q", BOTH)
    file = tmp_path / "spy"
    file.touch()
    opened = Shell(shell, {**user.env, "TERM": "xterm"}, user.home)
    try:
        opened.run(spy.replace("SPY", str(file)))
        opened.run(f"eval '{STATE[shell]}' >~/before 2>/dev/null")
        opened.run("go" if spy.startswith("go") else "cd p")
        opened.run(":")
        opened.run(f"eval '{STATE[shell]}' >~/after 2>/dev/null")
        opened.run("false")
        opened.run("cd ../q")
        opened.run("cd ..")
        assert (user.home / "before").read_text() == (user.home / "after").read_text()
        for key in (VALUE, OTHER):
            assert key not in opened.log
            assert key not in file.read_text(errors="replace")
        opened.run({"bash": "trap - DEBUG ERR; set +xvT", "zsh": "trap - DEBUG ZERR; unsetopt xtrace verbose"}.get(
            shell, "set -e fish_trace"))  # fmt: skip
        opened.run("cd p")
        assert opened.value(A) == VALUE
    finally:
        opened.close()


@pytest.mark.parametrize("words", [["--profile", "SPY"], ["--profile-startup", "SPY"], ["-d", "*", "-o", "SPY"]])
@pytest.mark.parametrize("startup", [False, True])
def test_neither_fishs_profile_nor_its_debugging_output_has_a_key(
    user: User, tmp_path: Path, words: list[str], startup: bool
) -> None:
    folder = user.project("p", BOTH)
    spy = tmp_path / "spy"
    hook = f"lkr hook fish | source; cd {folder}"
    script = f"{hook if startup else ':'}; echo 'end of the start'"
    command = ["fish", "-N", *(word.replace("SPY", str(spy)) for word in words), "-C", script]
    line = f"{hook}; set -q {A}; and echo it is loaded"
    done = subprocess.run([*command, "-c", line], env=user.env, cwd=user.home, check=True, capture_output=True)
    assert b"it is loaded" in done.stdout
    text = spy.read_text(errors="replace")
    assert "__lkr_" in text or "--profile-startup" in words
    for key in (VALUE[:-3], OTHER[:-3]):
        assert key not in text


NAMES = {
    "bash": "local export eval read test set printf unset declare typeset trap cd command return shift continue echo "
    "true [ : exec let env sh python3",
    "zsh": "local export eval read test set print printf unset typeset trap cd command return shift continue echo "
    "emulate sysread zmodload functions setopt unsetopt true [ : exec let env sh python3",
    "fish": "math path contains echo functions source count printf cd type true false random emit abbr trap sh python3",
}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_functions_of_mine_named_like_builtins_are_not_called(user: User, shell: str) -> None:
    user.project("p", BOTH)
    opened = Shell(shell, user.env, user.home)
    try:
        for name in NAMES[shell].split():
            body = (
                "command cat /dev/null; return 1" if shell == "fish" else "\\builtin printf '%s\\n' \"mine: $*\"; false"
            )
            function = f"function {name}; {body}; end" if shell == "fish" else f"function {name} {{ {body}; }}"
            opened.child.sendline(function if name not in ("cd", "set") or shell == "fish" else f"{function}; :")
        opened.child.sendline("builtin cd p")
        opened.child.sendline("builtin true")
        opened.child.sendline(f'/bin/sh -c \'test "${A}" = {VALUE} && echo the"" key\'')
        opened.child.expect("the key\r?\n")
        opened.child.sendline("builtin cd ..")
        opened.child.sendline(f'/bin/sh -c \'test "${{{A}-none}}" = none && echo no"" key\'')
        opened.child.expect("no key\r?\n")
    finally:
        opened.close()


@pytest.mark.parametrize("shell", ["bash", "zsh"])
@pytest.mark.parametrize("name", ["builtin", "export", "typeset", "printf", "print", "declare", "__lkr_say"])
def test_no_function_of_mine_is_given_a_key(user: User, shell: str, name: str) -> None:
    """Not even one called `builtin`, with which nothing works: that is said, and nothing is loaded."""
    user.project("p", BOTH)
    text = f"""function {name} {{ command printf '%s ' "$@" >>spy; }}
    . HOOK
    'cd' p
    case ${{PROMPT_COMMAND-}}$precmd_functions in *__lkr_hook*) __lkr_hook;; esac"""
    said = script(user, shell, text)
    assert VALUE not in said
    assert ("builtin is a function in this shell" in said) == (name == "builtin")
    spy = user.home / "spy"
    assert not spy.exists() or VALUE not in spy.read_text()


def script(user: User, shell: str, text: str) -> str:
    """The output of a shell that runs `text` with the hook, called as at prompts."""
    saved = user.home / f"hook.{shell}"
    if not saved.exists():
        saved.write_text(user.lkr("hook", shell))
    words = {"bash": ["bash", "--norc", "--noprofile"], "zsh": ["zsh", "-f"], "fish": ["fish", "-N"]}[shell]
    done = subprocess.run(
        [*words, "-c", text.replace("HOOK", f"{saved}")], env=user.env, cwd=user.home, capture_output=True, timeout=60
    )
    return (done.stdout + done.stderr).decode(errors="replace")


def options(user: User, shell: str) -> list[str]:
    if shell == "bash":
        out = script(user, "bash", "set -o; shopt; echo compat {31,32,40,41,42,43,44,50,51}")
        found = [line.split() for line in out.splitlines()]
        sets = [f"set {'-+'[state == 'on']}o {name}" for name, state in found[:27] if name not in ("noexec", "onecmd")]
        shopts = [
            f"shopt -{'su'[state == 'on']} {name}" for name, state in (row for row in found[27:] if len(row) == 2)
        ]
        levels = [f"BASH_COMPAT={level}" for level in found[-1][1:]]
        return [line for line in [*sets, *shopts, *levels] if "restricted" not in line and "login_shell" not in line]
    out = script(user, "zsh", "emulate zsh; setopt kshoptionprint; setopt")
    fixed = "exec noexec interactive login privileged restricted shinstdin singlecommand".split()
    return [f"setopt {name}" if state == "off" else f"unsetopt {name}"
            for name, state in (line.split() for line in out.splitlines()) if name not in fixed]  # fmt: skip


# Written without anything that an option changes the meaning of.
ROUND = {
    "bash": r"""
. HOOK
OPTION
'declare' -p >"$HOME/before"; 'trap' >>"$HOME/before"; 'set' -o >>"$HOME/before"; 'shopt' >>"$HOME/before"
'cd' "$HOME/p"; __lkr_hook; 'printf' '\n<%s>\n' "$OPENAI_API_KEY"
__lkr_hook; 'printf' '<%s>\n' "$OPENAI_API_KEY"
'cd' "$HOME"; __lkr_hook; 'printf' '<%s>\n' "${OPENAI_API_KEY-none}"
'declare' -p >"$HOME/after"; 'trap' >>"$HOME/after"; 'set' -o >>"$HOME/after"; 'shopt' >>"$HOME/after"
'command' 'env' >"$HOME/env"
""",
    "zsh": r"""
. HOOK
OPTION
typeset -p >"$HOME/before"; trap >>"$HOME/before"; setopt >>"$HOME/before"
cd "$HOME/p"; __lkr_hook; printf '\n<%s>\n' "$OPENAI_API_KEY"
__lkr_hook; printf '<%s>\n' "$OPENAI_API_KEY"
cd "$HOME"; __lkr_hook; printf '<%s>\n' "${OPENAI_API_KEY-none}"
typeset -p >"$HOME/after"; trap >>"$HOME/after"; setopt >>"$HOME/after"
command env >"$HOME/env"
""",
}
# What changes by itself: the shell's own counters and clocks, where it is, and ours.
OWN = re.compile(
    r"(__lkr_|PWD|OLDPWD|BASH_|RANDOM|SRANDOM|SECONDS|EPOCH|LINENO|_=|_ |FUNCNAME|PIPESTATUS|\?|status|pipestatus"
    r"|TTYIDLE|LKR_|\[[0-9]|'/|zsh_eval|funcstack|dirstack|historywords|DIRSTACK|jobstates)"
)


def lines(path: Path) -> list[str]:
    found = path.read_text(errors="replace").splitlines()
    return [line for line in found if not OWN.match(re.sub(r"^(declare|typeset|export)( -\S+)* ", "", line))]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_every_option_of_the_shell_one_by_one(user: User, shell: str) -> None:
    user.project("p")
    wrong = []
    for option in options(user, shell):
        for name in ("before", "after", "env"):
            (user.home / name).write_text("")
        said = script(user, shell, ROUND[shell].replace("OPTION", option))
        out = "\n".join(line for line in said.splitlines() if "printf" not in line)  # a trace of our own lines
        values = re.findall(r"^<(.*)>$", out, re.M)
        env = (user.home / "env").read_text()
        if values != [VALUE, VALUE, "none"] or "LKR_STATE" in env or VALUE in env or out.count(VALUE) != 2:
            wrong.append((option, out))
        elif lines(user.home / "before") != lines(user.home / "after"):
            before, after = lines(user.home / "before"), lines(user.home / "after")
            wrong.append((option, str(set(before) ^ set(after))))
        elif out.count("lkr:") != 2:
            wrong.append((option, out))
    assert not wrong, "\n".join(f"{option}: {text}" for option, text in wrong)
