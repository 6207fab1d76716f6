"""Tab, in the real shells: commands, options and their values, names of keys and profiles, files. No process starts.
The files are those of the program. How long a Tab takes is told by bench/tab.py."""

import itertools
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest
from conftest import OTHER, VALUE, User
from shells import HOOK

from lkrshell.core.events import EVENTS
from tools import completions

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "completions"
SETUP = {
    "bash": f"bind 'set enable-bracketed-paste off'; source {FOLDER}/lkr.bash",
    "zsh": f"fpath=({FOLDER} $fpath); autoload -U compinit; compinit -u -D; setopt no_beep",
    "fish": f"set -g fish_complete_path {FOLDER} $fish_complete_path",
}
START = {"bash": ["--norc", "--noprofile", "-i"], "zsh": ["-f", "-i"], "fish": ["-i"]}
# What is typed before Tab, and the words that the program gets. The words of `place` and `user` below are there.
TYPED = {
    "rm openai:p": "rm openai:prod",
    "rm anth": "rm anthropic:main",
    'rm "openai:p': "rm openai:prod",
    "exec -k anth": "exec -k anthropic:main",
    "exec -k MY_VARIABLE=anth": "exec -k MY_VARIABLE=anthropic:main",
    "exec --key=anth": "exec --key=anthropic:main",
    "exec -k openai:prod -k anth": "exec -k openai:prod -k anthropic:main",
    "policy --agents=de": "policy --agents=deny",
    "policy --agents deny anth": "policy --agents deny anthropic:main",
    "policy openai:prod --only sub": "policy openai:prod --only subfolder/",
    "set openai:prod --st": "set openai:prod --stdin",
    "set --kind admin mist": "set --kind admin mistral:",  # a vendor's name, for a key to come
    "rename openai:prod mist": "rename openai:prod mistral:",
    "audit --key anth": "audit --key anthropic:main",
    "use sta": "use staging",
    "use loc": "use local-one",
    "add TAV": "add TAVILY_API_KEY",  # a vendor's
    "add MINE": "add MINE_ALONE_KEY",  # the manifest's
    "add MINE_ALONE_KEY=anth": "add MINE_ALONE_KEY=anthropic:main",
    "add anth": "add anthropic:main",
    "install zsh fi": "install zsh fish",
    "allow sub": "allow subfolder/",
    "allow my": "allow my folder/",
    "import sett": "import settings.env",
    "import two\\ w": "import two words.env",
    "gen -o sett": "gen -o settings.env",
    "vault export sett": "vault export settings.env",
    "vault import --identity sett": "vault import --identity settings.env",
    "exec -- whoam": "exec -- whoami",
    "exec whoam": "exec whoami",
    "exec -- head sett": "exec -- head settings.env",
    "exec ./ru": "exec ./run-it",
    "agent-env -- whoam": "agent-env -- whoami",
}
# By what a command completes for itself; in bash that takes bash-completion.
INNER = {
    "exec -- git cherry-p": "exec -- git cherry-pick",
    "exec git cherry-p": "exec git cherry-pick",
    "exec -k openai:prod -- git cherry-p": "exec -k openai:prod -- git cherry-pick",
    "agent-env --agent claude git cherry-p": "agent-env --agent claude git cherry-pick",
}


@pytest.mark.parametrize("name", completions.FILES)
def test_the_files_are_what_the_command_line_says(name: str) -> None:
    assert (FOLDER / name).read_text() == completions.FILES[name](), "run make completions"


def test_every_event_of_the_log_is_offered() -> None:
    source = "".join(path.read_text() for path in (ROOT / "lkrshell").rglob("*.py"))
    logged = set(re.findall(r"\b(?:common\.log|audit\.record|Consumer)\(\s*\"(\w+)\"", source))
    assert {"set", "exec", "rotate", "shell"} <= logged
    assert logged <= set(EVENTS)


class Shell:
    """An interactive shell in which lkr prints its words, as many as it got."""

    def __init__(self, user: User, shell: str, cwd: Path, setup: str = "") -> None:
        self.fish = shell == "fish"
        env = {**user.env, "TERM": "xterm" if self.fish else "dumb", "PS1": "> ", "PROMPT": "> "}
        self.child = pexpect.spawn(
            shell, START[shell], env=env, cwd=str(cwd), encoding="utf-8", timeout=60, dimensions=(40, 300)
        )
        self.child.delaybeforesend = None
        self.child.sendline(f"{setup}; {SETUP[shell]}" if setup else SETUP[shell])
        for name in ("lkr", "lkrsh"):
            show = f"function {name}; echo g'ot<'(string join '|' -- $argv)'>'; end"
            self.child.sendline(show if self.fish else f"{name}() {{ local IFS='|'; echo g'ot<'\"$*>\"; }}")
        self.child.sendline("echo rea''dy")
        self.child.expect("ready\r")

    def tab(self, line: str) -> str:
        """The program's words after Tab and Return; the shell takes up both in their turn."""
        self.child.send(line + "\t\r")
        self.child.expect(r"got<([^<>]*)>")
        assert self.child.match is not None
        assert not re.search(r"\bline \d|_lkr\w*:\d+:", self.child.before), "a shell's complaint"
        return str(self.child.match[1]).replace("|", " ").strip()


@pytest.fixture
def place(user: User) -> Iterator[Path]:
    keys = 'OPENAI_API_KEY = "openai:prod"\nMINE_ALONE_KEY="anthropic:main"\n'
    folder = user.project("p", keys + '[profiles.staging.keys]\nOPENAI_API_KEY = "openai:stg"')
    (folder / ".lkr.local.toml").write_text('[profiles.local-one.keys]\nOPENAI_API_KEY = "openai:prod"\n')
    for name in ("settings.env", "two words.env"):
        (folder / name).write_text("")
    (folder / "run-it").touch(0o755)
    for name in ("subfolder", "my folder"):
        (folder / name).mkdir()
    (user.home / ".local/share/lkr/index/vault/openai/prod--old").touch()  # what rotate keeps is no name to type
    yield folder


@pytest.mark.parametrize("shell", SETUP)
def test_tab_completes_what_stands_where_it_stands(user: User, place: Path, shell: str) -> None:
    typist = Shell(user, shell, place)
    found = {line: typist.tab(f"lkr {line}") for line in TYPED}
    assert found == {line: full.removesuffix("/") if shell == "zsh" else full for line, full in TYPED.items()}
    assert typist.tab("lkrsh ren") == "rename"
    typist.child.close(force=True)
    loaded = ". /usr/share/bash-completion/bash_completion" if shell == "bash" else ""
    typist = Shell(user, shell, place, loaded)
    assert {line: typist.tab(f"lkr {line}") for line in INNER} == INNER
    typist.child.close(force=True)


@pytest.mark.parametrize("shell", SETUP)
def test_tab_completes_names_with_a_source_from_the_manifest_and_no_copy_s_name(user: User, shell: str) -> None:
    keys = 'A_KEY = "sealed/openai:prod"\nB_KEY = { key = "team/openai:prod" }'
    typist = Shell(user, shell, user.project("p", keys, allow=False))
    (user.home / ".local/share/lkr/index/vault/.sealed-0123456789ab~openai").mkdir()
    (user.home / ".local/share/lkr/index/vault/.sealed-0123456789ab~openai/prod").touch()
    assert typist.tab("lkr rm seal") == "rm sealed/openai:prod"
    assert typist.tab("lkr policy team/o") == "policy team/openai:prod"
    assert typist.tab("lkr exec -k MY_VARIABLE=sealed/o") == "exec -k MY_VARIABLE=sealed/openai:prod"
    typist.child.close(force=True)


COMPLETER = {
    "bash": "_its() { COMPREPLY=(alpha-$1-$COMP_CWORD); }; complete -F _its claude tool",
    "zsh": "_its() { compadd alpha-$words[1]-$((CURRENT - 1)) }; compdef _its claude tool",
    "fish": "for each in claude tool; complete -c $each -f -a alpha-$each-1; end",
}


@pytest.mark.parametrize("shell", SETUP)
def test_tab_completes_the_words_of_a_command_that_is_a_function_in_a_project(user: User, shell: str) -> None:
    (user.home / "b").mkdir()
    user.env["PATH"] = f"{user.home}/b:{user.env['PATH']}"
    for name in ("claude", "tool"):
        (user.home / "b" / name).write_text('#!/bin/sh\necho "got<${OPENAI_API_KEY-none}${MY_KEY-none} $*>"\n')
        (user.home / "b" / name).chmod(0o755)
    keys = 'OPENAI_API_KEY = "openai:prod"\nMY_KEY = { key = "anthropic:main", scope = { commands = ["tool"] } }'
    user.config("[broker]\nagents = false\n")
    folder = user.project("p", keys)
    typist = Shell(user, shell, folder, HOOK[shell])
    typist.child.sendline(COMPLETER[shell])
    assert typist.tab("claude al") == "nonenone alpha-claude-1"
    assert typist.tab("tool al") == f"{VALUE}{OTHER} alpha-tool-1"


def cut(words: list[str]) -> dict[str, str]:
    """Each word by its beginning, as short as it takes to be told from the others, but never whole."""
    found = {}
    for word in words:
        for end in range(len(word) - 1, 0, -1):
            if [each for each in words if each.startswith(word[:end])] == [word]:
                found[word[:end]] = word
                break
    return found


def everything() -> dict[str, str]:
    """Beginnings of all commands, options and fixed values, and what they become."""
    commands = list(completions._commands())
    lines: dict[str, str] = {}
    for above, group in itertools.groupby(sorted(commands, key=lambda each: each.name.rpartition(" ")[0]),
                                          key=lambda each: each.name.rpartition(" ")[0]):  # fmt: skip
        head = f"{above} " if above else ""
        lines |= {head + short: head + full for short, full in cut([each.name.split()[-1] for each in group]).items()}
    for command in commands:
        words = [word for option in command.options for word in option.words if word.startswith("--")] + ["--help"]
        lines |= {f"{command.name} {short}": f"{command.name} {full}" for short, full in cut(words).items()}
        for option in command.options:
            for word in option.words:
                head = f"{command.name} {word} "
                lines |= {head + short: head + full for short, full in cut(option.choices).items()}
        for argument in command.arguments[:1]:
            head = f"{command.name} "
            lines |= {head + short: head + full for short, full in cut(argument.choices).items()}
    return lines


@pytest.mark.parametrize("shell", SETUP)
def test_tab_knows_every_command_option_and_fixed_value(user: User, shell: str) -> None:
    lines = everything()
    assert len(lines) > 150
    assert {lines["polic"], lines["policy --agents den"], lines["vault export --t"]} > {"policy"}
    typist = Shell(user, shell, user.home)
    assert {line: typist.tab(f"lkr {line}") for line in lines} == lines
    typist.child.close(force=True)


def test_completing_a_name_starts_no_process(user: User, place: Path) -> None:
    typed = "COMP_LINE='lkr rm op' COMP_POINT=9 COMP_CWORD=2 COMP_WORDS=(lkr rm op)"
    script = f"source {FOLDER}/lkr.bash; {typed}; _lkr lkr op rm; echo ${{COMPREPLY[*]}}"
    done = subprocess.run(
        ["strace", "-f", "-e", "trace=process", "bash", "--norc", "-c", script],
        env=user.env, cwd=place, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "openai:prod"
    assert "execve(" in done.stderr, "strace sees what there is"
    assert not re.search(r"\b(v?fork|clone3?)\(", done.stderr)


@pytest.mark.parametrize("options", ["set -euf; IFS=/", "shopt -s failglob dotglob", "shopt -s nullglob nocaseglob"])
def test_options_of_my_bash_change_nothing(user: User, place: Path, options: str) -> None:
    typist = Shell(user, "bash", place)
    assert typist.tab("lkr rm openai:p") == "rm openai:prod"
    typist.child.sendline(f"{options.replace('e', '', 1) if 'set' in options else options}")
    assert typist.tab("lkr rm anth") == "rm anthropic:main"
    assert typist.tab("lkr rm nosuch:x") == "rm nosuch:x"
    assert "no match" not in typist.child.before
    typist.child.close(force=True)


@pytest.mark.parametrize("shell", SETUP)
def test_of_very_many_keys_tab_offers_the_vendors_first(user: User, place: Path, shell: str) -> None:
    mistral = user.home / ".local/share/lkr/index/vault/mistral"
    mistral.mkdir()
    for number in range(10_000):
        (mistral / f"k{number}").touch()
    typist = Shell(user, shell, place)
    assert typist.tab("lkr rm mist") == "rm mistral:", "not as far as all of mistral's begin alike"
    assert typist.tab("lkr rm openai:p") == "rm openai:prod"
    assert typist.tab("lkr exec -k anthropic:m") == "exec -k anthropic:main"
    typist.child.close(force=True)


@pytest.mark.parametrize("shell", SETUP)
def test_behind_k_tab_lists_keys_first(user: User, place: Path, shell: str) -> None:
    """Not the variables of all vendors, which begin with capitals and would come before."""
    typist = Shell(user, shell, place)
    typist.child.send("lkr exec -k \t\t")
    typist.child.expect_exact("anthropic:main")
    assert "_KEY" not in str(typist.child.before)
    typist.child.expect_exact("openai:prod")
    assert "_KEY" not in str(typist.child.before)
    typist.child.expect_exact("MINE_ALONE_KEY")
    typist.child.close(force=True)
    typist = Shell(user, shell, place)
    assert typist.tab("lkr exec -k MINE_AL").startswith("exec -k MINE_ALONE_KEY")
    assert typist.tab("lkr exec -k DASHSCO").startswith("exec -k DASHSCOPE_API_KEY")
    typist.child.close(force=True)


def test_bash_offers_a_variable_that_several_profiles_have_once(user: User, place: Path) -> None:
    for typed in ("", "OPENAI"):
        line = f"lkr exec -k {typed}"
        words = f"COMP_WORDS=(lkr exec -k '{typed}') COMP_CWORD=3 COMP_LINE='{line}' COMP_POINT={len(line)}"
        done = subprocess.run(
            ["bash", "-c", f"source {FOLDER}/lkr.bash; {words}; _lkr lkr '{typed}' -k; echo ${{COMPREPLY[*]}}"],
            env=user.env, cwd=place, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.split().count("OPENAI_API_KEY") == 1, done.stdout
