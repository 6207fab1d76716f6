"""The main job in real shells: entering loads, leaving restores, and nothing else changes."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import OTHER, VALUE, User
from shells import HOOK, Shell, wait_until

Open = Callable[..., Shell]
A = "OPENAI_API_KEY"
B = "ANTHROPIC_API_KEY"


def word(shell: Shell, posix: str, fish: str) -> str:
    return fish if shell.shell == "fish" else posix


def test_entering_loads_and_leaving_unsets(user: User, open_shell: Open) -> None:
    user.project("p/")
    (user.home / "p/sub").mkdir()
    shell = open_shell()
    assert "lkr: +OPENAI_API_KEY (openai:prod)" in shell.run("cd p")
    assert shell.value(A) == VALUE
    assert "lkr:" not in shell.run("cd sub")
    assert shell.value(A) == VALUE
    assert "lkr: -OPENAI_API_KEY" in shell.run("cd ../..")
    assert shell.value(A) is None
    assert "LKR_STATE" not in shell.run("env")
    shell.run("cd p")
    assert shell.value(A) == VALUE


def test_from_one_project_to_another_no_key_stays(user: User, open_shell: Open) -> None:
    user.project("p")
    user.project("q", 'ANTHROPIC_API_KEY = "anthropic:main"')
    shell = open_shell()
    shell.run("cd p")
    assert "-OPENAI_API_KEY +ANTHROPIC_API_KEY" in shell.run("cd ../q")
    assert (shell.value(A), shell.value(B)) == (None, OTHER)
    shell.run("cd -")
    assert (shell.value(A), shell.value(B)) == (VALUE, None)


def test_a_nested_manifest_counts_alone_unless_it_inherits(user: User, open_shell: Open) -> None:
    user.project("p")
    user.project("p/alone", 'ANTHROPIC_API_KEY = "anthropic:main"')
    user.project("p/both", 'ANTHROPIC_API_KEY = "anthropic:main"', top="inherit = true")
    shell = open_shell()
    shell.run("cd p/alone")
    assert (shell.value(A), shell.value(B)) == (None, OTHER)
    shell.run("cd ../both")
    assert (shell.value(A), shell.value(B)) == (VALUE, OTHER)
    (user.home / "p/.lkr.toml").write_text("version = 1\n")
    assert "changed since you allowed it" in shell.run(":")
    assert (shell.value(A), shell.value(B)) == (None, None)


@pytest.mark.parametrize("value", ["", "plain", "two\nlines\n", "$(touch pwned) `x` ' \" \\ !! *"])
@pytest.mark.parametrize("exported", [True, False])
def test_leaving_restores_the_variable_i_had_before(user: User, open_shell: Open, value: str, exported: bool) -> None:
    user.project("p")
    shell = open_shell(MINE=value)
    keep = word(shell, f'{A}="$MINE"', f'set -g {A} "$MINE"')
    shell.run(keep)
    if exported:
        shell.run(word(shell, f"export {A}", f"set -gx {A} ${A}"))
    shell.run("cd p")
    assert shell.value(A) == VALUE
    shell.run("cd ..")
    assert shell.value(A) == (value if exported else None)
    shell.run(word(shell, f'export COPY="${A}"', f'set -gx COPY "${A}"'))
    assert shell.value("COPY") == value
    assert not (user.home / "pwned").exists()


def test_a_shell_started_inside_and_a_nested_one_leave_rightly(user: User, open_shell: Open) -> None:
    folder = user.project("p")
    shell = open_shell(folder=folder, **{A: "mine"})
    assert shell.value(A) == VALUE
    shell.child.sendline({"bash": "bash --norc -i", "zsh": "zsh -f -i", "fish": "fish -N -i"}[shell.shell])
    if shell.shell == "zsh":
        shell.child.sendline("unsetopt zle prompt_sp prompt_cr; echo zle''off")
        shell.child.expect("zleoff\r?\n")  # before that its line editor would take up what we type, its way
    shell.run(HOOK[shell.shell])
    assert shell.value(A) == VALUE
    shell.run("cd ..")
    assert shell.value(A) == "mine"
    shell.run("exit")
    assert shell.value(A) == VALUE
    shell.run("cd ..")
    assert shell.value(A) == "mine"


def test_every_change_of_the_manifest_withdraws_at_the_next_prompt(user: User, open_shell: Open) -> None:
    folder = user.project("p")
    manifest = folder / ".lkr.toml"
    good = manifest.read_text()
    shell = open_shell(folder=folder)
    for broken in (good + "# a comment\n", "", "version = ", good.replace("prod", "pr0d")):
        assert shell.value(A) == VALUE
        manifest.write_text(broken)
        said = shell.run(":")
        assert "changed since you allowed it" in said
        assert shell.value(A) is None
        assert "lkr:" not in shell.run(":"), "once per state"
        manifest.write_text(good)
        shell.run(":")
    local = folder / ".lkr.local.toml"
    local.write_text("[keys]\n")
    shell.run(":")
    assert shell.value(A) is None
    local.unlink()
    shell.run(":")
    assert shell.value(A) == VALUE
    manifest.unlink()
    shell.run(":")
    assert shell.value(A) is None


def test_a_moved_copied_or_deleted_folder(user: User, open_shell: Open) -> None:
    folder = user.project("p")
    shutil.copytree(folder, user.home / "copy")
    (user.home / "link").symlink_to(folder)
    shell = open_shell()
    assert "not allowed yet" in shell.run("cd copy")
    assert shell.value(A) is None
    shell.run("cd ../link")
    assert shell.value(A) == VALUE
    shell.run("cd ../p")
    folder.rename(user.home / "moved")
    shell.run(":")
    shell.run("cd ../moved")
    assert shell.value(A) is None
    user.lkr("allow", "--yes", str(user.home / "moved"))
    shell.run(":")
    assert shell.value(A) == VALUE
    shutil.rmtree(user.home / "moved")
    shell.run(":")
    assert "LKR_STATE" not in shell.run("cd / && env")


def test_lock_and_deny_reach_a_live_shell(user: User, open_shell: Open) -> None:
    folder = user.project("p")
    shell = open_shell(folder=folder)
    assert shell.value(A) == VALUE
    user.lkr("deny", str(folder))
    assert "not allowed" in shell.run(":")
    assert shell.value(A) is None
    user.lkr("allow", "--yes", str(folder))
    shell.run(":")
    assert shell.value(A) == VALUE
    user.lkr("set", "openai:prod", "--stdin", "--force", stdin=b"sk-another-value")
    shell.run(":")
    assert shell.value(A) == "sk-another-value"


@pytest.mark.parametrize(
    "name",
    [
        "with space",
        "quo'te\"s",
        "$(touch pwned)",
        "`touch pwned`",
        "new\nline",
        "-dash",
        "ümläut-日本",
        "back\\slash",
    ],
)
def test_a_folder_of_any_name_is_boring(user: User, open_shell: Open, name: str) -> None:
    folder = user.project(name)
    shell = open_shell(GO=str(folder))
    shell.run(word(shell, 'cd -- "$GO"', "cd -- $GO"))
    assert shell.value(A) == VALUE
    shell.run("cd /")
    assert shell.value(A) is None
    assert not list(user.home.rglob("pwned"))


def test_the_status_of_my_last_command_is_mine(user: User, open_shell: Open) -> None:
    user.project("p")
    shell = open_shell()
    fail = word(shell, "cd p; (exit 37)", "cd p; sh -c 'exit 37'")
    shell.child.sendline(fail)
    assert "is:37" in shell.run(word(shell, "echo is:$?", "echo is:$status"))


def test_the_pipe_status_of_my_last_command_is_mine(user: User, open_shell: Open) -> None:
    user.project("p")
    shell = open_shell()
    shell.child.sendline(word(shell, "cd p; false | true | (exit 7)", "cd p; false | true | sh -c 'exit 7'"))
    names = {"bash": "${PIPESTATUS[@]}", "zsh": "$pipestatus", "fish": "$pipestatus"}
    assert "is: 1 0 7" in shell.run(f"echo is: {names[shell.shell]}")


def test_strict_shells_survive(user: User, open_shell: Open) -> None:
    user.project("p")
    shell = open_shell()
    if shell.shell == "fish":
        pytest.skip("fish has no such options")
    if shell.shell == "bash":
        shell.run("set -euo pipefail")
    else:
        shell.run("setopt ksh_arrays sh_word_split no_unset err_exit")
    shell.run("cd p")
    assert shell.value(A) == VALUE
    shell.run("cd ..")
    assert shell.value(A) is None
    shell.run("! true")
    options = shell.run("set -o")
    assert re.search(r"(errexit|err_?exit)\s+on", options)


def test_no_value_in_a_trace(user: User, open_shell: Open) -> None:
    user.project("p")
    shell = open_shell()
    shell.run(word(shell, "set -x", "set -g fish_trace 1"))
    shell.run("cd p")
    shell.run(":")
    shell.run("cd ..")
    shell.run(word(shell, "set +x", "set -e fish_trace"))
    assert VALUE not in shell.log


def test_aliases_of_mine_and_a_second_eval_do_no_harm(user: User, open_shell: Open) -> None:
    user.project("p")
    shell = open_shell(hook=False)
    if shell.shell != "fish":
        for name in (
            "cd2",
            "test",
            "export",
            "command",
            "unset",
            "read",
            "printf",
            "local",
            "builtin",
            "typeset",
        ):
            shell.run(f"alias {name}='echo aliased-{name}'")
    shell.run(HOOK[shell.shell])
    shell.run(HOOK[shell.shell])
    out = shell.run("cd p")
    assert out.count("lkr: +") == 1
    assert "aliased" not in out
    assert shell.value(A) == VALUE
    shell.run("cd ..")
    assert shell.value(A) is None


def test_pushd_and_a_subshell(user: User, open_shell: Open) -> None:
    user.project("p")
    shell = open_shell()
    shell.run("pushd p")
    assert shell.value(A) == VALUE
    shell.run("popd")
    assert shell.value(A) is None
    shell.run(word(shell, "(cd p; true)", "fish -c 'cd p'"))
    assert shell.value(A) is None


def test_prompt_command_as_string_and_as_array(user: User) -> None:
    user.project("p")
    for setting in ("PROMPT_COMMAND='seen=$?'", "PROMPT_COMMAND=(true 'seen=$?')"):
        shell = Shell("bash", user.env, user.home, hook=False)
        shell.run(setting)
        shell.run(HOOK["bash"])
        shell.run("cd p")
        assert shell.value(A) == VALUE
        shell.child.sendline("(exit 9)")
        shell.child.sendline("echo seen:$seen")
        assert "seen:" in shell.run(":")
        shell.close()


def test_profiles_and_scope(user: User, open_shell: Open) -> None:
    user.lkr("set", "openai:stg", "--stdin", stdin=b"sk-staging")
    keys = f'{A} = "openai:prod"\n{B} = {{ key = "anthropic:main", scope = "exec" }}\n'
    folder = user.project("p", keys + f'[profiles.staging.keys]\n{A} = "openai:stg"')
    shell = open_shell(folder=folder)
    assert (shell.value(A), shell.value(B)) == (VALUE, None)
    shell.run(word(shell, "export LKR_PROFILE=staging", "set -gx LKR_PROFILE staging"))
    assert shell.value(A) == "sk-staging"
    assert user.lkr("exec", "--", "sh", "-c", f'printf %s "${B}"', cwd=folder) == OTHER


def test_idle_prompts_and_leaving_start_no_process(user: User, open_shell: Open, tmp_path: Path) -> None:
    user.project("p")
    for name in ("u/v/w", "x"):
        (user.home / name).mkdir(parents=True)
    shell = open_shell()
    trace = tmp_path / "trace"
    watch = subprocess.Popen(
        ["strace", "-f", "-e", "trace=process", "-o", str(trace), "-p", str(shell.child.pid)],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watch.stderr is not None
    assert "attached" in watch.stderr.readline()

    def clones() -> int:
        """Processes started so far; fish's own threads (highlighting, history) are none."""
        lines = [line for line in trace.read_text().splitlines() if "CLONE_THREAD" not in line]
        return len(re.findall(r"\b(?:v?fork|clone3?|execve)\(", "\n".join(lines)))

    for _ in range(12):
        for line in (":", ":", "cd u/v/w", "cd ../../../x", "cd .."):
            shell.child.sendline(line)
    shell.run(":")
    assert clones() == 0
    shell.run("cd p")
    entered = clones()
    assert entered > 0, "strace sees the one that entering starts"
    for _ in range(30):
        shell.child.sendline(":")
    shell.run("cd ../x")
    shell.run(":")
    assert clones() == entered
    watch.terminate()
    watch.wait()


def test_direnv_gets_the_same_and_the_hook_stands_aside(user: User, open_shell: Open) -> None:
    folder = user.project("p")
    (folder / ".envrc").write_text("use lkr\nexport MORE=1\n")
    lib = user.home / ".config/direnv/lib"
    lib.mkdir(parents=True)
    (lib / "lkr.sh").write_text(user.lkr("hook", "direnv"))
    subprocess.run(["direnv", "allow", str(folder)], env=user.env, check=True)
    for lkr_first in (False, True):
        shell = open_shell(hook=False)
        direnv = word(shell, f'eval "$(direnv hook {shell.shell})"', "direnv hook fish | source")
        for line in (HOOK[shell.shell], direnv) if lkr_first else (direnv, HOOK[shell.shell]):
            shell.run(line)
        shell.run("cd p")
        assert (shell.value(A), shell.value("MORE")) == (VALUE, "1")
        assert "LKR_STATE" not in shell.run("env")
        shell.run("cd ..")
        assert (shell.value(A), shell.value("MORE")) == (None, None)
        shell.close()


def test_direnv_hands_over_at_once(user: User, open_shell: Open) -> None:
    """From a `use lkr` folder straight to a native one and back, in both orders of the rc lines."""
    folder = user.project("p")
    (folder / ".envrc").write_text("use lkr\n")
    user.project("q", 'ANTHROPIC_API_KEY = "anthropic:main"')
    lib = user.home / ".config/direnv/lib"
    lib.mkdir(parents=True)
    (lib / "lkr.sh").write_text(user.lkr("hook", "direnv"))
    subprocess.run(["direnv", "allow", str(folder)], env=user.env, check=True)
    for lkr_first in (False, True):
        shell = open_shell(hook=False, **{A: "mine"})
        direnv = word(shell, f'eval "$(direnv hook {shell.shell})"', "direnv hook fish | source")
        for line in (HOOK[shell.shell], direnv) if lkr_first else (direnv, HOOK[shell.shell]):
            shell.run(line)
        for _ in range(2):
            shell.run("cd ~/p")
            assert (shell.value(A), shell.value(B)) == (VALUE, None)
            shell.run("cd ~/q")
            assert (shell.value(A), shell.value(B)) == ("mine", OTHER)
        shell.run("cd ~")
        assert (shell.value(A), shell.value(B)) == ("mine", None)
        shell.close()


def originals(shell: Shell) -> str:
    """What direnv takes for the environment before it, from its own record."""
    text = shell.value("DIRENV_DIFF") or ""
    return str(json.loads(zlib.decompress(base64.urlsafe_b64decode(text)))["p"]) if text else ""


@pytest.mark.parametrize("mine", [None, "mine"])
def test_direnv_setting_one_of_our_variables_keeps_no_key_in_the_shell(
    user: User, open_shell: Open, mine: str | None
) -> None:
    """By its own .envrc, allowed before we come or while we are there, in our folder or in the next one."""
    both, later, theirs = user.project("both"), user.project("later"), user.home / "theirs"
    theirs.mkdir()
    for lkr_first in (False, True):
        for folder in (both, later, theirs):
            (folder / ".envrc").write_text(f"export {A}=theirs MORE=1 # {lkr_first}\n")
        for folder in (both, theirs):
            subprocess.run(["direnv", "allow", str(folder)], env=user.env, check=True)
        shell = open_shell(hook=False, **({A: mine} if mine else {}))
        direnv = word(shell, f'eval "$(direnv hook {shell.shell})"', "direnv hook fish | source")
        for line in (HOOK[shell.shell], direnv) if lkr_first else (direnv, HOOK[shell.shell]):
            shell.run(line)
        for _ in range(2):
            said = shell.run("cd ~/both")
            assert f"lkr: {A} is set by direnv here, so lkr leaves it alone" in said
            assert (shell.value(A), shell.value("MORE")) == ("theirs", "1")
            shell.run("cd ~")
            assert (shell.value(A), shell.value("MORE")) == (mine, None)
        shell.run("cd ~/later")
        assert (shell.value(A), shell.value("MORE")) == (VALUE, None)
        shell.run("direnv allow")
        shell.run(":")
        assert (shell.value(A), shell.value("MORE")) == ("theirs", "1")
        assert VALUE not in originals(shell)
        shell.run("cd ~")
        assert (shell.value(A), shell.value("MORE")) == (mine, None)
        user.lkr("allow", "--yes", str(later))
        (later / ".envrc").unlink()
        shell.run("cd ~/later")
        assert shell.value(A) == VALUE
        shell.run("cd ~/theirs")
        assert (shell.value(A), shell.value("MORE")) == ("theirs", "1")
        assert VALUE not in originals(shell)
        shell.run("cd ~")
        assert (shell.value(A), shell.value("MORE")) == (mine, None)
        shell.close()


@pytest.mark.parametrize("mine", [None, "mine"])
def test_direnv_setting_one_of_our_variables_later_brings_no_key_to_the_next_folder(
    user: User, open_shell: Open, mine: str | None
) -> None:
    """By a file that .envrc watches, while our key is loaded; and by its hook, typed while our key is loaded."""
    both, theirs = user.project("both"), user.home / "theirs"
    theirs.mkdir()
    (both / ".envrc").write_text("dotenv_if_exists .env.local\nexport MORE=1\n")
    (theirs / ".envrc").write_text("export OTHERS=1\n")
    for folder in (both, theirs):
        subprocess.run(["direnv", "allow", str(folder)], env=user.env, check=True)
    for hooked_later in (False, True):
        (both / ".env.local").unlink(missing_ok=True)
        shell = open_shell(hook=False, **({A: mine} if mine else {}))
        direnv = word(shell, f'eval "$(direnv hook {shell.shell})"', "direnv hook fish | source")
        for line in (HOOK[shell.shell], "cd ~/both") if hooked_later else (HOOK[shell.shell], direnv, "cd ~/both"):
            shell.run(line)
        assert shell.value(A) == VALUE
        (both / ".env.local").write_text(f"{A}=theirs\n")
        shell.run(direnv if hooked_later else ":")
        shell.run(":")
        assert shell.value(A) == "theirs"
        shell.run("cd ~/theirs")
        assert (shell.value(A), shell.value("MORE"), shell.value("OTHERS")) == (mine, None, "1")
        assert VALUE not in originals(shell)
        shell.run("cd ~")
        assert (shell.value(A), shell.value("OTHERS")) == (mine, None)
        shell.close()


def test_direnvs_variables_may_have_any_name(user: User, open_shell: Open) -> None:
    """It has its turn inside our functions, whose locals would take them."""
    folder = user.project("p")
    variables = "before chunk diff file folder got i name old part statements text todo was word".split()
    (folder / ".envrc").write_text("".join(f"export {each}=1\n" for each in variables))
    subprocess.run(["direnv", "allow", str(folder)], env=user.env, check=True)
    shell = open_shell()
    shell.run(word(shell, f'eval "$(direnv hook {shell.shell})"', "direnv hook fish | source"))
    for _ in range(2):  # from the first time on, our turn is before direnv's own
        shell.run("cd ~/p")
        exported = shell.run("env").splitlines()
        assert [each for each in variables if f"{each}=1" not in exported] == []
        assert shell.value(A) == VALUE
        shell.run("cd ~")


def test_hooks_of_a_framework_run_beside_ours(user: User) -> None:
    """As oh-my-zsh does it: functions in precmd_functions and chpwd_functions, some with options of their own."""
    user.project("p")
    shell = Shell("zsh", user.env, user.home, hook=False)
    shell.run("omz_precmd() { seen=$?; setopt local_options ksh_arrays; precmds=$((precmds + 1)) }")
    shell.run("omz_chpwd() { chpwds=$((chpwds + 1)) }; typeset -ga precmd_functions chpwd_functions")
    shell.run("precmd_functions+=(omz_precmd) chpwd_functions+=(omz_chpwd)")
    shell.run(HOOK["zsh"])
    shell.run("add-zsh-hook() { : }; cd p")
    assert shell.value(A) == VALUE
    assert "ran 1 yes" in shell.run("echo ran $chpwds $((precmds > 3 ? 1 : 0)) | sed 's/1$/yes/'")
    shell.child.sendline("(exit 5)")
    assert "seen 5" in shell.run("echo seen $seen")
    shell.run("cd ..")
    assert shell.value(A) is None
    shell.close()


def test_a_manifest_made_unreadable_withdraws_once(user: User, open_shell: Open) -> None:
    folder = user.project("p")
    manifest = folder / ".lkr.toml"
    good = manifest.read_bytes()
    shell = open_shell(folder=folder)
    assert shell.value(A) == VALUE
    for content in (None, good + b"#\0x"):
        manifest.unlink()
        if content is None:
            manifest.mkdir()
        else:
            manifest.write_bytes(content)
        assert "cannot read the manifest" in shell.run(":")
        assert shell.value(A) is None
        assert "lkr:" not in shell.run(":")
        shutil.rmtree(manifest) if manifest.is_dir() else manifest.unlink()
        manifest.write_bytes(good)
        shell.run(":")
        assert shell.value(A) == VALUE


def test_a_manifest_that_i_may_not_read_withdraws(user: User) -> None:
    folder = user.project("p")
    drop = "setpriv --bounding-set=-dac_override,-dac_read_search --inh-caps=-all" if os.getuid() == 0 else ""
    script = (
        f'{user.lkr("hook", "bash")}\n__lkr_hook; echo "<${{{A}-}}>"; chmod 000 .lkr.toml; __lkr_hook; __lkr_hook; '
    )
    script += f'echo "<${{{A}-}}>"'
    done = subprocess.run(
        [*drop.split(), "bash", "--norc", "-c", script], cwd=folder, env=user.env, capture_output=True, text=True
    )
    assert done.stdout == f"<{VALUE}>\n<>\n", done
    assert done.stderr.count("cannot read the manifest") == 1


def test_a_shell_started_in_a_deleted_folder_works(user: User, open_shell: Open) -> None:
    user.project("p")
    gone = user.home / "gone"
    gone.mkdir()
    shell = open_shell(folder=gone, hook=False)
    gone.rmdir()
    out = shell.run(HOOK[shell.shell]) + shell.run(":")
    assert "lkr:" not in out
    shell.run("cd ~/p")
    assert shell.value(A) == VALUE


def test_quiet_says_nothing(user: User, open_shell: Open) -> None:
    user.project("p")
    loud = open_shell(LKR_QUIET="1")
    assert "lkr:" not in loud.run("cd p") + loud.run("cd ..")
    user.config("quiet = true\n")
    shell = open_shell()
    assert "lkr:" not in shell.run("cd p") + shell.run("cd ..")
    assert "lkr:" not in shell.run("cd p")
    assert shell.value(A) == VALUE


def test_the_vaults_time_out_reaches_an_idle_shell(user: User, open_shell: Open) -> None:
    folder = user.project("p")
    user.config("lock_after = 4\n")
    shell = open_shell(folder=folder, **{A: "mine"})
    assert shell.value(A) == VALUE
    wait_until(lambda: "the vault is locked" in shell.run(":"))
    assert shell.value(A) == "mine"
    assert "lkr:" not in shell.run(":")
    user.lkr("unlock", "--stdin", stdin=b"a passphrase")
    shell.run(":")
    assert shell.value(A) == VALUE


def test_use_chooses_a_profile_in_every_shell(user: User, open_shell: Open) -> None:
    user.lkr("set", "openai:stg", "--stdin", stdin=b"sk-staging")
    folder = user.project("p", f'{A} = "openai:prod"\n[profiles.staging.keys]\n{A} = "openai:stg"')
    shell = open_shell(folder=folder)
    assert shell.value(A) == VALUE
    user.lkr("use", "staging", cwd=folder)
    shell.run(":")
    assert shell.value(A) == "sk-staging"
    assert "did you mean staging?" in user.lkr("use", "stagin", cwd=folder, code=1)
    assert user.lkr("use", cwd=folder) == user.lkr("use", "--list", cwd=folder) == "  (plain [keys])\n* staging\n"
    user.lkr("use", "--default", cwd=folder)
    shell.run(":")
    assert shell.value(A) == VALUE


def test_edit_checks_before_it_writes(user: User, tmp_path: Path) -> None:
    folder = user.project("p")
    good = (folder / ".lkr.toml").read_text()
    editor = tmp_path / "editor"
    user.env["EDITOR"] = str(editor)
    editor.write_text('#!/bin/sh\necho "PATH = 1" >>"$1"\n')
    editor.chmod(0o755)
    assert "changes how programs run" in user.lkr("edit", cwd=folder, code=1)
    assert (folder / ".lkr.toml").read_text() == good
    editor.write_text('#!/bin/sh\necho \'ANTHROPIC_API_KEY = "anthropic:main" # mine\' >>"$1"\n')
    assert "+ ANTHROPIC_API_KEY ← anthropic:main" in user.lkr("edit", cwd=folder)
    assert user.lkr("exec", "--", "sh", "-c", f'printf %s "${B}"', cwd=folder) == OTHER


def test_a_saved_hook_tells_of_a_new_version_or_a_lost_program_once(user: User, open_shell: Open) -> None:
    folder = user.project("p")
    shell = open_shell(hook=False)
    saved = user.lkr("hook", shell.shell)
    version = re.search(r"__lkr_version[= ]'([^']+)'", saved)
    assert version
    (user.home / "old").write_text(saved.replace(f"'{version[1]}'", "'0.0.1'"))
    (user.home / "lost").write_text(saved.replace("boot.py'", "boot.py-gone'"))
    shell.run("source ~/old")
    assert "is from lkr 0.0.1" in shell.run(f"cd {folder}")
    assert shell.value(A) == VALUE
    assert "0.0.1" not in shell.run("cd ..") + shell.run(f"cd {folder}")
    shell.run("cd ..")
    shell.run("source ~/lost")
    assert "the program was removed" in shell.run(f"cd {folder}")
    assert "lkr:" not in shell.run(":")


def test_what_leaves_is_named_after_the_program_was_removed_too(user: User, open_shell: Open) -> None:
    user.project("p")
    user.project("q")
    shell = open_shell()
    shell.run("cd p")
    shell.run(word(shell, "__lkr_boot=/nowhere/boot.py", "set -g __lkr_boot /nowhere/boot.py"))
    said = shell.run("cd ../q")
    assert "the program was removed from /nowhere" in said.replace("'", "")
    assert "lkr install" in said and "lkr: -OPENAI_API_KEY\n" in said.replace("\r", "")
    assert shell.value(A) is None


def test_a_folder_below_one_with_a_line_break_in_its_name(user: User, open_shell: Open) -> None:
    folder = user.project("a\nb/c", 'OPENAI_API_KEY = "openai:prod"')
    (folder / "d").mkdir()
    shell = open_shell(GO=str(folder / "d"))
    shell.run(word(shell, 'cd -- "$GO"', "cd -- $GO"))
    assert shell.value(A) == VALUE
    assert "lkr:" not in shell.run(":")


@pytest.mark.parametrize("state", ["PATH=x HOME=y", "=", "A=b=c $(touch pwned)=x", "OPENAI_API_KEY=k 1X=y a;b=c *=*"])
def test_a_hostile_inherited_state_does_nothing_but_unset_names(user: User, open_shell: Open, state: str) -> None:
    user.project("p")
    shell = open_shell(LKR_STATE=state, LKR_DIR="/x", LKR_OLD_PATH="/usr/bin:/bin")
    shell.run("cd ~/p")
    shell.run("cd ~")
    assert "Traceback" not in shell.log
    assert not list(user.home.rglob("pwned"))
    assert shell.value("LKR_STATE") is None


def test_status_looks_at_what_a_loaded_variable_really_holds(user: User, open_shell: Open) -> None:
    user.project("p")
    shell = open_shell()
    shell.run("cd p")
    assert "changed" not in shell.run("lkr status")
    shell.run(f"export {A}=sk-of-somebody-else")
    said = shell.run("lkr status")
    assert "changed since it was loaded" in said
    assert "Next: to load the keys again, leave the project with cd / and, at the next prompt, come back" in said
    assert "somebody" not in said
    shell.run("cd /")
    shell.run("cd -")
    assert shell.value(A) == VALUE, "as the next step says"
    shell.run(word(shell, f"export {A}=", f"set -gx {A} ''"))
    assert "emptied since it was loaded" in shell.run("lkr status")
    user.lkr("lock")
    shell.run("cd ..")


def direnv_shell(user: User, open_shell: Open, folder: Path, lkr_first: bool = True, native: bool = True) -> Shell:
    """A shell with direnv's hook, `use lkr` in the folder, and ours."""
    (folder / ".envrc").write_text("use lkr\n")
    lib = user.home / ".config/direnv/lib"
    lib.mkdir(parents=True, exist_ok=True)
    (lib / "lkr.sh").write_text(user.lkr("hook", "direnv"))
    subprocess.run(["direnv", "allow", str(folder)], env=user.env, check=True)
    shell = open_shell(hook=False)
    direnv = word(shell, f'eval "$(direnv hook {shell.shell})"', "direnv hook fish | source")
    for line in ((HOOK[shell.shell], direnv) if lkr_first else (direnv, HOOK[shell.shell])) if native else (direnv,):
        shell.run(line)
    return shell


@pytest.mark.parametrize("by", ["the hook", "direnv"])
def test_a_command_in_another_project_gets_none_of_this_ones_keys(user: User, open_shell: Open, by: str) -> None:
    """With `cd` on the same line, no hook has run yet."""
    first = user.project("first", f'{A} = "openai:prod"\n{B} = "anthropic:main"')
    user.lkr("set", "openai:other", "--stdin", stdin=b"sk-other-0123456789")
    other = user.project("other", f'{A} = "openai:other"')
    script = user.home / "show"
    script.write_text(f'echo "[${{{A}-}}/${{{B}-}}/${{LKR_STATE:+state}}${{LKR_DIRENV:+state}}]"')
    shell = direnv_shell(user, open_shell, first) if by == "direnv" else open_shell()
    shell.run(word(shell, f"export {B}=mine", f"set -gx {B} mine"))
    shell.run("cd first")
    assert shell.value(B) == OTHER

    def at(folder: Path, *words: str) -> str:
        line = f"env -C {folder} {' '.join(words)} sh {script}"
        return str(re.findall(r"\[(.*)\]", shell.run(line))[-1])

    assert at(first, "lkr exec --") == f"{VALUE}/{OTHER}/state"
    assert at(other, "lkr exec --") == "sk-other-0123456789/mine/"
    assert at(user.home, "lkr exec -k openai:other --") == "sk-other-0123456789/mine/"
    code = f"import os, lkrshell; lkrshell.load(); print(os.environ['{A}'], os.environ.get('{B}'))"
    assert "sk-other-0123456789 mine" in shell.run(f'env -C {other} {sys.executable} -c "{code}"')
    code = code.replace("load()", f"load(folder='{other}')")
    assert f"{VALUE} {OTHER}" in shell.run(f'{sys.executable} -c "{code}"')


def install_agent(user: User, script: str) -> None:
    """A program on PATH that has the name of an agent."""
    tool = user.home / "bin/claude"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    user.env["PATH"] = f"{tool.parent}:{user.env['PATH']}"


@pytest.mark.parametrize("lkr_first", [False, True])
def test_an_agent_typed_in_a_direnv_folder_starts_with_a_virtual_key(
    user: User, open_shell: Open, lkr_first: bool
) -> None:
    folder = user.project("p")
    install_agent(user, "echo \"key<${OPENAI_API_KEY-}> $(env | grep -c '^DIRENV_\\|^LKR_[^B]')\"")
    shell = direnv_shell(user, open_shell, folder, lkr_first)
    for _ in range(2):
        shell.run("cd ~/p")
        assert shell.value(A) == VALUE
        said = shell.run("claude")
        assert VALUE not in said and re.search(r"key<lkr-vk-[\w-]{43}> 0", said)
        shell.run("cd ~")
        assert "key<>" in shell.run("claude")
        kind = shell.run("type claude")
        assert "function" not in kind, kind


@pytest.mark.parametrize("lkr_first", [False, True])
def test_a_keys_time_ends_in_a_direnv_folder_too(user: User, open_shell: Open, lkr_first: bool) -> None:
    folder = user.project("p", f'{A} = "openai:prod"\n{B} = "anthropic:main"')
    user.lkr("policy", "openai:prod", "--ttl", "10s")
    shell = direnv_shell(user, open_shell, folder, lkr_first)
    shell.run("cd p")
    assert (shell.value(A), shell.value(B)) == (VALUE, OTHER)
    end = shell.value("LKR_ENDS")
    assert end and end.startswith(f"{A}=openai:prod=")
    time.sleep(1.5)
    user.lkr("set", "groq:x", "--stdin", "--force", stdin=b"gsk_12345678901234")  # has direnv reload
    assert "direnv: loading" in shell.run(":")
    shell.run(":")
    assert shell.value(A) == VALUE
    assert shell.value("LKR_ENDS") == end, "the reload gave it no more time"
    late = 1.2 if shell.shell == "fish" else 0.1  # fish knows the time to a second
    time.sleep(max(0.0, int(end.rpartition("=")[2]) + late - time.time()))
    shell.run(":")
    assert (shell.value(A), shell.value(B)) == (None, OTHER)
    user.lkr("set", "groq:x", "--stdin", "--force", stdin=b"gsk_12345678901235")
    assert "direnv: loading" in shell.run(":")
    assert shell.value(A) is None, "nor does a later one bring it back"
    shell.run("cd ..")
    assert shell.value(B) is None
    shell.run("cd p")
    assert shell.value(A) == VALUE, "coming back is a new load"


def test_the_vaults_time_out_reaches_a_direnv_folder(user: User, open_shell: Open) -> None:
    folder = user.project("p")
    shell = direnv_shell(user, open_shell, folder)
    user.config("lock_after = 6\n")
    user.lkr("unlock", "--stdin", stdin=b"a passphrase\n")
    shell.run("cd p")
    assert shell.value(A) == VALUE
    wait_until(lambda: (shell.run(":"), shell.value(A))[1] is None)


def test_an_idle_prompt_in_a_direnv_folder_starts_none_of_our_processes(user: User, open_shell: Open) -> None:
    folder = user.project("p")
    install_agent(user, "")
    shell = direnv_shell(user, open_shell, folder)
    shell.run("cd p")
    shell.run(":")
    shell.run(word(shell, "__lkr_python=/bin/false", "set -g __lkr_python /bin/false"))
    shell.run(":")
    assert shell.value(A) == VALUE
    assert "function" in shell.run("type claude"), "what the first prompt made is still there"
