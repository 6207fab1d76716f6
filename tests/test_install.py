"""`lkr install` and `lkr uninstall`: new shells load keys, and afterwards every file is what it was, byte for byte."""

import json
import os
import re
import shutil
import subprocess
from hashlib import blake2b
from pathlib import Path

import pexpect
import pytest
from conftest import BIN, VALUE, User
from shells import RC, Shell

A = "OPENAI_API_KEY"
STARTS = {
    "bash": ["bash", "-i"],
    "bash login": ["bash", "-l", "-i"],
    "zsh": ["zsh", "-i"],
    "zsh login": ["zsh", "-l", "-i"],
    "fish": ["fish", "-i"],
    "fish login": ["fish", "-l", "-i"],
}
OURS = (
    ".bash_history",
    ".local/share/lkr",
    ".local/state/lkr",
    ".cache",
    ".config/lkr/config.toml",
    ".local/share/fish/",
)


def files(home: Path) -> dict[str, tuple[int, str | bytes]]:
    """Every file below home but lkr's own data: mode, and content or what it links to."""
    found: dict[str, tuple[int, str | bytes]] = {}
    for path in home.rglob("*"):
        name = str(path.relative_to(home))
        if path.is_symlink():
            found[name] = (0, os.readlink(path))
        elif path.is_file() and not name.startswith(OURS) and "fish_variables" not in name:
            found[name] = (path.stat().st_mode, path.read_bytes())
    return found


def loads(user: User, words: list[str], folder: Path) -> bool:
    """True when a new shell has the key inside the project and not outside."""
    shell = Shell(words[0], user.env, user.home, hook=False, words=words)
    try:
        shell.run(f"cd {folder}")
        inside = shell.value(A)
        shell.run("cd /")
        return (inside, shell.value(A)) == (VALUE, None)
    finally:
        shell.close()


@pytest.mark.parametrize("start", STARTS)
def test_after_install_new_shells_load_keys_and_uninstall_leaves_no_trace(user: User, start: str) -> None:
    folder = user.project("p")
    name = start.split()[0]
    for rc, text in {RC[name]: "# mine", ".bash_profile": "export MINE=1\n"}.items():
        (user.home / rc).parent.mkdir(parents=True, exist_ok=True)
        (user.home / rc).write_text(text)
    before = files(user.home)
    assert not loads(user, STARTS[start], folder)
    before = files(user.home)
    assert "+ " in user.lkr("install", name, "--yes")
    assert loads(user, STARTS[start], folder)
    installed = files(user.home)
    assert "already installed" in user.lkr("install", name, "--yes")
    assert files(user.home) == installed
    user.lkr("uninstall", "--yes")
    assert files(user.home) == before
    assert not loads(user, STARTS[start], folder)
    assert "nothing to uninstall" in user.lkr("uninstall", "--yes")


@pytest.mark.parametrize(
    "text",
    [None, b"", b"\n", b"x", b"export X=1\n\n\n", b"export X=1\r\nalias y=z\r\n", b"a\r\nb",
     b"\xff\xfe\x80 not text\n\x00", b"# >>> other >>>\n# <<< other <<<"],
)  # fmt: skip
def test_uninstall_gives_back_every_byte(user: User, text: bytes | None) -> None:
    rc = user.home / ".zshrc"
    if text is not None:
        rc.write_bytes(text)
        rc.chmod(0o640)
    before = files(user.home)
    user.lkr("install", "zsh", "--yes", "--direnv", "--completions")
    user.lkr("install", "zsh", "--yes", "--direnv", "--completions")
    assert rc.read_bytes().count(b">>> lkr >>>") == 1
    user.lkr("uninstall", "--yes")
    assert files(user.home) == before
    assert rc.exists() == (text is not None)
    assert not list((user.home / ".local/state/lkr/before-install").iterdir()), "no copy left behind"


@pytest.mark.parametrize("text", [b"first\n", b"first"])
def test_what_i_wrote_since_the_install_stays(user: User, text: bytes) -> None:
    rc = user.home / ".bashrc"
    rc.write_bytes(text)
    user.lkr("install", "bash", "--yes")
    rc.write_bytes(b"above\n" + rc.read_bytes() + b"below\n")
    assert "changes of yours" in user.lkr("uninstall", "--yes")
    assert rc.read_bytes() == b"above\nfirst\nbelow\n"
    assert not list((user.home / ".local/state/lkr/before-install").iterdir())


def test_uninstall_says_that_a_line_of_mine_between_the_marks_goes_too(user: User) -> None:
    rc = user.home / ".bashrc"
    rc.write_text("first\n")
    user.lkr("install", "bash", "--yes")
    rc.write_text(rc.read_text().replace("# <<< lkr", "alias mine=ls\n# <<< lkr"))
    said = user.lkr("uninstall", "--yes")
    assert f"lkr: {rc} has 1 line of yours between lkr's marks, to be removed with them\n" in said
    assert said.index("to be removed") < said.index("uninstalled")
    assert "-alias mine=ls" in said, "so that it can be put back"
    assert rc.read_text() == "first\n"


def test_no_copy_of_a_file_with_a_key_outlives_its_use(user: User) -> None:
    key, kept = "sk-proj-in-the-file-0123456789", user.home / ".local/state/lkr/before-install"
    (user.home / ".bashrc").write_text(f"export OPENAI_API_KEY={key}\n")
    theirs = user.home / ".config/fish/conf.d/lkr.fish"
    theirs.parent.mkdir(parents=True)
    other = "gsk_in_the_file_0123456789"
    theirs.write_text(f"set -gx GROQ_API_KEY {other}\n")
    kept.mkdir(mode=0o700)
    rc = blake2b(os.fsencode(user.home / ".bashrc"), digest_size=16).hexdigest()
    (kept / rc).write_text((user.home / ".bashrc").read_text())  # as 0.1.0 did
    (kept / rc).chmod(0o600)
    user.lkr("install", "bash", "fish", "--yes")
    copies = [path for path in kept.iterdir() if key in path.read_text() or other in path.read_text()]
    assert [path.name.partition("-")[2] for path in copies] == ["lkr.fish"], "none of the rc file"
    assert copies[0].stat().st_mode & 0o777 == 0o600
    found = [each for each in json.loads(user.lkr("doctor", "--json", code=1)) if "plain text" in each["text"]]
    assert any("before-install" in each["text"] for each in found)
    for each in found:
        subprocess.run(["bash", "-c", each["fix"]], env=user.env, check=True, capture_output=True)
    texts = [path.read_text(errors="replace") for path in user.home.rglob("*") if path.is_file()]
    assert not [text for text in texts if key in text or other in text]
    theirs.write_text("# changed since\n")
    user.lkr("uninstall", "--yes")
    assert [path.name for path in kept.iterdir()] == ["list"], "names alone"


def test_a_block_that_i_took_out_myself_leaves_nothing_behind(user: User) -> None:
    rc = user.home / ".zshrc"
    rc.write_text("mine\n")
    user.lkr("install", "zsh", "--yes")
    rc.write_text("mine\n")
    user.lkr("uninstall", "--yes")
    assert rc.read_text() == "mine\n"
    assert not (user.home / ".config/lkr/load.zsh").exists()
    assert not list((user.home / ".local/state/lkr/before-install").iterdir())


def test_a_file_that_may_not_be_written_keeps_its_mode(user: User) -> None:
    rc = user.home / ".zshrc"
    rc.write_text("mine\n")
    rc.chmod(0o444)
    user.lkr("install", "zsh", "--yes")
    assert rc.stat().st_mode & 0o777 == 0o444
    user.lkr("uninstall", "--yes")
    assert (rc.read_text(), rc.stat().st_mode & 0o777) == ("mine\n", 0o444)


def test_a_file_of_the_dotfiles_repository_is_written_through_its_link(user: User) -> None:
    (user.home / "dotfiles").mkdir()
    real = user.home / "dotfiles/zshrc"
    real.write_text("# mine\n")
    real.chmod(0o600)
    (user.home / ".zshrc").symlink_to("dotfiles/zshrc")
    before = files(user.home)
    os.umask(0o022)
    user.lkr("install", "zsh", "--yes")
    assert (user.home / ".zshrc").is_symlink()
    assert "lkr" in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o600
    assert str(user.home) not in real.read_text(), "the same file serves on another machine"
    user.lkr("uninstall", "--yes")
    assert files(user.home) == before


def test_folders_that_the_user_chose_are_honoured(user: User) -> None:
    folder = user.project("p")
    (user.home / ".zshenv").write_text("ZDOTDIR=$HOME/z\n")  # not exported: only zsh knows
    (user.home / "z").mkdir()
    user.env |= {"XDG_CONFIG_HOME": str(user.home / "c"), "XDG_DATA_HOME": str(user.home / "d")}
    shutil.copytree(user.home / ".local/share/lkr", user.home / "d/lkr")
    (user.home / "c/lkr").mkdir(parents=True)
    if (user.home / ".config/lkr/config.toml").exists():
        shutil.copy(user.home / ".config/lkr/config.toml", user.home / "c/lkr")
    user.lkr("install", "zsh", "fish", "--direnv", "--completions", "--yes")
    for path in ("z/.zshrc", "c/fish/conf.d/lkr.fish", "c/direnv/lib/lkr.sh", "c/fish/completions/lkr.fish",
                 "d/zsh/site-functions/_lkr"):  # fmt: skip
        assert (user.home / path).is_file(), path
    assert not (user.home / ".zshrc").exists()
    user.lkr("allow", "--yes", cwd=folder)
    assert loads(user, STARTS["zsh"], folder)
    assert loads(user, STARTS["fish"], folder)


def test_where_the_login_file_reads_bashrc_only_that_is_written(user: User) -> None:
    (user.home / ".bashrc").write_text("")
    (user.home / ".bash_profile").write_text("# reads .bashrc? no\n. ~/.profile\n")
    (user.home / ".profile").write_text('[ -n "$BASH_VERSION" ] && . "$HOME/.bashrc"\n')
    user.lkr("install", "bash", "--yes")
    assert "lkr" in (user.home / ".bashrc").read_text()
    assert "lkr" not in (user.home / ".profile").read_text() + (user.home / ".bash_profile").read_text()
    assert loads(user, STARTS["bash login"], user.project("p"))


def test_a_profile_that_other_shells_read_stays_good_for_them(user: User) -> None:
    (user.home / ".profile").write_text("X=1\n")
    user.lkr("install", "bash", "--yes")
    done = subprocess.run(
        ["sh", "-eu", "-c", ". ~/.profile; echo $X"], env=user.env, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_a_line_of_my_own_is_left_to_me(user: User) -> None:
    (user.home / ".zshrc").write_text('eval "$(~/.lkr/bin/lkr hook zsh)"\n')
    (user.home / ".config/fish").mkdir(parents=True, exist_ok=True)
    (user.home / ".config/fish/config.fish").write_text("lkr hook fish | source\n")
    before = files(user.home)
    assert user.lkr("install", "zsh", "fish", "--yes").count("a line of yours") == 2
    assert files(user.home) == before


def test_files_of_other_makers_come_back(user: User) -> None:
    for name in (".config/direnv/lib/lkr.sh", ".config/fish/conf.d/lkr.fish"):
        (user.home / name).parent.mkdir(parents=True)
        (user.home / name).write_text(f"# {name} by somebody else\n")
    before = files(user.home)
    user.lkr("install", "fish", "--direnv", "--yes")
    user.lkr("install", "fish", "--direnv", "--yes")
    assert "use_lkr" in (user.home / ".config/direnv/lib/lkr.sh").read_text()
    user.lkr("uninstall", "--yes")
    assert files(user.home) == before
    user.lkr("install", "--direnv", "fish", "--yes")
    (user.home / ".config/direnv/lib/lkr.sh").write_text("# mine now\n")
    assert "changed since lkr wrote it" in user.lkr("uninstall", "--yes")
    assert (user.home / ".config/direnv/lib/lkr.sh").read_text() == "# mine now\n"


def test_it_shows_the_difference_and_asks(user: User) -> None:
    rc = user.home / ".zshrc"
    rc.write_text("export OPENAI_API_KEY=sk-proj-in-the-rc-file-0123456789")
    user.lkr("install", "zsh", code=2)
    assert "lkr" not in rc.read_text()
    for answer, code in (("n", 130), ("y", 0)):
        child = user.on_terminal("install", "zsh")
        child.expect_exact("Change these files?")
        shown = str(child.before)
        assert "+# >>> lkr >>>" in shown
        assert re.search(r"~ .*/\.zshrc", shown)
        assert shown.count("\n") < 20, "a summary, not the text of every file"
        assert "sk-proj" not in shown, "the rest of the file may hold keys"
        child.sendline(answer)
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == code
        assert answer == "n" or "now run: exec zsh" in str(child.before)
        assert ("lkr" in rc.read_text()) == (answer == "y")


def test_the_whole_difference_can_be_seen(user: User) -> None:
    assert re.search(r"\+\+\+ .*/load\.zsh", user.lkr("install", "zsh", "--diff", "--yes"))


def test_scripts_find_a_program_that_is_not_on_path(user: User, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    program = tmp_path / "elsewhere/lkr"
    program.symlink_to(f"{BIN}/lkr")
    local = user.home / ".local/bin"
    for folders, linked in (("/usr/bin:/bin", False), (f"{local}:/usr/bin:/bin", True)):
        env = {**user.env, "PATH": folders}
        done = subprocess.run(
            [program, "install", "bash", "--yes"], env=env, capture_output=True, text=True, check=True
        )
        assert (local / "lkr").is_symlink() == linked
        assert ("add " in done.stderr) == (not linked)
        again = subprocess.run(
            ["lkr" if linked else program, "install", "bash", "--yes"], env=env, capture_output=True, text=True
        )
        assert "already installed" in again.stderr
    done = subprocess.run(["sh", "-c", "lkr --version"], env=env, capture_output=True, text=True, check=True)
    assert "lkr" in done.stdout
    (local / "lkr").unlink()
    (local / "lkr").symlink_to("/bin/true")  # somebody else's by now
    subprocess.run([program, "uninstall", "--yes"], env=env, capture_output=True, check=True)
    assert os.readlink(local / "lkr") == "/bin/true"
    (local / "lkr").unlink()
    subprocess.run([program, "install", "bash", "--yes"], env=env, capture_output=True, check=True)
    subprocess.run([program, "uninstall", "--yes"], env=env, capture_output=True, check=True)
    assert not (local / "lkr").is_symlink()


@pytest.mark.parametrize("setup", ["", "setopt ksh_arrays"])
def test_zsh_completes_a_program_that_is_not_on_path_under_any_option(user: User, tmp_path: Path, setup: str) -> None:
    folder = tmp_path / "not on PATH"
    folder.mkdir()
    (folder / "lkr").symlink_to(f"{BIN}/lkr")
    user.env["PATH"] = "/usr/bin:/bin"
    (user.home / ".zshrc").write_text(f"autoload -Uz compinit; compinit -u\n{setup}\n")
    subprocess.run([folder / "lkr", "install", "zsh", "--yes"], env=user.env, check=True, capture_output=True)
    shell = Shell("zsh", user.env, user.home, hook=False, words=["zsh", "-i"])
    assert "bad output format" not in shell.log
    shell.run("setopt zle" if setup else ":")
    shell.child.close(force=True)
    child = pexpect.spawn("zsh", ["-i"], env={**user.env, "TERM": "vt100"}, cwd=str(user.home), encoding="utf-8")
    child.send("lkr polic\t")
    child.expect("lkr policy")
    child.close(force=True)


def test_completions_can_be_taken_out_later(user: User) -> None:
    user.lkr("install", "fish", "--yes")
    there = user.home / ".config/fish/completions/lkr.fish"
    assert there.exists()
    assert f"- {there}" in user.lkr("install", "fish", "--yes", "--no-completions").replace("~", str(user.home))
    assert not there.exists()
    assert "already installed" in user.lkr("install", "fish", "--yes", "--no-completions")
    user.lkr("install", "fish", "--yes", "--completions")
    assert there.exists()
    user.lkr("uninstall", "--yes")
    assert not there.exists()


def test_damaged_marks_are_left_to_me(user: User) -> None:
    rc = user.home / ".zshrc"
    rc.write_text("# >>> lkr >>>\nmy own\n")
    for words in (["install", "zsh"], ["uninstall"]):
        assert "by hand" in user.lkr(*words, "--yes", code=1)
    assert rc.read_text() == "# >>> lkr >>>\nmy own\n"


@pytest.mark.parametrize("start", ["bash", "bash login", "zsh", "fish"])
def test_a_program_that_is_gone_costs_nothing_and_says_nothing(user: User, start: str, tmp_path: Path) -> None:
    name = start.split()[0]
    bin_folder = tmp_path / "not on PATH"
    bin_folder.mkdir()
    (bin_folder / "lkr").symlink_to(f"{BIN}/lkr")
    user.env["PATH"] = "/usr/bin:/bin"
    subprocess.run([bin_folder / "lkr", "install", name, "--yes"], env=user.env, check=True, capture_output=True)
    folder = user.home / "p"
    folder.mkdir()
    (folder / ".lkr.toml").write_text('version = 1\n[keys]\nOPENAI_API_KEY = "openai:prod"\n')
    shell = Shell(name, user.env, folder, hook=False, words=STARTS[start])
    shell.run("lkr allow --yes")  # an alias, since PATH lacks it
    assert shell.value(A) == VALUE
    shell.close()
    assert pythons(user, STARTS[start]) == 0, "the hook was kept"
    (bin_folder / "lkr").unlink()
    done = subprocess.run([*STARTS[start], "-c", "echo rea''dy"], env=user.env, capture_output=True, text=True)
    assert done.stdout == "ready\n"
    assert "lkr" not in done.stderr
    shell = Shell(name, user.env, user.home, hook=False, words=STARTS[start])
    assert shell.value(A) is None
    assert "lkr" not in shell.log
    shell.close()


def pythons(user: User, words: list[str]) -> int:
    """How many programs whose path is Python's or lkr's an interactive shell starts until its first command."""
    trace = user.home / "trace"
    command = ["strace", "-f", "-qq", "-e", "trace=execve", "-o", str(trace), *words, "-c", ":"]
    subprocess.run(command, env={**user.env, "TERM": "dumb"}, check=True, capture_output=True, cwd=user.home)
    calls = trace.read_text()
    assert words[0] in calls
    return len(re.findall(r'execve\("[^"]*(?:/lkr|python[0-9.]*)".* = 0$', calls, re.M))


@pytest.mark.parametrize("start", ["bash", "zsh", "fish"])
def test_another_program_or_version_renews_the_kept_hook(user: User, start: str) -> None:
    user.lkr("install", start, "--yes")
    kept = user.home / f".cache/lkr/hook.{start}"
    assert pythons(user, STARTS[start]) > 0
    assert kept.stat().st_mode & 0o777 == 0o600
    assert pythons(user, STARTS[start]) == 0
    kept.write_text("echo stale\n")  # of another date than the program
    assert pythons(user, STARTS[start]) > 0
    assert "stale" not in kept.read_text()
    assert pythons(user, STARTS[start]) == 0
    user.lkr("uninstall", "--yes")
    assert not kept.exists()


@pytest.mark.parametrize("start", ["bash", "zsh", "fish"])
def test_a_cache_that_cannot_be_written_only_costs_time(user: User, start: str) -> None:
    user.lkr("install", start, "--yes")
    (user.home / ".cache").write_text("a file, not a folder")
    assert loads(user, STARTS[start], user.project("p"))


@pytest.mark.parametrize("start", ["bash", "zsh", "fish"])
def test_installed_completions_complete(user: User, start: str) -> None:
    if start == "bash":
        (user.home / ".bashrc").write_text(
            ". /usr/share/bash-completion/bash_completion\nbind 'set enable-bracketed-paste off'\n"
        )
    if start == "zsh":
        (user.home / ".zshrc").write_text("autoload -U compinit; compinit -u -D; setopt no_beep\n")
    before = files(user.home)
    user.lkr("install", start, "--completions", "--yes")
    env = {**user.env, "TERM": "dumb" if start != "fish" else "xterm"}
    child = pexpect.spawn(
        STARTS[start][0], STARTS[start][1:], env=env, cwd=str(user.home), encoding="utf-8", timeout=60,
        dimensions=(40, 200),
    )  # fmt: skip
    child.sendline("echo rea''dy")
    child.expect("ready")
    child.send("lkr renam\t")
    child.sendline("--help")
    child.expect_exact("Usage: lkr rename")
    child.send("lkrsh renam\t")  # its other name
    child.sendline("--help")
    child.expect_exact("Usage: lkr rename")
    child.close(force=True)
    user.lkr("uninstall", "--yes")
    after = files(user.home)
    assert {name: after[name] for name in before} == before
    assert not {name for name in after if "lkr" in name and name not in before}
