"""`lkr init`: a first run in a project, and a new team member's."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest
from conftest import BIN, User
from shells import Shell

TYPED = "gsk_" + "x" * 20
IN_ENV = "abcdefghijklmnop"
# All that init may ask in the project of `first_run`, in order, and an answer that goes on.
QUESTIONS = {
    "Store these keys from .env?": "y",
    "Write this .lkr.toml and allow it?": "y",
    "Take the values out of .env?": "y",
    "Store it?": "y",
    "Label": "mine",
    "Value of groq:mine": TYPED,
    "Add .lkr.local.toml to .gitignore?": "y",
    "Change these files, so that new shells": "y",
}
# What a file of each kind says to read a key, and a name that is in it.
READS = {
    "a.py": "os.environ['{}']", "b.py": "os.getenv(\"{}\")", "c.py": "os.environ.get('{}', '')",
    "a.js": "process.env.{}", "b.js": "process.env['{}']", "c.ts": "const {{ PORT, {} }} = process.env",
    "d.ts": "import.meta.env.{}", "e.ts": "Deno.env.get('{}')",
    "a.go": 'os.Getenv("{}")', "b.go": 'os.LookupEnv("{}")',
    "a.rs": 'env::var("{}")', "b.rs": 'option_env!("{}")',
    "a.rb": "ENV['{}']", "b.rb": 'ENV.fetch("{}")', "a.java": 'System.getenv("{}")', "a.php": "getenv('{}')",
    "a.cs": 'Environment.GetEnvironmentVariable("{}")',
    "a.sh": "curl $" "{}", "b.sh": ": ${{{}?is needed}}", "c.sh": '"${{{}:-none}}"', "script": "#!/bin/sh\necho ${}",
    "compose.yml": "services:\n  app:\n    environment:\n      - {}\n",
    "docker-compose.yaml": "services:\n  app:\n    environment:\n      {}:\n", "Dockerfile": "FROM x\nARG {}\n",
    ".envrc": "export {}=$(x)\n: ${}\n", "Makefile": "run:\n\tapp ${{{}}}\n",
}  # fmt: skip


@pytest.fixture
def first_run(user: User) -> Path:
    folder = user.home / "new"
    folder.mkdir()
    (folder / ".env").write_text(f"MISTRAL_API_KEY={IN_ENV}\nPORT=80\n")
    (folder / "app.py").write_text("import os\nos.environ['GROQ_API_KEY']\nos.environ['LD_PRELOAD_API_KEY']\n")
    subprocess.run(["git", "init", "-q"], cwd=folder, env=user.env, check=True)
    return folder


def begin(user: User, folder: Path, *words: str) -> "pexpect.spawn[str]":
    """`lkr init` below a bash, as a person starts it, so that it knows the shell; no key may be on the screen."""
    command = f"cd {folder} && {BIN}/lkr init {' '.join(words)}; echo code $?"
    return pexpect.spawn(
        "bash", ["-c", command], env={**user.env, "TERM": "dumb"}, encoding="utf-8", timeout=60, dimensions=(60, 200)
    )


def test_a_first_run_finds_the_keys_that_files_and_code_speak_of(user: User, first_run: Path) -> None:
    said = user.lkr("init", cwd=first_run, code=64)
    assert "--yes" in said
    assert "--import" in said
    assert not (first_run / ".lkr.toml").exists()
    said = user.lkr("init", "--yes", "--import", cwd=first_run)
    assert "GROQ_API_KEY is in app.py" in said
    assert "lkr set groq:main" in said
    assert IN_ENV not in said
    assert (first_run / ".lkr.toml").read_text() == (
        'version = 1\n\n[keys]\nMISTRAL_API_KEY = "mistral:main"\nGROQ_API_KEY = "groq:main"\n'
    )
    assert ".env still has MISTRAL_API_KEY in plain text; to store and comment out: lkr import .env --blank" in said
    assert (first_run / ".gitignore").read_text() == ".lkr.local.toml\n.env\n"
    assert "mistral:main" in user.lkr("list")


def test_it_knows_how_each_language_reads_a_variable(user: User) -> None:
    folder = user.home / "many"
    folder.mkdir()
    (folder / "notes").write_text("no script: $NOTES_API_KEY")
    (folder / "data.txt").write_text("os.environ['TEXT_API_KEY']")
    names = {}
    for number, (file, text) in enumerate(READS.items()):
        names[f"N{number}_API_KEY"] = file
        (folder / file).write_text(text.replace("{}", "@").format().replace("@", f"N{number}_API_KEY"))
    said = user.lkr("init", "--yes", cwd=folder)
    assert dict(re.findall(r"^  (\w+) is in (\S+)$", said, re.M)) == names


def test_a_first_run_that_agrees_to_all(user: User, first_run: Path) -> None:
    child = begin(user, first_run)
    for question, answer in QUESTIONS.items():
        child.expect_exact(question)
        child.sendline(answer)
    child.expect_exact("code 0")
    assert (first_run / ".lkr.local.toml").read_text() == '[keys]\nGROQ_API_KEY = "groq:mine"\n'
    assert (first_run / ".env").read_text() == "# MISTRAL_API_KEY= moved to lkr: mistral:main\nPORT=80\n"
    assert (first_run / ".gitignore").read_text() == ".lkr.local.toml\n"
    assert "lkr" in (user.home / ".bashrc").read_text()
    lengths = user.lkr("exec", "--", "sh", "-c", "echo ${#GROQ_API_KEY} ${#MISTRAL_API_KEY}", cwd=first_run)
    assert lengths == f"{len(TYPED)} {len(IN_ENV)}\n"
    child = begin(user, first_run)  # and again: nothing is left to ask
    child.expect_exact("is allowed")
    child.expect_exact("code 0")
    assert "?" not in child.before


def test_each_step_can_be_declined(user: User, first_run: Path) -> None:
    before = sorted(path for path in user.home.rglob("*") if ".local/state/lkr" not in str(path))
    child = begin(user, first_run)
    child.expect_exact("Store these keys from .env?")
    child.sendline("y")
    child.expect_exact("Write this .lkr.toml and allow it?")
    child.sendline("n")
    child.expect_exact("lkr: stopped, nothing was changed")
    child.expect_exact("code 130")
    assert "?" not in child.before, "without the project, the other steps make no sense"
    assert sorted(path for path in user.home.rglob("*") if ".local/state/lkr" not in str(path)) == before
    child = begin(user, first_run)
    for question in QUESTIONS:
        if question in ("Take the values out of .env?", "Label", "Value of groq:mine"):
            continue
        child.expect_exact(question)
        child.sendline("y" if question.startswith("Write") else "n")
        if question.startswith("Store it"):
            child.expect_exact(question)  # of Mistral's key and Groq's
            child.sendline("n")
        if question.startswith("Add"):
            child.expect_exact("Add .env to .gitignore?")  # since the key stays in it
            child.sendline("n")
    child.expect_exact("code 0")
    assert not (first_run / ".gitignore").exists()
    assert not (user.home / ".bashrc").exists()
    assert IN_ENV in (first_run / ".env").read_text()
    assert "mistral" not in user.lkr("list")


@pytest.mark.parametrize("end", ["c", "d"])
@pytest.mark.parametrize("last", QUESTIONS)
def test_stopped_at_any_question_it_tells_the_truth_and_goes_on_later(
    user: User, first_run: Path, last: str, end: str
) -> None:
    child = begin(user, first_run)
    child.logfile_read = log = (user.home / "log").open("w")
    for question, answer in QUESTIONS.items():
        child.expect_exact(question)
        if question == last:
            break
        child.sendline(answer)
    child.expect(": $")
    child.sendcontrol(end)
    child.expect(r"lkr: stopped([^\n]*)\r\n(?:.*\r\n)?code 130")
    assert child.match is not None
    assert ("nothing was changed" in child.match[1]) == (not (first_run / ".lkr.toml").exists())
    log.close()
    said = (user.home / "log").read_text()
    assert TYPED not in said
    assert IN_ENV not in said
    if last == "Add .lkr.local.toml to .gitignore?":
        assert "groq:mine" in (first_run / ".lkr.local.toml").read_text(), "a key that was stored is named"
    user.lkr("init", "--yes", "--import", cwd=first_run)
    assert "mistral:main" in user.lkr("list")


def test_an_env_file_without_keys_or_a_locked_vault_do_not_end_it(user: User, first_run: Path) -> None:
    (first_run / ".env").write_text("PORT=80\n")
    assert "Traceback" not in user.lkr("init", "--yes", "--import", cwd=first_run)
    (first_run / ".env").write_text(f"MISTRAL_API_KEY={IN_ENV}\n")
    user.lkr("lock")
    child = begin(user, first_run)
    child.expect_exact("Passphrase of the vault")
    child.sendline("a passphrase")
    child.expect_exact("Store these keys")
    child.sendcontrol("c")
    child.expect_exact("code 130")


def test_a_home_without_a_vault_gets_one(tmp_path: Path) -> None:
    (tmp_path / "fresh/new").mkdir(parents=True)
    user = User(tmp_path / "fresh")
    (user.home / "new/.env").write_text(f"MISTRAL_API_KEY={IN_ENV}\n")
    child = begin(user, user.home / "new")
    for question in ("Store these keys", "Write this", "A passphrase for the new vault", "Repeat"):
        child.expect_exact(question)
        child.sendline("a passphrase" if question[0] in "AR" else "y")
    child.expect_exact("1 key is in the vault")
    child.close(force=True)


@pytest.mark.parametrize("label", ["team", "mine"])
def test_a_new_member_clones_goes_in_and_runs_one_command(
    user: User, open_shell: Callable[..., Shell], label: str
) -> None:
    """In an interactive shell of each kind: one line says all; at the prompt after it the keys are there."""
    origin = user.home / "origin"
    origin.mkdir()
    keys = 'OPENAI_API_KEY = "openai:prod"\nGROQ_API_KEY = "groq:team"\n'
    keys += 'HF_TOKEN = { key = "huggingface:x", optional = true }'
    (origin / ".lkr.toml").write_text(f"version = 1\n[keys]\n{keys}\n")
    git = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", "-C", str(origin)]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *words], env=user.env, check=True)
    shell = open_shell()
    shell.run("git clone -q origin team")
    said = shell.run("cd team")
    (line,) = [each for each in said.splitlines() if "lkr:" in each]
    assert "OPENAI_API_KEY (openai:prod), GROQ_API_KEY (groq:team, not stored), HF_TOKEN (huggingface:x)" in line
    assert f"lkr init {user.home}/team" in line
    shell.child.sendline("lkr init")
    answers = {"Allow?": "", "GROQ_API_KEY wants groq:team": "", "Label [team]": label, f"Value of groq:{label}": TYPED,
               "HF_TOKEN could use": "", "to .gitignore?": "", "Change these files": "n"}  # fmt: skip
    for question, answer in answers.items():
        shell.child.expect_exact(question)
        shell.child.sendline(answer)
    said = shell.run(":")
    assert "+OPENAI_API_KEY (openai:prod)" in said
    assert f"+GROQ_API_KEY (groq:{label})" in said
    assert shell.value("GROQ_API_KEY") == TYPED
    local = user.home / "team/.lkr.local.toml"
    assert local.exists() == (label == "mine")
    assert TYPED not in shell.log.replace(f"'{TYPED}'", ""), "but for the line by which the test asks"


def test_a_broken_manifest_names_the_line_at_once(user: User) -> None:
    folder = user.project("broken", "OPENAI_API_KEY = ", allow=False)
    assert f"{folder}/.lkr.toml: not TOML: line 4, column 18" in user.lkr("export", "bash", cwd=folder, code=78)
    allowed = user.project("allowed")
    (allowed / ".lkr.toml").write_text("version = 1\n[keys\n")
    said = user.lkr("export", "bash", cwd=allowed, code=78)
    assert f"changed since you allowed it: {allowed}/.lkr.toml: not TOML: line 2" in said


def test_a_no_to_a_projects_own_manifest_ends_it(user: User) -> None:
    folder = user.project("team", allow=False)
    subprocess.run(["git", "init", "-q"], cwd=folder, env=user.env, check=True)
    child = begin(user, folder)
    child.expect_exact("Allow?")
    child.sendline("n")
    child.expect_exact("lkr: stopped, nothing was changed")
    child.expect_exact("code 130")
    assert [path.name for path in folder.iterdir() if path.name != ".git"] == [".lkr.toml"]
    assert "not allowed" in user.lkr("exec", "--", "env", cwd=folder, code=78)


def test_an_empty_line_or_a_placeholder_does_not_win_over_the_key_that_init_stores(user: User) -> None:
    folder = user.home / "new"
    folder.mkdir()
    (folder / ".env").write_text("GROQ_API_KEY=\nMISTRAL_API_KEY=your-key-here\nPORT=80\n")
    child = begin(user, folder)
    questions = {"Write this": "y", "Comment out the lines of GROQ_API_KEY, MISTRAL_API_KEY in .env": "y",
                 "groq:main, which is not stored": "n", "mistral:main, which is not stored": "n",
                 "Change these files": "n"}  # fmt: skip
    for question, answer in questions.items():
        child.expect_exact(question)
        child.sendline(answer)
    child.expect_exact("code 0")
    assert (folder / ".env").read_text() == (
        "# GROQ_API_KEY= moved to lkr: groq:main\n# MISTRAL_API_KEY= moved to lkr: mistral:main\nPORT=80\n"
    )


THEIRS = "sk-test-of-another-project-1234"


def second_project(user: User) -> Path:
    """A project whose .env has another OpenAI key than the stored openai:main."""
    user.lkr("set", "openai:main", "--stdin", stdin=b"sk-test-of-the-first-project")
    folder = user.home / "second"
    folder.mkdir()
    (folder / ".env").write_text(f"OPENAI_API_KEY={THEIRS}\n")
    return folder


def all_of(user: User) -> dict[Path, bytes]:
    """Every file of the user's but the log and what counts uses."""
    files = [path for path in user.home.rglob("*") if path.is_file() and ".local/state" not in str(path)]
    return {path: path.read_bytes() for path in files}


def test_a_second_project_gets_its_own_key_after_a_slip_at_the_label(user: User) -> None:
    folder = second_project(user)
    user.project("first", 'OPENAI_API_KEY = "openai:main"')
    child = begin(user, folder)
    answers = {"Store these keys": "y", "openai:main is in the manifest of ~/first": None,
               "openai:main has another value. Replace it?": "n", "Another label": "My App",
               "a label consists": None, "to skip it)": "prod", "already stored": None, "to skip it): ": "second",
               "Write this": "y", "Take the values": "n", "Change these files": "n"}  # fmt: skip
    for question, answer in answers.items():
        child.expect_exact(question)
        if answer:
            assert not (folder / ".lkr.toml").exists() or question[:4] in ("Take", "Chan")
            child.sendline(answer)
    child.expect_exact("code 0")
    assert 'OPENAI_API_KEY = "openai:second"' in (folder / ".lkr.toml").read_text()
    assert user.lkr("exec", "--", "printenv", "OPENAI_API_KEY", cwd=folder) == f"{THEIRS}\n"
    assert "the-first-project" in user.lkr("exec", "-k", "openai:main", "--", "env")


@pytest.mark.parametrize("end", ["n", "ctrl-c"])
@pytest.mark.parametrize("last", ["Replace it?", "Another label", "Write this"])
def test_a_no_or_ctrl_c_in_a_second_project_leaves_nothing_half_done(user: User, last: str, end: str) -> None:
    folder = second_project(user)
    (folder / "app.py").write_text("os.environ['GROQ_API_KEY']")
    before = all_of(user)
    child = begin(user, folder)
    for question, answer in {
        "Store these": "y",
        "Replace it?": "n",
        "Another label": "second",
        "Write this": "n",
    }.items():
        child.expect_exact(question)
        child.expect(": $")
        if question == last and end == "ctrl-c":
            child.sendcontrol("c")
            child.expect_exact("nothing was changed")
            break
        child.sendline("" if question == last == "Another label" else answer)
    else:
        child.expect_exact("nothing was changed")
    child.expect_exact("code 130")
    child.close()
    assert all_of(user) == before


@pytest.mark.parametrize("words", [["--yes"], ["--yes", "--import"]])
def test_init_without_questions_never_names_another_projects_key(user: User, words: list[str]) -> None:
    folder = second_project(user)
    (folder / "app.py").write_text("os.environ['GROQ_API_KEY']")
    said = user.lkr("init", *words, cwd=folder)
    assert "skipped OPENAI_API_KEY" in said
    assert (folder / ".lkr.toml").read_text() == 'version = 1\n\n[keys]\nGROQ_API_KEY = "groq:main"\n'


def test_a_key_that_is_left_out_is_named_once_and_git_need_not_take_it(user: User) -> None:
    folder = second_project(user)
    with (folder / ".env").open("a") as file:
        file.write(f"GROQ_API_KEY={TYPED}\n")
    subprocess.run(["git", "init", "-q"], cwd=folder, env=user.env, check=True)
    child = begin(user, folder)
    child.logfile_read = log = (user.home / "log").open("w")
    for question, answer in {"Store these": "y", "Replace it?": "n", "Another label": "", "Write this": "y",
                             "Take the values": "y", "Add .lkr.local.toml": "y", "Add .env": "y",
                             "Change these files": "y"}.items():  # fmt: skip
        child.expect_exact(question)
        child.sendline(answer)
    child.expect_exact("lkr: installed; now run: exec bash")
    child.expect_exact("code 0")
    log.close()
    said = (user.home / "log").read_text()
    assert said.count("skipped OPENAI_API_KEY") == 1 and THEIRS not in said
    assert "lkr: .env still has OPENAI_API_KEY in plain text; to store" in said
    assert (folder / ".gitignore").read_text() == ".lkr.local.toml\n.env\n"


def test_a_key_of_the_same_value_is_the_one_that_is_named(user: User) -> None:
    user.lkr("set", "openai:blog", "--stdin", stdin=THEIRS.encode())
    folder = second_project(user)
    assert "openai:blog (same)" in user.lkr("init", "--yes", "--import", cwd=folder)
    assert "openai:blog" in (folder / ".lkr.toml").read_text()


def test_init_in_the_home_folder_warns_that_every_project_gets_the_keys(user: User) -> None:
    (user.home / ".env.example").write_text("OPENAI_API_KEY=\n")
    said = "lkr: a .lkr.toml in ~ serves every folder below it that has none of its own"
    child = begin(user, user.home)
    child.expect_exact(said)
    child.expect_exact("Write this .lkr.toml and allow it? [y/N]: ")
    child.sendline("")
    child.expect_exact("lkr: stopped, nothing was changed")
    child.expect_exact("code 130")
    assert said in user.lkr("init", "--yes")


def test_init_names_no_key_that_no_file_speaks_of(user: User) -> None:
    folder = user.home / "empty"
    folder.mkdir()
    assert "lkr add" in user.lkr("init", "--yes", cwd=folder, code=1)
    assert not list(folder.iterdir())
    user.lkr("add", "OPENAI_API_KEY=openai:prod", cwd=folder)
    assert user.lkr("exec", "--", "env", cwd=folder).count("_API_KEY=") == 1


def test_init_proposes_no_admin_key(user: User) -> None:
    user.lkr("set", "groq:admin", "--stdin", "--kind", "admin", stdin=b"gsk_admin_12345678")
    user.lkr("set", "mistral:main", "--stdin", "--kind", "admin", stdin=b"admin-12345678")
    folder = user.home / "new"
    folder.mkdir()
    (folder / ".env.example").write_text("GROQ_API_KEY=\nMISTRAL_API_KEY=\n")
    user.lkr("init", "--yes", cwd=folder)
    text = (folder / ".lkr.toml").read_text()
    assert 'GROQ_API_KEY = "groq:main"' in text
    assert 'MISTRAL_API_KEY = "mistral:mistral-api-key"' in text


def test_a_label_of_my_own_goes_into_my_file_of_the_short_form_too(user: User) -> None:
    folder = user.project("team", 'GROQ_API_KEY = "groq:team"', allow=False)
    (folder / ".lkr.local.toml").write_text('keys = ["openai:prod"] # mine\n')
    child = begin(user, folder)
    for question, answer in {"Allow?": "y", "Store it?": "y", "Label": "mine", "Value of groq:mine": TYPED,
                             "Change these files": "n"}.items():  # fmt: skip
        child.expect_exact(question)
        child.sendline(answer)
    child.expect_exact("code 0")
    local = (folder / ".lkr.local.toml").read_text()
    assert local.lstrip() == '[keys]\nOPENAI_API_KEY = "openai:prod"\nGROQ_API_KEY = "groq:mine"\n'
    assert f"GROQ_API_KEY={TYPED}" in user.lkr("exec", "--", "env", cwd=folder)


def test_a_key_of_my_own_in_a_teams_project_goes_into_my_file(user: User) -> None:
    folder = user.project("team", 'OPENAI_API_KEY = "openai:prod"', allow=False)
    (folder / ".env").write_text(f"OPENAI_API_KEY={THEIRS}\n")
    before = (folder / ".lkr.toml").read_text()
    child = begin(user, folder)
    for question, answer in {"Allow?": "y", "Store these": "y", "Replace it?": "n", "Another label": "mine",
                             "Take the values": "y", "Change these files": "n"}.items():  # fmt: skip
        child.expect_exact(question)
        child.sendline(answer)
    child.expect_exact("code 0")
    assert (folder / ".lkr.toml").read_text() == before
    assert (folder / ".lkr.local.toml").read_text() == '[keys]\nOPENAI_API_KEY = "openai:mine"\n'
    assert user.lkr("exec", "--", "printenv", "OPENAI_API_KEY", cwd=folder) == f"{THEIRS}\n"


def test_what_loads_the_env_file_afterwards_leaves_the_loaded_key_alone(
    user: User, open_shell: Callable[..., Shell]
) -> None:
    folder = user.home / "p"
    folder.mkdir()
    (folder / ".env").write_text(f"export OPENAI_API_KEY='{THEIRS}' # the key\nPORT=80\n")
    user.lkr("import", ".env", "--yes", "--blank", cwd=folder)
    assert (folder / ".env").read_text() == "# OPENAI_API_KEY= moved to lkr: openai:main # the key\nPORT=80\n"
    shell = open_shell()
    shell.run("cd p")
    if shell.shell != "fish":
        shell.run("set -a; source ./.env; set +a")
    assert shell.value("OPENAI_API_KEY") == THEIRS
    script = "import dotenv, os; dotenv.load_dotenv('.env', override=True); print(os.environ['OPENAI_API_KEY'] != '')"
    assert "True" in shell.run(f'{BIN}/python -c "{script}"')
