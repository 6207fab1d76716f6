"""What a hostile repository tries by its git settings, its env files and its links. Real git, real links."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import OTHER, VALUE, User

A, B = "OPENAI_API_KEY", "ANTHROPIC_API_KEY"
MINE = "wJalrXUtnFEMI-secret-of-mine"


def trap(user: User) -> str:
    """A program that leaves a trace when it is started."""
    path = user.home / "trap"
    path.write_text(f'#!/bin/sh\necho "$0 $@" >> {user.home}/pwned\nexit 1\n')
    path.chmod(0o755)
    return str(path)


def all_that_asks_git(user: User, folder: Path) -> None:
    """Every command that might start git in a project, whatever comes of it."""
    for words in (
        ["init", "--yes"], ["status"], ["doctor"], ["import", ".env", "--yes", "--blank"],
        ["gen", ".env.example", "--force"], ["gen", "c.template", "--force", "-o", "sub/.env"], ["allow", "--yes"],
    ):  # fmt: skip
        user.run(*words, cwd=folder)
    assert (folder / ".lkr.toml").exists()
    assert VALUE not in (folder / ".env").read_text()


def fill(folder: Path) -> None:
    (folder / ".env.example").write_text(f"{B}=\n")
    (folder / "c.template").write_text("{{lkr:anthropic:main}}")
    (folder / ".env").write_text(f"{A}=sk-test-another-1234567890\n")
    (folder / "app.py").write_text("import os\nos.environ['ANTHROPIC_API_KEY']\n")


def hostile_settings(program: str, included: Path) -> str:
    """Everything in a repository's settings that names a program."""
    included.write_text(f'[core]\n\tfsmonitor = "{program} included"\n')
    return f"""
[core]
\tfsmonitor = {program} fsmonitor
\tsshCommand = {program} ssh
\thooksPath = {included.parent}
\tpager = {program} pager
\teditor = {program} editor
\taskPass = {program}
\tgitProxy = {program}
\talternateRefsCommand = {program} alternate
[include]
\tpath = {included}
[filter "x"]
\tclean = {program} clean
\tsmudge = {program} smudge
\tprocess = {program} process
\trequired = true
[diff]
\texternal = {program} diff
[diff "x"]
\ttextconv = {program} textconv
\tcommand = {program} command
[credential]
\thelper = !{program} credential
[gpg]
\tprogram = {program}
[uploadpack]
\tpackObjectsHook = {program} pack
[alias]
\tls-files = !{program} alias
\trev-parse = !{program} alias
\tcheck-ignore = !{program} alias
"""


def test_no_setting_of_a_repository_starts_a_program(user: User) -> None:
    program = trap(user)
    folder = user.home / "plain"
    folder.mkdir()
    user.git("init", "-q", cwd=folder)
    fill(folder)
    (folder / ".gitattributes").write_text("* filter=x diff=x\n")
    (folder / "sub").mkdir()
    user.git("-c", "core.hooksPath=/dev/null", "add", ".gitattributes", ".env.example", cwd=folder)
    hooks = folder / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("post-index-change", "pre-auto-gc", "reference-transaction", "fsmonitor-watchman"):
        shutil.copy(program, hooks / name)
    with (folder / ".git/config").open("a") as file:
        file.write(hostile_settings(program, hooks / "included"))
    all_that_asks_git(user, folder)
    assert not (user.home / "pwned").exists(), (user.home / "pwned").read_text()


def partial_clone(user: User, name: str) -> Path:
    """A clone without blobs, whose remote is reached by a program."""
    origin = user.home / f"{name}-origin"
    origin.mkdir()
    user.git("init", "-q", cwd=origin)
    user.git("config", "uploadpack.allowFilter", "true", cwd=origin)
    (origin / "sub").mkdir()
    (origin / ".gitignore").write_text("*.log\n")
    (origin / "sub/.gitignore").write_text("*.tmp\n")
    (origin / "sub/.gitattributes").write_text("* text\n")
    user.git("add", ".", cwd=origin)
    user.git("commit", "-qm", "x", cwd=origin)
    user.git("clone", "-q", "--no-checkout", "--filter=blob:none", f"file://{origin}", name, cwd=user.home)
    folder = user.home / name
    user.git("read-tree", "HEAD", cwd=folder)  # in the index, and nowhere else
    user.git("update-index", "--skip-worktree", ".gitignore", "sub/.gitignore", cwd=folder)
    (folder / "sub").mkdir(exist_ok=True)
    user.git("config", "remote.origin.uploadpack", f"{trap(user)} uploadpack", cwd=folder)
    return folder


def test_a_partial_clone_fetches_nothing_by_a_program_of_its(user: User) -> None:
    folder = partial_clone(user, "partial")
    fill(folder)
    assert not (folder / ".gitignore").exists(), "git has to look for it among the objects"
    all_that_asks_git(user, folder)
    assert not (user.home / "pwned").exists(), (user.home / "pwned").read_text()
    (folder / ".gitignore").unlink()  # which init wrote
    user.lkr("gen", "c.template", "--force", "-o", "sub/.env", cwd=folder)
    assert not (user.home / "pwned").exists(), (user.home / "pwned").read_text()
    subprocess.run(["git", "check-ignore", "-q", ".env"], cwd=folder, env=user.env, stderr=subprocess.DEVNULL)
    assert (user.home / "pwned").exists(), "the trap is a real one: git itself walks into it"


def test_a_bare_repository_inside_a_clone_is_not_used(user: User) -> None:
    outer = user.home / "outer"
    outer.mkdir()
    user.git("init", "-q", cwd=outer)
    folder = outer / "fixture"
    shutil.copytree(partial_clone(user, "partial") / ".git", folder)
    user.git("config", "--file", "config", "core.bare", "false", cwd=folder)
    user.git("config", "--file", "config", "core.worktree", ".", cwd=folder)
    user.git("config", "--file", "config", "core.fsmonitor", trap(user), cwd=folder)
    (folder / "sub").mkdir(exist_ok=True)
    fill(folder)
    all_that_asks_git(user, folder)
    assert not (user.home / "pwned").exists(), (user.home / "pwned").read_text()
    subprocess.run(["git", "ls-files", "--others"], cwd=folder, env=user.env, capture_output=True)
    assert (user.home / "pwned").exists(), "the trap is a real one: git itself walks into it"


@pytest.mark.parametrize("entry", [".", "", "bin", "{folder}/bin", "{folder}/../p/bin"])
def test_a_git_of_the_project_is_not_run(user: User, entry: str) -> None:
    folder = user.home / "p"
    for place in (folder, folder / "bin"):
        place.mkdir(exist_ok=True)
        shutil.copy(trap(user), place / "git")
    user.git("init", "-q", cwd=folder)
    user.env["PATH"] = f"{entry.format(folder=folder)}:{user.env['PATH']}"
    for each in (folder, folder / "sub"):
        each.mkdir(exist_ok=True)
        fill(each)
        all_that_asks_git(user, each)
    assert not (user.home / "pwned").exists(), (user.home / "pwned").read_text()


def test_the_environment_sends_git_to_no_other_repository(user: User) -> None:
    folder, other = user.home / "p", user.home / "other"
    for each in (folder, other):
        each.mkdir()
        user.git("init", "-q", cwd=each)
    fill(folder)
    (folder / "sub").mkdir()
    with (other / ".git/config").open("a") as file:
        file.write(hostile_settings(trap(user), other / "included"))
    user.env |= {
        "GIT_DIR": str(other / ".git"), "GIT_WORK_TREE": str(folder), "GIT_INDEX_FILE": str(other / "index"),
        "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.fsmonitor", "GIT_CONFIG_VALUE_0": trap(user),
        "GIT_ASKPASS": trap(user), "GIT_EXTERNAL_DIFF": trap(user), "GIT_TRACE2": str(user.home / "trace"),
        "GIT_EXEC_PATH": str(user.home),
    }  # fmt: skip
    all_that_asks_git(user, folder)
    assert not (user.home / "pwned").exists(), (user.home / "pwned").read_text()
    assert not (user.home / "trace").exists()


def project_of(user: User, text: str) -> Path:
    folder = user.home / "hostile"
    folder.mkdir()
    (folder / ".env").write_text(text)
    return folder


def test_an_env_file_takes_no_variable_of_mine(user: User) -> None:
    user.env["AWS_SECRET_ACCESS_KEY"] = MINE
    folder = project_of(
        user,
        "GROQ_API_KEY=${AWS_SECRET_ACCESS_KEY}\nMISTRAL_API_KEY=${AWS_SECRET_ACCESS_KEY:-fallback-12345678}\n"
        "COHERE_API_KEY=${BASE}-of-file\nBASE=later\nDEEPSEEK_API_KEY=${BASE}-of-file\n",
    )
    said = user.lkr("import", ".env", "--yes", cwd=folder)
    assert "skipped GROQ_API_KEY: it uses AWS_SECRET_ACCESS_KEY, which the file does not set" in said
    assert "skipped COHERE_API_KEY" in said
    out = user.lkr("exec", "--clean", "--", "env", cwd=folder)
    assert "MISTRAL_API_KEY=fallback-12345678\n" in out
    assert "DEEPSEEK_API_KEY=later-of-file\n" in out
    assert f"GROQ_API_KEY={MINE}" not in out
    assert "groq:" not in user.lkr("list")


def bomb(kind: str) -> str:
    if kind == "doubling":
        return (
            "A0=0123456789\n" + "".join(f"A{n}=${{A{n - 1}}}${{A{n - 1}}}\n" for n in range(1, 64)) + f"{A}=${{A63}}\n"
        )
    if kind == "many":
        return f"A={'x' * 60000}\n" + "B=${A}\n" * 100000 + f"{A}=sk-1234567890123\n"
    if kind == "open":
        return f"{A}=" + "${" * 400000 + "\n"
    if kind == "spaces":
        return f"{A}=x" + " " * 900000 + "y\n"
    if kind == "quotes":
        return f"{A}='\n" * 200000
    return f"{A}=" + "x" * (2 << 20) + "\n"


@pytest.mark.parametrize("kind", ["doubling", "many", "open", "spaces", "quotes", "large"])
def test_an_env_file_takes_neither_time_nor_memory(user: User, kind: str) -> None:
    folder = project_of(user, bomb(kind))
    command = f"ulimit -v 1000000; ulimit -t 10; exec {user.program} import .env --yes"
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=user.env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, done
    assert "Traceback" not in done.stderr
    assert "lkr: " in done.stderr


@pytest.mark.parametrize("how", ["link", "parent", "hard", "dangling"])
def test_an_env_file_of_another_project_is_not_imported(user: User, how: str) -> None:
    other, folder = user.home / "other", user.home / "hostile"
    other.mkdir()
    folder.mkdir()
    (other / ".env").write_text(f"GROQ_API_KEY={MINE}\n")
    path = ".env"
    if how == "link":
        (folder / ".env").symlink_to("../other/.env")
    elif how == "parent":
        (folder / "config").symlink_to(other)
        path = "config/.env"
    elif how == "hard":
        os.link(other / ".env", folder / ".env")
    else:
        (folder / ".env").symlink_to("../other/none")
    said = user.lkr("import", path, "--yes", "--blank", cwd=folder, code=2)
    assert "leads out of" in said or "hard link" in said
    assert "groq:" not in user.lkr("list")
    if how != "parent":
        user.lkr("init", "--yes", "--import", cwd=folder, code=1 if how == "dangling" else 2)
    assert (other / ".env").read_text() == f"GROQ_API_KEY={MINE}\n"
    assert sorted(path.name for path in other.iterdir()) == [".env"]
    if how == "link":  # one that the person names is theirs to name, and a link inside the project leads nowhere else
        user.lkr("import", "../other/.env", "--yes", cwd=folder)
        (folder / ".env").unlink()
        (folder / "real").write_text(f"MISTRAL_API_KEY={MINE}\n")
        (folder / ".env").symlink_to("real")
        user.lkr("import", ".env", "--yes", "--blank", cwd=folder)
        assert (folder / ".env").is_symlink()
        assert MINE not in (folder / "real").read_text()


@pytest.mark.parametrize("name", [".lkr.toml", ".lkr.local.toml", ".gitignore"])
@pytest.mark.parametrize("there", [False, True])
def test_nothing_is_written_through_a_link_out_of_the_project(user: User, name: str, there: bool) -> None:
    folder, target = project_of(user, f"{A}={VALUE}\n"), user.home / "target"
    user.git("init", "-q", cwd=folder)
    if name != ".lkr.toml":
        (folder / ".lkr.toml").write_text(f'version = 1\n[keys]\n{A} = "openai:prod"\n')
        user.lkr("allow", "--yes", cwd=folder)
    (folder / name).symlink_to(target)
    if there:
        target.write_text('version = 1\n[keys]\nX_API_KEY = "openai:prod"\n' if name == ".lkr.toml" else "")
    before = target.read_text() if there else None
    (folder / "profiles").write_text("")
    for words in (["init", "--yes"], ["import", ".env", "--yes"], ["add", "GROQ_API_KEY=groq:x"], ["use"]):
        user.run(*words, cwd=folder)
    assert (target.read_text() if target.exists() else None) == before
    assert (folder / name).is_symlink()


def test_a_template_reads_and_writes_no_file_outside_the_project(user: User) -> None:
    folder = user.project("p", f'{B} = "anthropic:main"')
    outside = user.home / "outside"
    outside.mkdir()
    (outside / "secret").write_text("{{lkr:anthropic:main}}")
    (folder / "t.template").symlink_to(outside / "secret")
    assert "leads out of" in user.lkr("gen", "t.template", "--force", cwd=folder, code=2)
    (folder / "u.template").write_text("{{lkr:anthropic:main}}")
    (folder / "u").symlink_to(outside / "u")
    assert "leads out of" in user.lkr("gen", "u.template", "--force", cwd=folder, code=2)
    (folder / "conf").symlink_to(outside)
    assert "leads out of" in user.lkr("gen", "u.template", "-o", "conf/u", "--force", cwd=folder, code=2)
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert OTHER not in (outside / "secret").read_text()


def test_only_one_module_starts_git() -> None:
    import ast

    import lkrshell

    package = Path(lkrshell.__file__).parent
    for path in package.rglob("*.py"):
        words = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
        assert "git" not in words or path.relative_to(package) == Path("system/git.py"), path
