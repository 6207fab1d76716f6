"""`team/openai:prod` and `sealed/openai:prod` wherever lkr takes the name of a key, and how it shows them."""

import json
import re
import subprocess
import sys

import pytest
from bao import Team
from conftest import VALUE, User

OF_TEAM, NEW = "sk-from-the-team-0123456789", "sk-renewed-0123456789-abcdef"
NAMES = {"team/openai:prod": OF_TEAM, "sealed/openai:prod": VALUE}
OTHERS = {"team/openai:prod": "sealed/openai:prod", "sealed/openai:prod": "team/openai:prod"}

each_name = pytest.mark.parametrize("name", NAMES)


class Project:
    """A folder whose allowed manifest names a key of the team's server, and a sealed one."""

    def __init__(self, user: User, team: Team) -> None:
        self.user, self.team, self.folder = user, team, user.home / "p"
        team.put("openai:prod", OF_TEAM)
        user.lkr("source", "add", "team", "openbao", team.server.address, "--mount", team.mount, "--yes")
        user.lkr("login", "team", "--stdin", stdin=team.token().encode())
        self.folder.mkdir()
        self.lkr("team", "init", "alice", "--yes")
        self.lkr("seal", "openai:prod", "--yes")
        keys = 'OPENAI_API_KEY = "team/openai:prod"\nSEALED_KEY = "sealed/openai:prod"'
        user.project("p", keys)

    def lkr(self, *words: str, stdin: bytes = b"", code: int = 0) -> str:
        """Runs lkr in the project. Nothing that it says has the name under which the store keeps a sealed key."""
        out = self.user.lkr(*words, stdin=stdin, cwd=self.folder, code=code)
        assert not re.search("sealed-[0-9a-f]{12}/", out), out
        return out

    def value(self, name: str) -> str:
        return self.lkr("exec", "-k", f"A_KEY={name}", "--", "printenv", "A_KEY").strip()


@pytest.fixture
def project(user: User, team: Team) -> Project:
    return Project(user, team)


@each_name
def test_exec_and_get(project: Project, name: str) -> None:
    assert project.value(name) == NAMES[name]
    assert NAMES[name] in project.lkr("get", name, "--force-plain")
    assert json.loads(project.lkr("get", name, "--json"))["name"] == name
    assert NAMES[name] in project.lkr("exec", "-k", name, "--", "printenv", "OPENAI_API_KEY")
    assert f"[lkr {name}]" in project.lkr("exec", "--redact", "-k", name, "--", "printenv", "OPENAI_API_KEY")


@each_name
def test_policy(project: Project, name: str) -> None:
    project.lkr("policy", name, "--agents", "deny", "--ttl", "8h")
    assert json.loads(project.lkr("policy", name, "--json"))["ttl"] == 8 * 3600
    assert project.lkr("policy", name).startswith(f"{name}: kind runtime")
    assert project.lkr("policy", OTHERS[name]).startswith(
        f"{OTHERS[name]}: kind runtime; projects anywhere; agents exec"
    )
    assert [row["name"] for row in json.loads(project.lkr("policy", "--json")) if row["ttl"]] == [name]
    assert f"{name} is refused to coding agents" in project.lkr("allow", "--yes")
    assert "you must type yes" in project.lkr("policy", name, "--agents", "exec", code=2)
    (project.user.home / "elsewhere").mkdir()
    project.lkr("policy", name, "--only", str(project.user.home / "elsewhere"))
    out = project.lkr("exec", "-k", f"A_KEY={name}", "--", "true", code=2)
    assert f"{name} is for other folders; lkr policy {name}" in out


@each_name
def test_an_agent_gets_it_by_name_where_the_manifest_names_it(project: Project, name: str) -> None:
    project.user.by_agent()
    assert f"[lkr {name}]" in project.lkr("exec", "-k", f"A_KEY={name}", "--", "printenv", "A_KEY")
    (project.folder / ".lkr.toml").write_text("version = 1\n")
    assert f"names {name} for a coding agent" in project.lkr("exec", "-k", f"A_KEY={name}", "--", "true", code=2)


@each_name
def test_set_rotate_list_and_rm(project: Project, name: str) -> None:
    source, _, inside = name.partition("/")
    assert f"{name} is already stored" in project.lkr("set", name, "--stdin", stdin=NEW.encode(), code=2)
    project.lkr("set", name, "--stdin", "--force", stdin=NEW.encode())
    assert project.value(name) == NEW
    project.lkr("rotate", name, "--stdin", stdin=f"{NEW}-2".encode())
    assert project.value(name) == f"{NEW}-2"
    project.lkr("set", f"{source}/groq:ci", "--stdin", stdin=b"gsk_0123456789abcdef")
    rows = json.loads(project.lkr("list", "--source", source, "--json"))
    versions = {row["name"]: row["version"] for row in rows}
    assert set(versions) == {f"{source}/groq:ci", name}
    assert versions[name] == "3"
    assert project.lkr("list", "openai", "--source", source).startswith(f"{name}  just now  3")
    assert source not in project.lkr("list").replace(str(project.folder), ""), "no key of the machine's own"
    assert f"{name} is in the manifest of" in project.lkr("rm", name, "--yes")
    project.lkr("get", name, "--force-plain", code=1)
    assert inside in project.lkr("rm", name, "--yes", code=1)
    assert project.value(OTHERS[name]) == NAMES[OTHERS[name]], "the other key of that name stays"


@each_name
def test_a_virtual_key(project: Project, name: str) -> None:
    found = json.loads(project.lkr("token", name, "--json"))
    assert found["name"] == name
    assert found["token"].startswith("lkr-vk-")
    assert [row["name"] for row in json.loads(project.lkr("broker", "--json"))["keys"]] in ([name], [])


@each_name
def test_the_log(project: Project, name: str) -> None:
    project.value(name)
    rows = [json.loads(line) for line in project.lkr("audit", "--key", name, "--event", "exec", "--json").splitlines()]
    assert [(row["keys"], row["project"]) for row in rows] == [(name, str(project.folder))]


@each_name
def test_a_template(project: Project, name: str) -> None:
    (project.folder / "t.template").write_text(f"key: {{{{lkr:{name}}}}}\n")
    out = project.lkr("gen", "t.template", "--force", "--json")
    assert json.loads(out[: out.rindex("}") + 1])["keys"] == [{"place": f"{{{{lkr:{name}}}}}", "name": name}]
    assert (project.folder / "t").read_text() == f"key: {NAMES[name]}\n"


@each_name
def test_a_manifest(project: Project, name: str) -> None:
    (project.folder / ".lkr.toml").unlink()
    assert f"MY_OWN_KEY ← {name}" in project.lkr("add", f"MY_OWN_KEY={name}")
    assert f"{name}" in project.lkr("status")
    assert project.lkr("exec", "--", "printenv", "MY_OWN_KEY").strip() == NAMES[name]


@each_name
def test_python(project: Project, name: str) -> None:
    (project.folder / "app.py").write_text(
        "import lkrshell, os\n"
        f"assert lkrshell.get({name!r}).reveal() == {NAMES[name]!r}\n"
        "print(*sorted(lkrshell.load().loaded.values()))\n"
    )
    done = subprocess.run(
        [sys.executable, "app.py"], env=project.user.env, cwd=project.folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "sealed/openai:prod team/openai:prod"


@each_name
def test_commands_for_keys_of_this_machine_say_so(project: Project, name: str) -> None:
    what = {"team": "is a key of a source", "sealed": "is in the project's repository"}[name.partition("/")[0]]
    assert f"{name} {what}" in project.lkr("rename", name, "openai:mine", code=64)
    assert f"{name} {what}" in project.lkr("rename", "openai:prod", name, code=64)


def test_a_sealed_key_that_is_not_opened_yet(project: Project) -> None:
    project.lkr("seal", "groq:ci", "--stdin", stdin=b"gsk_0123456789abcdef")
    for path in (project.user.home / ".local/share/lkr").glob("*/vault/.sealed-*groq/ci"):
        path.unlink()
    (copy,) = (project.user.home / ".local/share/lkr/vault/keys").glob("sealed-*groq/ci.age")
    copy.unlink()
    assert "sealed/groq:ci is not opened yet; lkr unseal" in project.lkr(
        "get", "sealed/groq:ci", "--force-plain", code=1
    )
    assert "not opened yet: sealed/groq:ci; lkr unseal" in project.lkr(
        "exec", "-k", "sealed/groq:ci", "--", "env", code=1
    )
    project.lkr("unseal", "sealed/groq:ci")
    assert project.value("sealed/groq:ci") == "gsk_0123456789abcdef"


def test_outside_the_project_a_sealed_name_means_nothing(project: Project) -> None:
    for words in (("get", "--force-plain"), ("policy",), ("rm", "--yes"), ("exec", "-k")):
        rest = ("--", "true") if words[0] == "exec" else ()
        out = project.user.lkr(*words, "sealed/openai:prod", *rest, code=1)
        assert "there is no .lkr/members.toml here or above" in out


def test_the_name_of_a_copy_cannot_be_typed(project: Project) -> None:
    (copy,) = (project.user.home / ".local/share/lkr/vault/keys").glob("sealed-*")
    name = f"{copy.name.replace('~', '/')}:prod"
    for words in (("get", name, "--force-plain"), ("exec", "-k", name, "--", "env"), ("policy", name)):
        assert "write sealed/openai:prod" in project.lkr(*words, code=64)
