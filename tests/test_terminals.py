"""Wherever a shell starts, and whoever reads our files: entering a project loads its key, leaving takes it back."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import VALUE, User
from shells import HOOK, RC, Shell, wait_until

ROOT = Path(__file__).parent.parent
ASK = 'echo "{}:$(printenv OPENAI_API_KEY)."'
Start = Callable[..., Shell]


@pytest.fixture
def start(user: User) -> Iterator[Start]:
    """Starts shells as `words` say, with the user's own files, and closes them afterwards."""
    opened: list[Shell] = []

    def begin(shell: str, *words: str, **more: str) -> Shell:
        opened.append(Shell(shell, {**user.env, **more}, user.home, False, list(words) or [shell, "-i"]))
        return opened[-1]

    yield begin
    for shell in opened:
        shell.close()


def key(shell: Shell) -> str:
    (found,) = re.findall(r"key:(?!\$)(\S*)\.", shell.run(ASK.format("key")))
    return str(found)


def there_and_back(shell: Shell, folder: Path) -> None:
    for _ in range(2):
        assert key(shell) == ""
        assert "+OPENAI_API_KEY" in shell.run(f"cd {folder}")
        assert key(shell) == VALUE
        shell.run("cd /")
    assert key(shell) == ""


def rc(user: User, shell: str, text: str) -> None:
    path = user.home / RC[shell]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def cloned(folder: Path) -> Path:
    """What a plugin manager has of us: the checkout."""
    for name in ("shell", "completions", "conf.d"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("lkr.plugin.bash", "lkr.plugin.zsh"):
        shutil.copy(ROOT / name, folder)
    return folder


# The frameworks themselves are not to be had here; these do with a plugin what they do.
OH_MY_ZSH = """
ZSH_CUSTOM=~/.oh-my-zsh/custom plugins=(lkr)
autoload -U compinit add-zsh-hook
for each in $plugins; do fpath=($ZSH_CUSTOM/plugins/$each $fpath); done
compinit -u -D
title_precmd() { titles=$((titles + 1)) }
title_chpwd() { chpwds=$((chpwds + 1)) }
add-zsh-hook precmd title_precmd
add-zsh-hook chpwd title_chpwd
read_plugin() { [[ -f $1 ]] && source $1 }
for each in $plugins; do read_plugin $ZSH_CUSTOM/plugins/$each/$each.plugin.zsh; done
precmd_functions+=(theme_precmd)
theme_precmd() { themes=$((themes + 1)) }
"""


def test_oh_my_zsh_reads_the_plugin(user: User, start: Start) -> None:
    cloned(user.home / ".oh-my-zsh/custom/plugins/lkr")
    rc(user, "zsh", OH_MY_ZSH)
    shell = start("zsh")
    there_and_back(shell, user.project("p"))
    assert "compdef _lkr" in shell.run("echo compdef $_comps[lkr]")
    assert re.search(r"ran ([4-9]|\d\d+) ([4-9]|\d\d+) [4-9]", shell.run("echo ran $titles $themes $chpwds"))


def test_zinit_reads_the_plugin_and_finds_its_completions_later(user: User, start: Start) -> None:
    folder = cloned(user.home / ".local/share/zinit/plugins/lkrshell---lkr")
    rc(
        user,
        "zsh",
        f"ZERO={folder}/lkr.plugin.zsh\nbuiltin source $ZERO\nautoload -U compinit; compinit -u -D\n",
    )
    shell = start("zsh")
    there_and_back(shell, user.project("p"))
    assert "compdef _lkr" in shell.run("echo compdef $_comps[lkr]")


def test_fisher_copies_the_plugin(user: User, start: Start) -> None:
    for folder in ("conf.d", "completions"):
        (user.home / ".config/fish" / folder).mkdir(parents=True)
        for file in (ROOT / folder).glob("*.fish"):
            shutil.copy(file, user.home / ".config/fish" / folder)
    shell = start("fish")
    there_and_back(shell, user.project("p"))
    assert "rename" in shell.run("complete --do-complete 'lkr renam'")


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_a_distributions_folder_is_enough(user: User, start: Start, tmp_path: Path, name: str) -> None:
    share = tmp_path / "usr/share/lkr"
    (share / "completions").mkdir(parents=True)
    shutil.copy(ROOT / ("conf.d/lkr.fish" if name == "fish" else f"lkr.plugin.{name}"), share / f"lkr.{name}")
    rc(user, name, f"set -u\nsource {share}/lkr.{name}\n" if name == "bash" else f"source {share}/lkr.{name}\n")
    there_and_back(start(name), user.project("p"))


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_a_login_with_nothing_in_its_environment(user: User, start: Start, name: str) -> None:
    """As sshd starts it: not even PATH has the program."""
    user.config('backend = "vault"\n')
    user.lkr("install", name, "--yes")
    folder = user.project("p")
    words = ["env", "-i", f"HOME={user.home}", "TERM=dumb" if name == "fish" else "TERM=xterm-256color"]
    shell = start(name, *words, name, "-l")
    assert "lkr" not in shell.run("echo $PATH" if name == "fish" else 'echo "$PATH"')
    there_and_back(shell, folder)


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_inside_script(user: User, start: Start, tmp_path: Path, name: str) -> None:
    user.lkr("install", name, "--yes")
    folder = user.project("p")
    shell = start(name, "script", "-qec", f"{name} -i", str(tmp_path / "typescript"))
    shell.run(f"cd {folder}")
    assert "there" in shell.run('sh -c \'test -n "$OPENAI_API_KEY" && echo the""re\'')
    shell.run("cd /")
    assert VALUE not in (tmp_path / "typescript").read_text()
    there_and_back(shell, folder)


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_tmux_started_outside_and_inside_a_project(user: User, start: Start, tmp_path: Path, name: str) -> None:
    user.lkr("install", name, "--yes")
    folder = user.project("p")
    outer = start(name, SHELL=str(shutil.which(name)))

    def screen(label: str, value: str) -> None:
        """Types the question into the pane; waits until it shows this answer."""
        subprocess.run([*tmux, "send-keys", ASK.format(label), "Enter"], check=True)
        show = [*tmux, "capture-pane", "-p"]
        wait_until(lambda: f"{label}:{value}." in subprocess.check_output(show, text=True))

    for where, first in (("/", ""), (str(folder), VALUE)):
        # A socket for each, since a server that was told to end may still take the next session, and end with it.
        tmux = ["tmux", "-S", str(tmp_path / f"socket{len(first)}"), "-f", "/dev/null"]
        outer.run(f"cd {where}")
        outer.run(" ".join(tmux) + " new-session -d -x 200 -y 50")
        try:
            screen("first", first)
            for label, to, value in (("in", str(folder), VALUE), ("out", "/", ""), ("again", str(folder), VALUE)):
                subprocess.run([*tmux, "send-keys", f"cd {to}", "Enter"], check=True)
                screen(label, value)
        finally:
            subprocess.run([*tmux, "kill-server"], check=True)


# What the terminal of an editor does, in our own words: its file is read instead of the user's, reads that, and puts
# itself before each prompt and command.
EDITOR_BASH = r"""
before_editor
editor_theirs=("${PROMPT_COMMAND[@]}")
editor_status() { return "$1"; }
editor_prompt() {
    editor_last=$?
    local each
    printf '\e]633;D;%s\a' "$editor_last"
    for each in "${editor_theirs[@]}"; do
        editor_status "$editor_last"
        eval "$each"
    done
    editor_status "$editor_last"
}
editor_command() { [[ $BASH_COMMAND == editor_prompt ]] || editor_ran=$BASH_COMMAND; }
trap editor_command DEBUG
PROMPT_COMMAND=editor_prompt
after_editor
"""
EDITOR_ZSH = r"""
before_editor
ZDOTDIR=$HOME
editor_precmd() { local last=$?; printf '\e]633;D;%s\a' $last; return $last }
editor_preexec() { printf '\e]633;C\a' }
precmd_functions+=(editor_precmd)
preexec_functions+=(editor_preexec)
after_editor
"""
EDITOR_FISH = r"""
before_editor
function editor_prompt --on-event fish_prompt
    printf '\e]633;D;%s\a' $status
end
function editor_command --on-event fish_preexec
    printf '\e]633;C\a'
end
after_editor
"""


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("theirs", ["bash string", "bash array", "bash none", "zsh", "fish"])
def test_an_editors_terminal_that_takes_the_prompt_over(
    user: User, start: Start, tmp_path: Path, theirs: str, order: str
) -> None:
    name = theirs.split()[0]
    mine = {
        "bash string": "PROMPT_COMMAND='mine=$?'\n",
        "bash array": "PROMPT_COMMAND=('mine=$?' 'second=$((second + 1))')\n",
    }.get(theirs, "")
    rc(user, name, mine)
    text = {"bash": EDITOR_BASH, "zsh": EDITOR_ZSH, "fish": EDITOR_FISH}[name]
    lines = {"before": f"source ~/{RC[name]}\n", "after": ""}
    lines[order] += HOOK[name]
    for when, line in lines.items():
        text = text.replace(f"{when}_editor", line)
    (tmp_path / "editor").mkdir()
    file = tmp_path / "editor" / (".zshrc" if name == "zsh" else f"integration.{name}")
    file.write_text(text)
    if name == "zsh":
        shell = start("zsh", ZDOTDIR=str(file.parent))
    elif name == "bash":
        shell = start("bash", "bash", "--init-file", str(file), "-i")
    else:
        shell = start("fish", "fish", "-i", "--init-command", f"source {file}")
    there_and_back(shell, user.project("p"))
    shell.child.sendline("sh -c 'exit 7'")
    said = shell.run("echo was $status" if name == "fish" else 'echo "was $?"')
    assert "was 7" in said
    assert "\x1b]633;D;7\x07" in shell.log
    if mine:
        shell.child.sendline("sh -c 'exit 9'")
        assert "mine 9" in shell.run('echo "mine $mine"')
    if theirs == "bash array":
        assert re.search(r"second [4-9]|second \d\d", shell.run('echo "second $second"'))
