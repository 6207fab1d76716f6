"""What a prompt shows: `lkr status --short`, the exported state, and a real zsh theme with both."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pexpect
from conftest import VALUE, User
from shells import Shell

THEME = "/usr/share/powerlevel9k/powerlevel9k.zsh-theme"


def test_the_line_says_why_nothing_is_loaded(user: User) -> None:
    folder = user.project("p", allow=False)
    assert user.lkr("status", "--short") == ""
    assert user.lkr("status", "--short", cwd=folder) == "not allowed\n"
    user.lkr("allow", "--yes", str(folder))
    assert user.lkr("status", "--short", cwd=folder) == "not loaded\n"
    user.by_agent()
    assert user.lkr("status", "--short", cwd=folder) == "not loaded for claude\n"
    del user.env["CLAUDECODE"]
    user.lkr("lock")
    assert user.lkr("status", "--short", cwd=folder) == "locked\n"
    (folder / ".lkr.toml").write_text("version = 1\n")
    assert user.lkr("status", "--short", cwd=folder) == "not allowed\n"


def test_a_project_that_wants_nothing_in_the_shell_shows_nothing(user: User) -> None:
    folder = user.project("p", 'OPENAI_API_KEY = { key = "openai:prod", scope = "exec" }')
    assert user.lkr("status", "--short", cwd=folder) == ""


def test_the_line_names_the_keys_that_the_shell_holds(user: User, open_shell: Callable[..., Shell]) -> None:
    user.project("p", 'OPENAI_API_KEY = "openai:prod"\nOPENAI_KEY = "openai:prod"\nA_KEY = "anthropic:main"')
    shell = open_shell()
    shell.run("cd p")
    assert "<openai:prod anthropic:main>" in shell.run(
        'echo "<"(lkr status --short)">"' if shell.shell == "fish" else 'echo "<$(lkr status --short)>"'
    )
    assert shell.value("LKR_STATE") == "OPENAI_API_KEY=openai:prod OPENAI_KEY=openai:prod A_KEY=anthropic:main"
    assert shell.value("LKR_KEYS") == "openai:prod anthropic:main"
    assert shell.value("LKR_DIR") == str(user.home / "p")
    shell.run("cd ..")
    assert [shell.value(name) for name in ("LKR_STATE", "LKR_KEYS", "LKR_DIR")] == [None] * 3


def test_the_line_leaves_out_a_key_whose_variable_is_gone(user: User) -> None:
    folder = user.project("p", 'OPENAI_API_KEY = "openai:prod"\nA_KEY = "anthropic:main"')
    user.env |= {"LKR_STATE": "OPENAI_API_KEY=openai:prod A_KEY=anthropic:main", "OPENAI_API_KEY": VALUE}
    assert user.lkr("status", "--short", cwd=folder) == "openai:prod\n"
    user.env["OPENAI_API_KEY"] = ""
    assert user.lkr("status", "--short", cwd=folder) == "not loaded\n"


def test_the_line_names_what_direnv_holds(user: User) -> None:
    folder = user.project("p", 'OPENAI_API_KEY = "openai:prod"\nA_KEY = "anthropic:main"')
    user.env |= {"LKR_DIRENV": "A_KEY", "A_KEY": "a value"}
    assert user.lkr("status", "--short", cwd=folder) == "anthropic:main\n"


def test_the_line_comes_without_the_command_line_library(user: User) -> None:
    script = "import sys; from lkrshell.__main__ import run; run(sys.argv[1:]); print(*sys.modules)"
    folder = user.project("p")
    done = subprocess.run(
        [sys.executable, "-c", script, "status", "--short"],
        env={**user.env, "PWD": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("not loaded\n")
    assert not {"click", "tomllib", "keyring", "dataclasses"} & set(done.stdout.split())


def test_a_zsh_theme_shows_the_segment_of_the_docs(user: User) -> None:
    text = (Path(__file__).parent.parent / "docs/prompt.md").read_text()
    snippet = text.partition("```zsh\n")[2].partition("```")[0]
    assert "custom_lkr" in snippet
    (user.home / ".zshrc").write_text(
        f"POWERLEVEL9K_LEFT_PROMPT_ELEMENTS=(dir)\nPOWERLEVEL9K_RIGHT_PROMPT_ELEMENTS=()\n"
        f'{snippet}\neval "$(lkr hook zsh)"\nsource {THEME}\n'
    )
    user.project("p")
    env = {**user.env, "TERM": "xterm-256color", "ZDOTDIR": str(user.home)}
    child = pexpect.spawn(
        "zsh", ["-d", "-i"], env=env, cwd=str(user.home), encoding="utf-8", timeout=60, dimensions=(40, 200)
    )
    try:
        child.expect("~")
        child.sendline("cd p")
        child.expect("~/p")
        assert "🔑" not in child.before
        child.expect("🔑 openai:prod")
        child.sendline("cd ..; echo out''side")
        child.expect("outside")
        child.sendline("echo do''ne")
        child.expect("done\r?\n")
        assert "🔑" not in child.before
        assert VALUE not in child.before
    finally:
        child.close(force=True)


def test_an_item_of_tide_shows_the_keys(user: User) -> None:
    """tide calls the item in a fish of its own, below the shell, and the item calls `_tide_print_item`."""
    text = (Path(__file__).parent.parent / "docs/prompt.md").read_text()
    snippet = text.partition("```fish\n")[2].partition("tide reload")[0]
    assert "_tide_item_lkr" in snippet
    shell = Shell("fish", user.env, user.home, words=["fish", "-i"])  # with universal variables
    try:
        shell.run("set -U tide_right_prompt_items time")
        for line in snippet.replace("\n    ", "; ").replace("\nend", "; end").splitlines():
            shell.run(line)
        user.project("p")
        script = user.home / "tide.fish"
        script.write_text(
            'function _tide_print_item; echo "item:$argv"; end\necho has $tide_right_prompt_items\n_tide_item_lkr\n'
        )
        said = shell.run(f"fish {script}")
        assert "has lkr time" in said
        assert "item:" not in said
        shell.run("cd p")
        assert "item:lkr 🔑  openai:prod" in shell.run(f"fish {script}")
    finally:
        shell.close()
