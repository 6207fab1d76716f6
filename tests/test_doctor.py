"""`lkr doctor`: each fault is made for real, found, fixed by the very command that doctor names, and gone then."""

import errno
import json
import os
import resource
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest
from conftest import BIN, OTHER, VALUE, User
from shells import HOOK, RC, Shell

from lkrshell import doctor
from lkrshell.doctor import machine

ROOT = Path(__file__).parent.parent
A = "OPENAI_API_KEY"
PLAIN = "sk-plain-0123456789-in-a-file"
Row = dict[str, object]


def look(user: User, cwd: Path | None = None, shell: str = "bash", code: int | None = None) -> list[Row]:
    """What doctor finds, run in a shell of that kind; never with a value in it."""
    done = subprocess.run(
        [shell, *(["-f"] if shell == "zsh" else []), "-c", "lkr doctor --json; exit $status"]
        if shell == "fish"
        else [shell, *(["-f"] if shell == "zsh" else []), "-c", "lkr doctor --json; exit $?"],
        env=user.env, cwd=cwd or user.home, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    rows: list[Row] = json.loads(done.stdout)
    assert done.returncode == (1 if any(row["level"] == "wrong" and not row["fixed"] for row in rows) else 0)
    assert done.returncode == code or code is None, rows
    assert not any(value in done.stdout + done.stderr for value in (VALUE, OTHER, PLAIN))
    return rows


def within(shell: Shell) -> list[Row]:
    """What doctor finds in a shell that is open."""
    out = shell.run("lkr doctor --json 2>/dev/null")
    rows: list[Row] = json.loads(out[out.index("[") : out.rindex("]") + 1])
    return rows


def only(rows: list[Row], level: str = "wrong") -> Row:
    """The one finding of that level."""
    found = [row for row in rows if row["level"] == level]
    assert len(found) == 1, rows
    return found[0]


def repair(user: User, row: Row, cwd: Path | None = None, more: dict[str, str] | None = None) -> None:
    """Runs the command that a finding names, on a terminal, as a person does who agrees."""
    child = pexpect.spawn(
        "bash",
        ["-c", f"{row['fix']}; exit $?"],  # this bash stays, as a person's does: a fix may depend on the shell above
        env={**user.env, **(more or {})},
        cwd=str(cwd or user.home),
        encoding="utf-8",
        timeout=60,
    )
    said = ""
    while child.expect([r"\[y/N\]: ", pexpect.EOF]) == 0:
        said += str(child.before)
        child.sendline("y")
    said += str(child.before)
    child.wait()
    assert child.exitstatus == 0, (row["fix"], said)


@pytest.fixture
def well(user: User) -> User:
    """A user for whom nothing is wrong: every shell loads lkr, and programs leave no core files."""
    user.lkr("install", "bash", "zsh", "fish", "--yes")
    user.env["SHELL"] = "/bin/bash"
    return user


@pytest.fixture
def locking(well: User) -> Iterator[User]:
    """The same, for tests that lock the vault: it is one and the same in the kernel for all tests."""
    yield well
    well.env["LKR_BACKEND"] = "vault"
    well.config("")
    well.lkr("unlock", "--stdin", stdin=b"a passphrase\n")


def test_a_good_set_up_is_reported_in_a_few_lines_and_ends_well(well: User) -> None:
    well.project("p")
    out = well.lkr("doctor", cwd=well.home / "p")
    facts = [line for line in out.splitlines() if not line.startswith(("warning", "    fix:"))]
    assert facts[-1] == "lkr: nothing is wrong"
    assert len(facts) < 15
    for said in ("lkr 0.", "vault (by LKR_BACKEND), unlocked", "bash 5", "loads lkr from ~/.bashrc", "on PATH:"):
        assert said in out


def test_a_new_user_is_told_what_to_do_first_and_nothing_is_made(tmp_path: Path) -> None:
    fresh = User(tmp_path / "fresh")
    fresh.home.mkdir()
    fresh.env["SHELL"] = "/bin/bash"
    del fresh.env["LKR_BACKEND"]
    rows = look(fresh, code=1)
    assert not list(fresh.home.rglob("*"))
    assert "first key would go to the vault" in str(rows)
    row = only(rows)
    assert (row["check"], row["fix"]) == ("shells", "lkr install bash")
    repair(fresh, row)
    rows = look(fresh, code=0)
    assert "bash" in str([row["text"] for row in rows if "loads lkr" in str(row["text"])])


@pytest.mark.parametrize("shell", RC)
def test_a_shell_that_does_not_load_lkr_is_named(user: User, shell: str) -> None:
    user.env["SHELL"] = f"/usr/bin/{shell}"
    row = only(look(user, shell=shell, code=1))
    assert row["fix"] == f"lkr install {shell}"
    repair(user, row)
    look(user, shell=shell, code=0)


@pytest.mark.parametrize("stop", ["return 0", "exec zsh", "exit"])
def test_a_startup_file_that_ends_before_it_loads_lkr_is_a_warning(user: User, stop: str) -> None:
    rc = user.home / ".bashrc"
    before = (
        "case $- in\n*i*) ;;\n*) return ;;\nesac\nf() {\nreturn 1\n}\nif [ -n '' ]; then\nexit\nfi\nexec 3>&1\n"
        "cat >/dev/null <<EOF\nexit it's\nEOF\n"
        "if [ -n '' ]; then\necho done\necho 'all; fi; done'  # it's\nV=$(cat <<'E'\nE\n)\nreturn\nfi\n"
        "alias x='\nreturn\n'\n"
    )
    rc.write_text(before)
    assert "ends it" not in user.lkr("install", "bash", "--yes")
    assert not any("ends it" in str(row["text"]) for row in look(user))
    user.lkr("uninstall", "--yes")
    rc.write_text(f"{before}{stop} # mine\n")
    said = f"~/.bashrc never gets to the line that loads lkr: '{stop.split()[0]}' in line 26 ends it"
    for _ in range(2):  # also when it is already installed
        assert f"lkr: {said}; move lkr's lines above it\n" in user.lkr("install", "bash", "--yes")
    row = only([row for row in look(user) if row["check"] == "shells"], "warning")
    assert row["text"] == said
    assert row["fix"] == f"${{EDITOR:-vi}} +26 {rc}"


def test_words_of_fish_that_begin_no_command_end_no_block(user: User) -> None:
    config = user.home / ".config/fish/config.fish"
    config.parent.mkdir(parents=True)
    before = (
        "if false\necho the end\nreturn\nelse if false\nreturn\nend\nfalse; and begin\nreturn\nend\n"
        "set x 'it\\'s; end'\n"
    )
    for last, stops in (("", False), ("return\n", True)):
        config.write_text(f"{before}{last}{HOOK['fish']}\n")
        assert ("'return' in line 11 ends it" in str(look(user, shell="fish"))) == stops


@pytest.mark.parametrize("shell", RC)
@pytest.mark.parametrize("first", ["by hand", "installed"])
def test_a_shell_that_loads_lkr_twice_is_told_which_line_goes(user: User, shell: str, first: str) -> None:
    user.env["SHELL"] = f"/usr/bin/{shell}"
    rc = user.home / RC[shell]
    rc.parent.mkdir(parents=True, exist_ok=True)
    if first == "installed":
        user.lkr("install", shell, "--yes")
    else:
        rc.write_text(f"# mine\n{HOOK[shell]}\n")
    old = rc.read_text() if rc.exists() else ""
    end = "end" if shell == "fish" else "fi"
    head = "if true" if shell == "fish" else "if true; then"
    rc.write_text(f"{old}{head}\n    {HOOK[shell]}\n{end}\n")
    rc.rename(rc.with_name("dotfile"))
    rc.symlink_to(rc.with_name("dotfile"))
    row = only(look(user, shell=shell, code=1))
    assert "twice" in str(row["text"])
    repair(user, row)
    look(user, shell=shell, code=0)
    assert rc.is_symlink()
    words = [shell, "-i", "-c", "functions -q __lkr_hook" if shell == "fish" else "typeset -f __lkr_hook >/dev/null"]
    done = subprocess.run(words, env=user.env, cwd=user.home, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    assert "syntax" not in done.stderr


@pytest.mark.parametrize("start", ["installed", "by hand"])
@pytest.mark.parametrize(
    ("shell", "line"),
    [
        ("bash", "PROMPT_COMMAND='history -a'"),
        ("bash", "unset PROMPT_COMMAND"),
        ("zsh", "precmd_functions=(vcs_info)"),
    ],
)
def test_a_line_that_takes_the_hook_away_is_found(user: User, start: str, shell: str, line: str) -> None:
    user.env["SHELL"] = f"/usr/bin/{shell}"
    folder = user.project("p")
    rc = user.home / RC[shell]
    if start == "installed":
        user.lkr("install", shell, "--yes")
    else:
        rc.write_text(HOOK[shell] + "\n")
    keeps = 'PROMPT_COMMAND="$PROMPT_COMMAND"' if shell == "bash" else "precmd_functions=($precmd_functions)"
    rc.write_text(rc.read_text() + f"{keeps}\n")
    look(user, shell=shell, code=0)
    rc.write_text(rc.read_text() + f"{line}\n")

    def value() -> str | None:
        opened = Shell(shell, user.env, folder, hook=False, words=[shell, "-i"])
        try:
            return opened.value(A)
        finally:
            opened.close()

    assert value() is None
    row = only(look(user, shell=shell, code=1))
    assert "after lkr was loaded" in str(row["text"])
    repair(user, row)
    look(user, shell=shell, code=0)
    assert value() == VALUE


def test_a_plugin_counts_as_loading(user: User) -> None:
    user.env["SHELL"] = "/usr/bin/zsh"
    (user.home / ".zshrc").write_text("plugins=(\n    git\n    lkr\n)\nsource $ZSH/oh-my-zsh.sh\n")
    look(user, shell="zsh", code=0)
    (user.home / ".zshrc").write_text("source ~/.zsh/more.zsh\n")
    look(user, shell="zsh", code=1)
    (user.home / ".zsh").mkdir()
    (user.home / ".zsh/more.zsh").write_text(HOOK["zsh"])
    look(user, shell="zsh", code=0)


def test_a_plugin_is_one_load_however_it_is_written(user: User) -> None:
    user.env["SHELL"] = "/usr/bin/fish"
    folder = user.home / ".config/fish/conf.d"
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "conf.d/lkr.fish", folder)  # as fisher does
    look(user, shell="fish", code=0)
    user.env["SHELL"] = "/bin/bash"
    plugin = ROOT / "lkr.plugin.bash"
    (user.home / ".bashrc").write_text(f"if [ -r {plugin.with_name('lkr.bash')} ]; then\n    . {plugin}\nfi\n")
    look(user, code=0)
    (user.home / ".zsh_plugins.txt").write_text("# not user/lkr\nzsh-users/zsh-completions\nuser/lkrshell\n")
    (user.home / ".zsh_plugins.zsh").write_text(f"source {ROOT}/lkr.plugin.zsh\n")
    (user.home / ".zshrc").write_text("source ~/.zsh_plugins.zsh\n")
    user.env["SHELL"] = "/usr/bin/zsh"
    look(user, shell="zsh", code=0)
    user.lkr("install", "zsh", "--yes")
    row = only(look(user, shell="zsh", code=1))
    assert "as a plugin" in str(row["text"])
    repair(user, row)
    look(user, shell="zsh", code=0)


def test_a_program_that_moved_and_a_hook_of_another_version_are_found(well: User) -> None:
    loader = well.home / ".config/lkr/load.bash"
    good = loader.read_text()
    loader.write_text(good.replace(f"{BIN}/lkr", "/gone/lkr"))
    row = only(look(well, code=1))
    assert "/gone/lkr, which is gone" in str(row["text"])
    repair(well, row)
    assert loader.read_text() == good

    loader.write_text(good.replace("umask 077", "umask 022"))
    repair(well, only(look(well, code=1)))
    assert loader.read_text() == good

    kept = well.home / ".cache/lkr/hook.bash"
    Shell("bash", well.env, well.home, hook=False, words=["bash", "-i"]).close()
    look(well, code=0)
    info = os.stat(kept)
    kept.write_text(kept.read_text().replace("__lkr_version=", "__lkr_version=x"))
    look(well, code=0)  # its date is not the program's: the next shell renews it
    os.utime(kept, ns=(info.st_atime_ns, info.st_mtime_ns))
    row = only(look(well, code=1))
    repair(well, row)
    look(well, code=0)
    loader.unlink()
    repair(well, only(look(well, code=1)))
    look(well, code=0)


def test_a_shell_too_old_for_the_hook_is_named(well: User, tmp_path: Path) -> None:
    old = tmp_path / "bash"
    old.write_text("#!/bin/sh\necho 'GNU bash, version 3.2.57(1)-release (arm64-apple-darwin24)'\n")
    old.chmod(0o755)
    well.env["SHELL"] = str(old)
    row = only(look(well, code=1))
    assert "bash 3.2 is too old" in str(row["text"])
    assert str(row["fix"]).endswith("install bash")
    well.env["SHELL"] = "/bin/bash"
    look(well, code=0)


def test_a_login_file_that_does_not_load_lkr_is_warned_of(well: User) -> None:
    (well.home / ".bash_profile").write_text("export MINE=1\n")
    row = only([row for row in look(well, code=0) if row["check"] == "shells"], "warning")
    assert "~/.bash_profile" in str(row["text"])
    repair(well, row)
    assert not [row for row in look(well) if row["check"] == "shells" and row["level"] == "warning"]


ALONE = {
    "bash": (".bashrc", f"export {A}='{PLAIN}' # work"),
    "login": (".profile", f'export {A}="{PLAIN}"'),
    "zsh": (".zshenv", f"typeset -gx {A}={PLAIN}"),
    "fish": (".config/fish/conf.d/keys.fish", f'set -gx {A} "{PLAIN}"'),
    "environment.d": (".config/environment.d/10-keys.conf", f"{A}={PLAIN}"),
}


@pytest.mark.parametrize("kind", ALONE)
def test_a_key_in_plain_text_is_stored_before_its_line_goes(locking: User, kind: str) -> None:
    name, line = ALONE[kind]
    path = locking.home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_text() if path.exists() else ""
    path.write_text(f"# {A}=\n{line}\n{before}")
    row = only(look(locking, code=1))
    assert f"~/{name}, line 2, holds the value of {A}" in str(row["text"])

    locking.lkr("lock")
    locking.config('backend = "nonsense"\n')  # a store that takes nothing
    with pytest.raises(AssertionError):
        repair(locking, row)
    assert PLAIN in path.read_text()
    locking.config("")
    repair(locking, row)
    assert PLAIN not in path.read_text()
    assert path.read_text().endswith(before)
    look(locking, code=0)
    locking.lkr("unlock", "--stdin", stdin=b"a passphrase\n")
    added = {key["name"] for key in json.loads(locking.lkr("list", "--json"))} - {"openai:prod", "anthropic:main"}
    assert locking.lkr("exec", "-k", added.pop(), "--", "sh", "-c", f'printf %s "${A}"') == PLAIN
    if kind != "environment.d":
        shell = "fish" if kind == "fish" else "zsh" if kind == "zsh" else "bash"
        assert not subprocess.run([shell, "-c", f". {path}"], env=locking.env, capture_output=True).stderr


def test_a_home_of_any_name_is_only_a_name_in_the_commands(user: User) -> None:
    home = user.home.parent / "it's $(touch pwned)\"`touch pwned`"
    shutil.copytree(user.home, home)
    here = User(home)
    here.env["SHELL"] = "/bin/bash"
    (home / ".zshenv").write_text(f"export {A}={PLAIN}\n")
    (home / ".bashrc").write_text(f"{HOOK['bash']}\n{HOOK['bash']}\nunset PROMPT_COMMAND\n")
    for row in look(here, code=1):
        if row["level"] == "wrong":
            repair(here, row)
            look(here)
    assert "lkr set" not in str(look(here))
    assert not list(user.home.parent.rglob("pwned"))


def test_a_key_that_the_store_has_only_loses_its_line(well: User) -> None:
    (well.home / ".bash_login").write_text(f". ~/.bashrc\nexport {A}={VALUE}\n")
    row = only(look(well, code=1))
    assert "lkr set" not in str(row["fix"])
    repair(well, row)
    look(well, code=0)
    assert len(json.loads(well.lkr("list", "--json"))) == 2


def test_a_universal_variable_of_fish_is_stored_and_goes(well: User) -> None:
    subprocess.run(["fish", "-c", f"set -Ux {A} '{PLAIN}'"], env=well.env, check=True)
    config = well.home / ".config/fish/config.fish"
    config.write_text(f"{config.read_text() if config.exists() else ''}echo hello\nset -gx {A} (echo other)\n")
    row = only(look(well, code=1))
    assert "fish_variables" in str(row["text"])
    repair(well, row, more={A: "another value, of the environment"})
    look(well, code=0)
    assert PLAIN not in (well.home / ".config/fish/fish_variables").read_text()
    assert well.lkr("exec", "-k", "openai:main", "--", "sh", "-c", f'printf %s "${A}"') == PLAIN


def test_a_line_that_does_more_is_for_a_person_to_edit(well: User, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i "${1#+}d" "$2"\n')
    editor.chmod(0o755)
    path = well.home / ".bash_aliases"
    rc = well.home / ".bashrc"
    rc.write_text(rc.read_text() + "[ -f ~/.bash_aliases ] && . ~/.bash_aliases\n")
    for line in (f"alias ask='{A}={PLAIN} ask'", f"export MORE=1 {A}={PLAIN}", f"{A}={PLAIN}; export {A}"):
        path.write_text(f"{line}\n")
        row = only(look(well, code=1))
        assert "${EDITOR:-vi} +1 " in str(row["fix"])
        subprocess.run(["bash", "-c", str(row["fix"]).rpartition("&& ")[2]], env={**well.env, "EDITOR": str(editor)})
        look(well, code=0)


def test_pams_own_syntax_is_for_a_person_too(well: User) -> None:
    (well.home / ".pam_environment").write_text(f"{A} DEFAULT={PLAIN}\n")
    assert "${EDITOR:-vi} +1 " in str(only(look(well, code=1))["fix"])


def test_two_keys_for_one_variable_are_both_kept(well: User) -> None:
    other = PLAIN + "-2"
    (well.home / ".zshenv").write_text(f"export {A}={PLAIN}\nexport OPENAI_KEY={other}\n")
    (well.home / ".profile").write_text(f". ~/.bashrc\nexport {A}={other}\n")
    rows = [row for row in look(well, code=1) if row["level"] == "wrong"]
    for row in rows:
        repair(well, row)
    look(well, code=0)
    names = {row["name"] for row in json.loads(well.lkr("list", "--json"))} - {"openai:prod", "anthropic:main"}
    values = [well.lkr("exec", "-k", name, "--", "sh", "-c", f'printf %s "${A}"') for name in names]
    assert sorted(values) == [PLAIN, other]


def test_what_only_mentions_a_variable_is_not_a_finding(well: User) -> None:
    rc = well.home / ".bashrc"
    rc.write_text(
        rc.read_text()
        + f'# export {A}={PLAIN}\nexport {A}="${{{A}:-}}"\nexport {A}=\nexport {A}=xxx\n[ "${A}" = "" ] && echo {A}\n'
        + f"unset {A}\nexport MY_{A}=1234567890\n"
    )
    assert not [row for row in look(well, code=0) if row["check"] == "variables"]


def test_a_key_that_a_command_gives_every_shell_is_a_warning(well: User) -> None:
    rc = well.home / ".bashrc"
    rc.write_text(rc.read_text() + f"export {A}=$(pass show openai)\n")
    row = only([row for row in look(well, code=0) if row["check"] == "variables"], "warning")
    repair(well, row)
    assert not [row for row in look(well, code=0) if row["check"] == "variables"]


def test_a_variable_of_ones_own_project_is_looked_for_too(well: User) -> None:
    folder = well.project("p", 'OUR_OWN_THING = "openai:prod"', allow=False)
    well.lkr("allow", "--yes", "--variable", "OUR_OWN_THING", str(folder))
    (well.home / ".zshenv").write_text(f"export OUR_OWN_THING={PLAIN}\n")
    repair(well, only(look(well, code=1)))
    look(well, code=0)


def test_a_variable_that_this_shell_has_from_elsewhere_is_a_warning(locking: User) -> None:
    folder = locking.project("p")
    shell = Shell("bash", {**locking.env, A: "from-elsewhere"}, folder)
    try:
        assert shell.value(A) == VALUE
        rows = within(shell)
        row = only([row for row in rows if row["check"] == "variables"], "warning")
        shell.run(str(row["fix"]))
        rows = within(shell)
        assert not [row for row in rows if row["check"] == "variables"]
        for line in ("cd /", "lkr lock", f"export {A}=from-elsewhere", "cd -"):
            shell.run(line)
        assert f"has a value in this shell that lkr did not load\n    fix: unset {A}" in shell.run("lkr doctor")
        shell.run(f"unset {A}")
        assert "did not load" not in shell.run("lkr doctor")
        locking.lkr("unlock", "--stdin", stdin=b"a passphrase\n")
        assert "did not load" not in shell.run("cd /; lkr exec -k openai:prod -- sh -c 'cd; cd p; lkr doctor'")
    finally:
        shell.close()


def test_use_lkr_that_direnv_does_not_know_is_found(well: User) -> None:
    folder = well.project("p")
    (folder / ".envrc").write_text("use lkr\n")
    row = only(look(well, folder, code=1))
    assert row["fix"] == "lkr install --direnv"
    repair(well, row)
    look(well, folder, code=0)
    library = well.home / ".config/direnv/lib/lkr.sh"
    library.write_text(library.read_text().replace("boot.py", "gone.py"))
    repair(well, only(look(well, code=1)))
    look(well, folder, code=0)


def test_a_key_in_the_projects_env_file_is_found_and_import_takes_it_out(well: User) -> None:
    folder = well.project("p")
    env = folder / ".env"
    env.write_text(f"{A}=your-key-here\nPORT=8080\nGROQ_API_KEY=$(pass groq)\nXAI_API_KEY=\n")
    assert not [row for row in look(well, folder, code=0) if row["check"] == "env file"]
    (folder / "sub").mkdir()
    with env.open("a") as file:
        file.write(f"MISTRAL_API_KEY={PLAIN}\n")
    row = only([row for row in look(well, folder / "sub", code=0) if row["check"] == "env file"], "warning")
    assert row["text"] == "~/p/.env holds MISTRAL_API_KEY in plain text"
    repair(well, row, folder / "sub")
    assert PLAIN not in env.read_text() and not [row for row in look(well, folder) if row["check"] == "env file"]
    assert PLAIN in well.lkr("exec", "--", "env", cwd=folder)


@pytest.mark.parametrize(("source", "name"), [(".envrc", "p"), (".env", "it's p"), ("elsewhere", "p")])
def test_a_variable_that_direnv_sets_beside_the_manifest_is_found(
    well: User, source: str, name: str, tmp_path: Path
) -> None:
    """The key does not come then; the plain value does."""
    folder = well.project(name)
    (folder / ".envrc").write_text("dotenv\n" if source == ".env" else "# mine\n")
    if source == "elsewhere":
        (folder / "more").write_text(f"export {A}={PLAIN}\n")
        (folder / ".envrc").write_text("source_env more\n")
    else:
        with (folder / source).open("a") as file:
            file.write(f"{'' if source == '.env' else 'export '}{A}={PLAIN}\n")
    allow = ["direnv", "allow", str(folder)]
    subprocess.run(allow, env=well.env, check=True)
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\n: > "$2"\n')
    editor.chmod(0o755)

    def loaded() -> tuple[str | None, list[Row]]:
        shell = Shell("bash", well.env, well.home)
        try:
            shell.run('eval "$(direnv hook bash)"')
            shell.run(f"cd {shlex.quote(name)}")
            return shell.value(A), within(shell)
        finally:
            shell.close()

    value, rows = loaded()
    assert value == PLAIN
    row = only(rows)
    assert "direnv's value wins" in str(row["text"])
    repair(well, row, folder, {"EDITOR": str(editor)})
    subprocess.run(allow, env=well.env, check=True)
    value, rows = loaded()
    assert value not in (None, PLAIN)
    assert not [row for row in rows if row["level"] == "wrong"]


def test_looking_does_not_decide_which_store_serves(user: User) -> None:
    user.env["LKR_BACKEND"] = "auto"
    record = user.home / ".local/state/lkr/backend"
    for text in (None, "kwallet\n"):  # not chosen yet; chosen by an lkr that knows more stores
        if text:
            record.write_text(text)
            record.chmod(0o600)
        assert any("the first key would go to the vault" in str(row["text"]) for row in look(user))
        assert (record.read_text() if record.exists() else None) == text


def test_a_store_that_does_not_answer_is_wrong_and_a_locked_one_is_a_fact(locking: User) -> None:
    locking.lkr("lock")
    assert "vault (by LKR_BACKEND), locked" in str(look(locking, code=0))
    locking.env["LKR_BACKEND"] = "keyring"
    row = only(look(locking, code=1))
    assert row["check"] == "store"
    done = subprocess.run(["bash", "-c", f"{row['fix']}; lkr doctor"], env=locking.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_permissions_and_their_fix(well: User) -> None:
    data = well.home / ".local/share/lkr"
    (data / "vault/keys").chmod(0o755)
    (data / "index/vault/openai").chmod(0o770)
    (well.home / ".config/lkr/load.bash").chmod(0o666)
    rows = [row for row in look(well, code=1) if row["level"] == "wrong"]
    assert len(rows) == 3
    for row in rows:
        repair(well, row)
    look(well, code=0)


def test_a_grant_without_its_manifest_is_a_warning_and_fix_revokes_it(well: User) -> None:
    (well.project("p") / ".lkr.toml").unlink()
    row = only([row for row in look(well, code=0) if row["check"] == "grants"], "warning")
    repair(well, row)
    assert not [row for row in look(well) if row["check"] == "grants"]
    assert not any(name for name in os.listdir(well.home / ".local/share/lkr/grants") if not name.startswith("."))


def test_core_dumps_are_warned_of_and_the_fix_stops_them(well: User) -> None:
    script = "ulimit -S -c unlimited; lkr doctor"
    loud = subprocess.run(["bash", "-c", script], env=well.env, capture_output=True, text=True)
    assert loud.returncode == 0
    assert "a program that crashes leaves its memory" in loud.stdout
    repair(well, {"fix": loud.stdout.partition("fix: ")[2].splitlines()[0]})
    assert (well.home / ".bashrc").read_text().endswith("ulimit -c 0\n")
    quiet = subprocess.run(["bash", "-ic", "lkr doctor"], env=well.env, capture_output=True, text=True)
    assert "no core dumps" in quiet.stdout


@pytest.mark.parametrize(
    ("pattern", "where"),
    [
        ("core.%p\n", "in a file (core.%p)"),
        ("|/usr/lib/dumper %P %u\n", "to /usr/lib/dumper"),
        ("|/bin/false\n", ""),
        ("", ""),
    ],
)
def test_where_core_dumps_go_is_reported(tmp_path: Path, pattern: str, where: str) -> None:
    (tmp_path / "core_pattern").write_text(pattern)
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    try:
        assert machine.core_dumps(str(tmp_path / "core_pattern")) == where
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)


def test_swap_is_open_unless_it_is_memory_or_on_an_encrypted_disk(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    lines = ["/dev/zram0", "/dev/dm-0", "/dev/dm-1", "/dev/dm-2", "/dev/sda2", "/swap\\040file"]
    (tmp_path / "proc/swaps").write_text(
        "Filename\tType\tSize\tUsed\tPriority\n" + "".join(f"{name}\tpartition\t1\t0\t-2\n" for name in lines)
    )
    block = tmp_path / "sys/class/block"
    for name, uuid, below in (("dm-0", "CRYPT-LUKS2-1", []), ("dm-1", "LVM-1", ["dm-0"]), ("dm-2", "LVM-2", ["sda3"])):
        (block / name / "dm").mkdir(parents=True)
        (block / name / "dm/uuid").write_text(uuid)
        for each in below:
            (block / name / "slaves" / each).mkdir(parents=True)
    assert machine.open_swaps(str(tmp_path)) == ["/dev/dm-2", "/dev/sda2", "/swap file"]


def test_an_agent_around_us_and_those_on_path_are_reported(well: User, tmp_path: Path) -> None:
    (tmp_path / "aider").write_text("#!/bin/sh\n")
    (tmp_path / "aider").chmod(0o755)
    well.env |= {"CLAUDECODE": "1", "PATH": f"{tmp_path}:{well.env['PATH']}"}
    out = well.lkr("doctor")
    assert "aider" in out
    assert "claude started this shell" in out
    well.config("agent_functions = false\n")
    assert "agent_functions turns their functions off" in well.lkr("doctor")


def test_another_program_of_our_name_that_comes_first_is_a_warning(well: User, tmp_path: Path) -> None:
    (tmp_path / "lkr").write_text("#!/bin/sh\necho another\n")
    (tmp_path / "lkr").chmod(0o755)
    path = f"{tmp_path}:{well.env['PATH']}"
    done = well.run("doctor", PATH=path)
    assert done.returncode == 0
    command = done.stdout.partition("fix: ")[2].splitlines()[0]
    script = f"shopt -s expand_aliases\n{command}\nlkr --version"
    done = subprocess.run(["bash", "-c", script], env={**well.env, "PATH": path}, capture_output=True, text=True)
    assert "lkr, version" in done.stdout


def test_the_clipboards_tool_is_named_or_the_package_to_install(well: User) -> None:
    assert "there is no display" in well.lkr("doctor")
    well.env["DISPLAY"] = ":7"
    assert "clipboard  xclip" in well.lkr("doctor")
    folder = well.home / "bin"
    folder.mkdir()
    for program in ("bash", "zsh", "apt-get"):
        (folder / program).symlink_to(str(shutil.which(program)))
    well.env["PATH"] = str(folder)
    assert "none; lkr get needs one (sudo apt-get install xclip)" in well.lkr("doctor")
    well.env |= {"DISPLAY": "", "SSH_TTY": "/dev/pts/1"}
    assert "OSC 52" in well.lkr("doctor")


def test_a_broken_setting_is_reported_once(well: User) -> None:
    well.config("nonsense = 1\n")
    row = only(look(well, code=1))
    assert "nonsense" in str(row["text"])


def test_it_takes_less_than_a_second(well: User) -> None:
    well.project("p")
    start = os.times()
    well.lkr("doctor", cwd=well.home / "p")
    end = os.times()
    assert end.children_user + end.children_system - start.children_user - start.children_system < 1


def test_the_project_here_is_looked_at(user: User) -> None:
    assert "no manifest" in str(look(user, code=None))
    folder = user.project("p", 'OPENAI_API_KEY = "openai:prod"\nGROQ_API_KEY = "groq:team"', allow=False)
    row = next(row for row in look(user, folder, code=1) if "not allowed yet" in str(row["text"]))
    assert f"lkr init {folder}" in str(row["fix"])
    user.lkr("allow", "--yes", str(folder))
    row = next(row for row in look(user, folder, code=1) if "not stored" in str(row["text"]))
    assert (row["text"], row["fix"]) == ("this project needs groq:team, which is not stored", "lkr set groq:team")
    user.lkr("set", "groq:team", "--stdin", stdin=PLAIN.encode())
    assert not [row for row in look(user, folder) if "stored" in str(row["text"]) and row["level"] == "wrong"]
    (folder / ".lkr.toml").write_text("version = 1\n[keys\n")
    assert any(".lkr.toml: not TOML" in str(row["text"]) for row in look(user, folder, code=1))


def test_a_shell_without_the_hook_is_told_how_to_load_the_keys(user: User) -> None:
    folder = user.project("p")
    for shell in ("bash", "fish"):
        typed = Shell(shell, user.env, folder, hook=False)
        row = next(row for row in within(typed) if "this shell has not loaded" in str(row["text"]))
        assert f"hook {shell}" in str(row["fix"])
        typed.run(HOOK[shell])
        assert typed.value(A) == VALUE
        assert not [row for row in within(typed) if "this shell has not loaded" in str(row["text"])]
        typed.close()


def test_a_vault_that_is_gone_is_one_finding(user: User) -> None:
    for number in range(8):
        user.lkr("set", f"groq:k{number}", "--stdin", stdin=PLAIN.encode())
    shutil.move(user.home / ".local/share/lkr/vault", user.home / "lost")
    (row,) = [row for row in look(user, code=1) if "vault" in str(row["text"]) and row["level"] == "wrong"]
    assert "the vault is missing" in str(row["text"]) and "and 5 more keys" in str(row["text"])
    shutil.move(user.home / "lost", user.home / ".local/share/lkr/vault")
    shutil.rmtree(user.home / ".local/share/lkr/vault/keys/groq")
    (row,) = [row for row in look(user, code=1) if "groq:k0" in str(row["text"])]
    assert "and 3 more keys, which the vault does not have" in str(row["text"])
    user.lkr("doctor", "--fix", code=1)  # no shell loads lkr here, which stays wrong
    assert "groq" not in user.lkr("list")


def test_a_folder_that_may_not_be_read_is_no_matter_of_the_disk(tmp_path: Path) -> None:
    def closed(_: bool) -> Iterator[doctor.Finding]:
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "a b"))
        yield

    (finding,) = doctor._outcome(closed, False)
    assert finding.text == f"cannot look at {tmp_path}/a b: Permission denied"
    assert finding.fix == f"ls -ld '{tmp_path}/a b'"
