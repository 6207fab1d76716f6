"""Which variables may hold a key: none that steers programs, whoever asks; every one that projects keep keys in."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import OTHER, VALUE, User

from lkrshell.core import names, variables
from lkrshell.core.errors import ManifestError
from lkrshell.project import manifest
from lkrshell.runtime.known_agents import AGENTS
from lkrshell.vendors import providers

HERE = Path(__file__).parent


def words(file: str) -> list[str]:
    lines = (HERE / file).read_text().splitlines()
    return [word for line in lines if not line.startswith("#") for word in line.split()]


STEERING, SECRETS = words("steering_variables.txt"), words("secret_variables.txt")
MARKS = [mark for marks, _ in AGENTS.values() for mark in marks]
A = "OPENAI_API_KEY"


def takes(variable: str, let_in: tuple[str, ...] = ()) -> bool:
    """The parser takes a manifest that wants a key in `variable`."""
    try:
        manifest.parse("/p/.lkr.toml", f'version = 1\n[keys]\n{variable} = "openai:prod"', let_in=let_in)
    except ManifestError:
        return False
    return True


def test_of_many_hundred_dangerous_names_none_gets_a_key() -> None:
    assert len(set(STEERING)) == len(STEERING) >= 1800
    assert all(map(names.is_variable, STEERING)), "each would pass but for what it is"
    assert [name for name in STEERING + MARKS if takes(name)] == []


def test_no_dangerous_name_is_let_in_by_the_person_either() -> None:
    assert [name for name in STEERING + MARKS if takes(name, (name,))] == []


def test_every_name_that_real_projects_keep_keys_in_gets_one() -> None:
    ours = [name for each in providers.builtin().values() for name in (each.variable, *each.aliases)]
    assert len(SECRETS) > 140
    assert [name for name in SECRETS + ours if not takes(name)] == []
    assert set(SECRETS).isdisjoint(STEERING)


@pytest.mark.parametrize(
    "words",
    [
        ["zsh", "-f", "-c", "zmodload zsh/parameter zsh/datetime zsh/zle; print -l ${(k)parameters}"],
        ["zsh", "-f", "-i", "-c", "print -l ${(k)parameters}"],
        ["bash", "--norc", "-i", "-c", "compgen -v"],
        ["bash", "--posix", "-c", "compgen -v"],
        ["fish", "-N", "-c", "set -n"],
    ],
)
def test_no_variable_that_a_shell_has_of_its_own_gets_a_key(words: list[str]) -> None:
    done = subprocess.run(words, env={"HOME": "/", "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=60)
    own = [name for name in done.stdout.split() if names.is_variable(name)]
    assert len(own) > 8, done
    assert [name for name in own if takes(name) or takes(name, (name,))] == []


@pytest.mark.parametrize("name", ["TOKEN", "PASSWORD", "OPENAI_ORG", "DATABASE_URL", "SENTRY_DSN", "OPENAI_API_KEY_2"])
def test_what_is_not_plainly_a_secret_waits_for_the_person(name: str) -> None:
    assert not takes(name)
    assert takes(name, (name,))


def allow(user: User, folder: Path, *words: str, code: int = 0) -> str:
    return user.lkr("allow", "--yes", *words, cwd=folder, code=code)


def grant_of(user: User) -> Path:
    (path,) = [path for path in (user.home / ".local/share/lkr/grants").iterdir() if path.name[0] != "."]
    return path


@pytest.mark.parametrize("name", ["SAVEHIST", "OPENAI_BASE_URL", "PERLLIB", "CLAUDECODE", "LOCALDOMAIN", "LD_MY_KEY"])
def test_a_steering_variable_is_refused_at_every_door(user: User, name: str) -> None:
    folder = user.project("p", f'{name} = "openai:prod"', allow=False)
    assert f"{name} changes how programs run" in allow(user, folder, code=78)
    assert f"{name} changes how programs run" in allow(user, folder, "--variable", name, code=64)
    assert "changes how programs run" in user.lkr("exec", "-k", f"{name}=openai:prod", "--", "env", code=64)
    good = user.project("good")
    text = (good / ".lkr.toml").read_text()
    assert "changes how programs run" in user.lkr("add", f"{name}=openai:prod", cwd=good, code=64)
    assert (good / ".lkr.toml").read_text() == text
    user.config(f'[providers.mine]\nvariable = "{name}"\n')
    assert "the provider 'mine' is not valid" in user.lkr("list", code=1)


def test_the_person_lets_one_variable_in_for_one_project(user: User) -> None:
    folder = user.project("p", 'DATABASE_URL = "openai:prod"', allow=False)
    said = allow(user, folder, code=78)
    assert ".lkr.toml:4:1: DATABASE_URL does not belong to a provider" in said
    assert "allow it: lkr allow --variable DATABASE_URL" in said
    assert "allow it: lkr allow --variable DATABASE_URL" in user.lkr(
        "exec", "-k", "DATABASE_URL=openai:prod", "--", "env", code=64
    )
    both = ("--variable", "DATABASE_URL", "--variable", "SENTRY_DSN")
    assert "this manifest does not name SENTRY_DSN" in allow(user, folder, *both, code=64)
    assert "! DATABASE_URL does not look like a secret's variable" in allow(user, folder, "--variable", "DATABASE_URL")
    assert f"DATABASE_URL={VALUE}" in user.lkr("exec", "--", "env", cwd=folder)
    assert "'DATABASE_URL'" in user.lkr("export", "bash", cwd=folder)
    assert f"DATABASE_URL={OTHER}" in user.lkr("exec", "-k", "DATABASE_URL=anthropic:main", "--", "env", cwd=folder)

    other = user.home / "other"
    shutil.copytree(folder, other)
    assert "allow it" in allow(user, other, code=78), "in another project it is another question"

    user.lkr("add", "ANTHROPIC_API_KEY=anthropic:main", cwd=folder)
    (folder / ".lkr.toml").write_text((folder / ".lkr.toml").read_text() + "# more\n")
    said = "! DATABASE_URL does not look like a secret's variable"
    assert said in allow(user, folder), "kept while it is there, and shown"
    out = user.lkr("exec", "--", "env", cwd=folder)
    assert f"DATABASE_URL={VALUE}" in out and OTHER in out

    (folder / ".lkr.toml").write_text(f'version = 1\n[keys]\n{A} = "openai:prod"\n')
    allow(user, folder)
    (folder / ".lkr.toml").write_text('version = 1\n[keys]\nDATABASE_URL = "openai:prod"\n')
    assert "allow it" in allow(user, folder, code=78), "it was gone in between"
    allow(user, folder, "--variable", "DATABASE_URL")
    user.lkr("deny", cwd=folder)
    assert "allow it" in allow(user, folder, code=78), "deny takes it back"


def test_add_says_how_to_allow_a_variable_that_is_not_a_secrets(user: User) -> None:
    folder = user.project("p")
    said = user.lkr("add", "DATABASE_URL=openai:prod", cwd=folder, code=64)
    assert "into .lkr.toml, then allow it: lkr allow --variable DATABASE_URL" in said
    assert "DATABASE_URL" not in (folder / ".lkr.toml").read_text()


def as_first_format(path: Path, change: tuple[str, str] = ("", "")) -> None:
    """The grant as lkr wrote it before variables were let in."""
    rows = path.read_text().splitlines(keepends=True)
    assert rows[0] == "lkr-grant-2\n"
    fresh = ("variables\t", "worktrees\t", "require\t")
    text = "".join(["lkr-grant-1\n", *(row for row in rows[1:] if not row.startswith(fresh))])
    path.write_text(text.replace(*change) if change[0] else text)


def test_a_grant_of_an_earlier_lkr_still_counts(user: User) -> None:
    folder = user.project("p", f'{A} = {{ key = "openai:prod", scope = {{ commands = ["env"] }} }}')
    as_first_format(grant_of(user))
    assert VALUE in user.lkr("exec", "--", "env", cwd=folder)
    user.lkr("export", "bash", cwd=folder)


@pytest.mark.parametrize("name", ["SAVEHIST", "OPENAI_BASE_URL", "OUR_OWN_THING"])
def test_a_grant_of_an_earlier_lkr_gives_nothing_that_is_refused_now(user: User, name: str) -> None:
    folder = user.project("p")
    (folder / ".lkr.toml").write_text((folder / ".lkr.toml").read_text().replace(A, name))
    as_first_format(grant_of(user), (A, name))
    for words in (("export", "bash"), ("exec", "--", "env")):
        said = user.lkr(*words, cwd=folder, code=78)
        assert f"was allowed by an earlier lkr, which accepted {name}; review it again: lkr allow" in said
        assert VALUE not in said
    assert user.lkr("doctor", cwd=folder, code=1).count(f"accepted {name}") == 1, "this project, and every grant"
    if name == "OUR_OWN_THING":
        user.config('[providers.openai]\nvariable = "OUR_OWN_THING"\n')
        assert VALUE in user.lkr("exec", "--", "env", cwd=folder), "a provider of the user's own has it"
        user.config("")
        assert "same content" not in user.lkr("allow", "--yes", "--variable", name, cwd=folder)


def test_a_grant_of_an_earlier_lkr_makes_no_function_that_a_shell_calls_by_itself(user: User) -> None:
    folder = user.project("p", f'{A} = {{ key = "openai:prod", scope = {{ commands = ["friend"] }} }}')
    (folder / ".lkr.toml").write_text((folder / ".lkr.toml").read_text().replace("friend", "precmd"))
    as_first_format(grant_of(user), ("friend", "precmd"))
    said = user.lkr("export", "bash", cwd=folder, code=78)
    assert "accepted precmd" in said and "__lkr_wrap" not in said


CALLED = """zshaddhistory zshexit zsh_directory_name precmd preexec chpwd periodic TRAPDEBUG TRAPINT TRAPZERR TRAPEXIT
    TRAPWINCH command_not_found_handle command_not_found_handler fish_prompt fish_right_prompt fish_title fish_greeting
    fish_command_not_found fish_preexec fish_postexec fish_exit fish_user_key_bindings zle-line-init zle-line-finish
    zle-keymap-select prompt_me_setup compinit compdef cd eval source lkr bash_command_not_found""".split()


@pytest.mark.parametrize("name", CALLED)
def test_no_function_that_a_shell_calls_by_itself_is_made_of_a_command(user: User, name: str) -> None:
    text = f'version = 1\n[keys]\n{A} = {{ key = "openai:prod", scope = {{ commands = ["{name}"] }} }}'
    with pytest.raises(ManifestError, match="is not the name of a program"):
        manifest.parse("/p/.lkr.toml", text)


def test_programs_that_are_called_as_a_shell_s_functions_begin_still_get_their_key() -> None:
    for name in ("zsh", "bash", "fish", "python3.12", "trap-cli", "compose", "prompt", "precommit", "node"):
        assert names.is_command(name)


def test_the_schema_of_editors_refuses_what_nobody_can_let_in_and_no_more() -> None:
    patterns = [re.compile(each) for each in variables.patterns()]
    for name in [*STEERING, *MARKS, *SECRETS, "DATABASE_URL", "TOKEN"]:
        assert any(each.search(name) for each in patterns) == (not takes(name, (name,))), name


BOUNDS = {
    "a dotted key": "a" + ".a" * 30_000 + " = 1",
    "dotted headers": "".join(f"[{'a.' * 15}b{n}]\n" for n in range(1600)),
    "many digits": "x = " + "9" * 60_000,
    "digits with lines": "x = " + "9_" * 30_000 + "9",
    "a deep array": "x = " + "[" * 30_000,
    "deep tables": "x = " + "{a=" * 15_000,
    "depth behind a string of five quotes": 'x = ["""a"""", ' + "[" * 60_000,
    "depth behind a comment": "x = [ # '\n" + "[" * 60_000,
    "quoted dotted keys": 'x = { "a"' + '."b"' * 14_000 + " = 1 }",
    "brackets within a string": 'y = """\n' + "[" * 60_000 + '\n"""',
    "open strings": '"""\\' * 16_000,
    "too large": "#" * 70_000,
    "tables": "".join(f"[[a{n}]]\n" for n in range(5_000)),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_no_manifest_or_setting_takes_the_machine_s_time_or_memory(user: User, name: str) -> None:
    """By limits of the system: 5 s of processor time and 400 MB; each is refused with a reason and no traceback."""
    limits = ["prlimit", "--cpu=5", f"--as={400 << 20}", "--core=0", user.program]
    folder = user.project("p", allow=False)
    (folder / ".lkr.toml").write_text("version = 1\n" + BOUNDS[name] + "\n")
    for words in (["allow", "--yes"], ["export", "bash"], ["schema"]):
        done = subprocess.run([*limits, *words], cwd=folder, env=user.env, capture_output=True, text=True)
        assert done.returncode == (0 if words == ["schema"] else 78), done
        assert "unexpected" not in done.stderr and "Traceback" not in done.stderr
        assert len(done.stderr) < 1000
    user.config(BOUNDS[name] + "\n")
    for words in (["list"], ["export", "bash"]):
        done = subprocess.run([*limits, *words], cwd=folder, env=user.env, capture_output=True, text=True)
        assert done.returncode in (1, 78), done
        assert "unexpected" not in done.stderr and "Traceback" not in done.stderr


def test_what_people_write_is_far_from_the_bounds(user: User) -> None:
    keys = "\n".join(
        f'K{n}_API_KEY = {{ key = "a:k{n}", scope = {{ commands = ["python", "node"] }} }}' for n in range(128)
    )
    profiles = "\n".join(f'[profiles.p{n}.keys]\nOPENAI_API_KEY = "openai:p{n}"' for n in range(128))
    comment = "# " + json.dumps("sk." * 300) + "\n"
    assert len(manifest.parse("/p", f"version = 1\n{comment}[keys]\n{keys}\n{profiles}\n").bindings) == 256


def test_a_variable_that_i_allowed_is_accepted_when_lkr_imports_adds_or_previews(user: User) -> None:
    folder = user.project("p", 'DATABASE_URL = "openai:prod"', allow=False)
    user.lkr("allow", "--yes", "--variable", "DATABASE_URL", cwd=folder)
    (folder / ".env").write_text("GROQ_API_KEY=gsk_0123456789abcdef\n")
    user.lkr("import", ".env", "--yes", cwd=folder)
    user.lkr("add", "ANTHROPIC_API_KEY=anthropic:main", cwd=folder)
    got = user.lkr("exec", "--", "env", cwd=folder)
    for line in (f"DATABASE_URL={VALUE}", "GROQ_API_KEY=gsk_0123456789abcdef", f"ANTHROPIC_API_KEY={OTHER}"):
        assert line in got
    manifest = folder / ".lkr.toml"
    manifest.write_text(manifest.read_text() + "# changed\n")
    said = user.lkr("export", "bash", cwd=folder, code=78)
    assert "changed since you allowed it" in said
    user.lkr("deny", cwd=folder)
    assert "DATABASE_URL" in user.lkr("export", "bash", cwd=folder, code=78), "and now it is named as what is wrong"
