"""Writing, listing and showing keys at a team's OpenBao; what status, doctor, allow and init say of it."""

import json
from pathlib import Path

import pytest
from bao import Team
from conftest import User

FIRST, SECOND = "sk-from-the-team-0123456789", "sk-rotated-by-the-team-0123456789"
MANIFEST = 'OPENAI_API_KEY = "team/openai:prod"'


@pytest.fixture
def member(user: User, team: Team) -> User:
    team.put("openai:prod", FIRST, note="kept")
    user.lkr("source", "add", "team", "openbao", team.server.address, "--mount", team.mount, "--yes")
    user.lkr("login", "team", "--stdin", stdin=team.token("anthropic:closed").encode())
    return user


def at_server(team: Team, name: str) -> dict[str, str]:
    found = team.server.request("GET", f"{team.mount}/data/{name.replace(':', '/')}")["data"]["data"]
    return dict(found)


def copied(user: User, folder: Path) -> str:
    return user.lkr("exec", "--", "printenv", "OPENAI_API_KEY", cwd=folder).strip()


def test_a_key_is_written_replaced_rotated_back_and_removed(member: User, team: Team) -> None:
    folder = member.project("p", MANIFEST)
    member.lkr("set", "team/groq:ci", "--stdin", stdin=b"gsk_0123456789abcdef")
    assert at_server(team, "groq:ci") == {"value": "gsk_0123456789abcdef"}
    assert "already stored" in member.lkr("set", "team/openai:prod", "--stdin", stdin=SECOND.encode(), code=2)
    member.lkr("rotate", "team/openai:prod", "--stdin", stdin=SECOND.encode())
    assert at_server(team, "openai:prod") == {"value": SECOND, "note": "kept"}, "other fields stay"
    assert copied(member, folder) == SECOND
    member.lkr("rotate", "team/openai:prod", "--undo")
    assert copied(member, folder) == FIRST
    assert FIRST in member.lkr("get", "team/openai:prod", "--force-plain")
    rows = json.loads(member.lkr("list", "--source", "team", "--json"))
    assert [(row["name"], row["copy"], row["version"]) for row in rows] == [
        ("team/groq:ci", False, None), ("team/openai:prod", True, "3"),
    ]  # fmt: skip
    member.lkr("rm", "team/openai:prod", "--yes")
    assert "has no openai:prod" in member.lkr("get", "team/openai:prod", "--force-plain", code=1)
    assert "the source team does not have openai:prod" in member.lkr("exec", "--", "true", cwd=folder, code=1)


def test_what_the_server_forbids_is_reported_in_one_line(member: User, team: Team) -> None:
    for words in (
        ("set", "team/anthropic:closed", "--stdin", "--force"),
        ("get", "team/anthropic:closed", "--force-plain"),
    ):
        out = member.lkr(*words, stdin=b"sk-ant-0123456789", code=2)
        lines = [line for line in out.splitlines() if "plain text" not in line and "begin with" not in line]
        assert len(lines) == 1, out
        assert "the source team refuses to" in lines[0]
    assert "names a key without" not in member.lkr("rename", "team/openai:prod", "openai:mine", code=64)


def test_policy_holds_for_a_key_of_a_source(member: User, team: Team) -> None:
    folder = member.project("p", MANIFEST)
    elsewhere = member.home / "elsewhere"
    elsewhere.mkdir()
    member.lkr("policy", "team/openai:prod", "--only", str(elsewhere))
    member.lkr("refresh", cwd=folder)
    assert "is for other folders" in member.lkr("exec", "--", "true", cwd=folder, code=2)
    asked = len(team.asked())
    member.lkr("exec", "-k", "team/openai:prod", "--", "true", cwd=elsewhere)
    assert len(team.asked()) == asked, "from the copy"


def test_an_agent_fetches_only_what_the_manifest_gives_it(member: User, team: Team) -> None:
    folder = member.project("p", MANIFEST, allow=False)
    team.put("groq:ci", "gsk_0123456789abcdef")
    member.by_agent()
    asked = len(team.asked())
    member.lkr("exec", "-k", "team/groq:ci", "--", "true", cwd=folder, code=2)
    member.lkr("get", "team/openai:prod", "--force-plain", code=2)
    member.lkr("source", "add", "mine", "openbao", "http://127.0.0.1:1", "--yes", code=2)
    member.lkr("login", "team", "--stdin", code=2)
    member.lkr("list", "--source", "team", code=2)
    assert len(team.asked()) == asked
    del member.env["CLAUDECODE"]
    member.lkr("allow", "--yes", cwd=folder)
    member.by_agent()
    member.lkr("exec", "--", "sh", "-c", f"test ${{#OPENAI_API_KEY}} = {len(FIRST)}", cwd=folder)
    member.lkr("refresh", cwd=folder)


def test_status_and_doctor_know_the_copy_and_the_login(member: User, team: Team) -> None:
    folder = member.project("p", MANIFEST)
    assert "fetched just now, version 1" in member.lkr("status", cwd=folder)
    row = json.loads(member.lkr("status", "--json", cwd=folder))["wants"][0]
    assert (row["copy"]["source"], row["copy"]["version"], row["stored"]) == ("team", "1", True)
    source = json.loads(member.lkr("source", "--json"))[0]
    assert (source["name"], source["copies"], source["logged_in"], source["problem"]) == ("team", 1, True, None)
    member.lkr("logout", "team")
    assert "you are not logged in to the source team" in member.lkr("doctor", cwd=folder, code=1)
    assert "no recent copy" not in member.lkr("status", cwd=folder)


def test_keys_of_this_machine_move_to_the_team(member: User, team: Team) -> None:
    out = member.lkr("migrate", "vault", "--to", "team", "--yes")
    assert "1 key is in the source team" in out
    assert at_server(team, "anthropic:main") == {"value": "sk-ant-0123456789-anthropic"}
    assert at_server(team, "openai:prod")["value"] == FIRST, "another value there is not replaced"
    assert "kept openai:prod, which has another value there" in out


def test_ctrl_c_while_keys_move_to_the_team_does_not_deny_it(member: User, team: Team) -> None:
    code = """if True:
        import sys
        from lkrshell.cli import common, main
        def progress(items, label):
            yield from items
            raise KeyboardInterrupt
        common.progress = progress
        sys.stderr = sys.stdout
        print(main.run(["migrate", "vault", "--to", "team", "--yes"]))
    """
    assert "what was done until then stays" in member.python(code)
    assert at_server(team, "anthropic:main") == {"value": "sk-ant-0123456789-anthropic"}


TABLE = '[sources.team]\ntype = "openbao"\naddress = "{}"\nmount = "{}"\n'


def test_a_manifest_offers_its_source_and_one_command_sets_a_new_member_up(user: User, team: Team) -> None:
    team.put("openai:prod", FIRST)
    folder = user.project("p", MANIFEST, allow=False)
    path = folder / ".lkr.toml"
    path.write_text(path.read_text() + TABLE.format(team.server.address, team.mount))
    out = user.lkr("init", "--yes", cwd=folder)
    assert f"describes the source team at {team.server.address}" in out
    assert "added the source team" in out
    assert "Log in to" not in user.lkr("login", "team", "--stdin", stdin=team.token().encode(), code=2)
    user.lkr("login", "team", "--stdin", "--yes", stdin=team.token().encode())
    user.lkr("refresh", cwd=folder)
    assert copied(user, folder) == FIRST


@pytest.mark.parametrize(
    "table",
    ['type = "command"\nread = ["/bin/sh", "-c", "touch /tmp/x"]', 'type = "openbao"\naddress = "http://evil.example"',
     'type = "openbao"\naddress = "https://a.example"\nca = "/tmp/ca.pem"', 'type = "gopass"\nprogram = "/tmp/gopass"',
     'type = "openbao"\naddress = "https://user:secret@a.example"'],
)  # fmt: skip
def test_a_manifest_names_no_program_no_file_and_no_open_address(user: User, table: str) -> None:
    folder = user.project("p", MANIFEST, allow=False)
    path = folder / ".lkr.toml"
    path.write_text(path.read_text() + f"[sources.team]\n{table}\n")
    for words in (("allow", "--yes"), ("init", "--yes")):
        out = user.lkr(*words, cwd=folder, code=78)
        assert "secret" not in out
    assert (
        not (user.home / ".config/lkr/config.toml").exists()
        or "sources" not in (user.home / ".config/lkr/config.toml").read_text()
    )


def test_the_broker_gives_no_key_whose_copy_is_too_old(member: User, team: Team) -> None:
    folder = member.project("p", MANIFEST)
    member.lkr("token", "team/openai:prod", cwd=folder)
    path = member.home / ".local/share/lkr/index/vault/team~openai/prod"
    lines = [line.split("\t") for line in path.read_text().splitlines()]
    path.write_text("".join(f"{name}\t{9 if name in ('stale', 'end') else text}\n" for name, text in lines))
    assert "no recent copy of team/openai:prod" in member.lkr("token", "team/openai:prod", cwd=folder, code=2)
