"""Keys from a team's OpenBao: named in a manifest, fetched by allow, loaded on cd, refreshed behind the prompt."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from bao import Team
from conftest import OTHER, VALUE, User
from shells import Shell, wait_until

FIRST, SECOND = "sk-from-the-team-0123456789", "sk-rotated-by-the-team-0123456789"
MANIFEST = 'OPENAI_API_KEY = "team/openai:prod"'


@pytest.fixture
def member(user: User, team: Team) -> User:
    """A user who has the team's source, and is logged in."""
    team.put("openai:prod", FIRST)
    user.lkr("source", "add", "team", "openbao", team.server.address, "--mount", team.mount, "--yes")
    user.lkr("login", "team", "--stdin", stdin=team.token().encode())
    return user


def age(user: User, key: str = "team/openai:prod", **times: int) -> None:
    """Makes the copy of a key as old as that: `stale` and `end` in seconds from now."""
    path = user.home / ".local/share/lkr/index/vault" / key.replace("/", "~").replace(":", "/")
    rows = [line.split("\t") for line in path.read_text().splitlines()]
    now = int(time.time())
    path.write_text("".join(f"{name}\t{now + times[name] if name in times else text}\n" for name, text in rows))


def values(user: User, folder: Path, variable: str = "OPENAI_API_KEY") -> str:
    return user.lkr("exec", "--", "printenv", variable, cwd=folder).strip()


def test_a_key_of_the_team_is_fetched_by_allow_and_loaded_on_cd(
    member: User, team: Team, open_shell: Callable[..., Shell]
) -> None:
    folder = member.project("p", MANIFEST, allow=False)
    assert "fetched 1 key" in member.lkr("allow", "--yes", str(folder))
    shell = open_shell()
    shell.run(f"cd {folder}")
    assert shell.value("OPENAI_API_KEY") == FIRST
    shell.run("cd")
    assert shell.value("OPENAI_API_KEY") is None
    assert team.asked() == ["openai:prod", "openai:prod"], "the test's own, and one fetch"
    assert "team" not in member.lkr("list"), "a copy is no key of this machine's"


def test_a_stale_copy_serves_and_is_refreshed_behind_the_prompt(
    member: User, team: Team, open_shell: Callable[..., Shell]
) -> None:
    folder = member.project("p", MANIFEST)
    team.put("openai:prod", SECOND)
    age(member, stale=-1)
    shell = open_shell()
    shell.run(f"cd {folder}")
    assert shell.value("OPENAI_API_KEY") in (FIRST, SECOND)
    wait_until(lambda: len(team.asked()) == 4)
    wait_until(lambda: shell.run("true") is not None and shell.value("OPENAI_API_KEY") == SECOND)


def test_a_copy_that_is_too_old_is_not_loaded_and_one_line_says_what_to_do(
    member: User, team: Team, open_shell: Callable[..., Shell]
) -> None:
    folder = member.project("p", MANIFEST)
    age(member, stale=-20, end=-10)
    shell = open_shell()
    out = shell.run(f"cd {folder}")
    assert "lkr: no recent copy of team/openai:prod; lkr refresh" in out
    assert shell.value("OPENAI_API_KEY") is None
    assert len(team.asked()) == 2, "the hook asked nobody"
    member.lkr("refresh", cwd=folder)
    shell.run("true")
    assert shell.value("OPENAI_API_KEY") == FIRST


def test_a_hook_never_fetches_a_key_for_the_first_time(
    member: User, team: Team, open_shell: Callable[..., Shell]
) -> None:
    folder = member.project("p", MANIFEST)
    member.lkr("source", "rm", "team", "--yes")
    member.lkr("source", "add", "team", "openbao", team.server.address, "--mount", team.mount, "--yes")
    member.lkr("login", "team", "--stdin", stdin=team.token().encode())
    shell = open_shell()
    assert "no recent copy of team/openai:prod; lkr refresh" in shell.run(f"cd {folder}")
    assert len(team.asked()) == 2
    assert values(member, folder) == FIRST, "exec fetches"


def test_a_rotation_reaches_live_shells_after_a_refresh(
    member: User, team: Team, open_shell: Callable[..., Shell]
) -> None:
    folder = member.project("p", MANIFEST)
    shell = open_shell()
    shell.run(f"cd {folder}")
    team.put("openai:prod", SECOND)
    assert shell.value("OPENAI_API_KEY") == FIRST
    assert "fetched 1 key" in member.lkr("refresh", cwd=folder)
    shell.run("true")
    assert shell.value("OPENAI_API_KEY") == SECOND


@pytest.mark.parametrize("how", ["deleted", "destroyed", "forbidden"])
def test_a_key_that_is_gone_at_the_server_leaves_the_copies_and_the_shells(
    member: User, team: Team, open_shell: Callable[..., Shell], how: str
) -> None:
    folder = member.project("p", MANIFEST)
    member.lkr("policy", "team/openai:prod", "--agents", "deny")
    shell = open_shell()
    shell.run(f"cd {folder}")
    if how == "forbidden":
        policy = team.policy("openai:prod")
        team.server.request("PUT", f"sys/policies/acl/{team.mount}", {"policy": policy})
    else:
        kind = "data" if how == "deleted" else "metadata"
        team.server.request("DELETE", f"{team.mount}/{kind}/openai/prod")
    why = "readable with your login" if how == "forbidden" else "in the source"
    assert f"team/openai:prod is no longer {why}; its copy here was removed" in member.lkr("refresh", cwd=folder)
    shell.run("true")
    assert shell.value("OPENAI_API_KEY") is None
    assert not list((member.home / ".local/share/lkr/vault/keys").rglob("prod.age"))[1:], "only the machine's own"
    assert "agents deny" in member.lkr("policy", "team/openai:prod"), "what it may do is not forgotten"


@pytest.mark.parametrize("how", ["expired", "revoked"])
def test_a_login_that_ended_takes_no_key_away(
    member: User, team: Team, open_shell: Callable[..., Shell], how: str
) -> None:
    token = team.token(ttl="1s" if how == "expired" else "1h", renewable=False)
    folder = member.project("p", MANIFEST)
    member.lkr("login", "team", "--stdin", stdin=token.encode())
    if how == "revoked":
        team.server.request("POST", "auth/token/revoke", {"token": token})
    else:
        time.sleep(1.5)
    out = member.lkr("refresh", cwd=folder, code=77)
    assert "your login has expired at the source team; lkr login team" in out
    shell = open_shell()
    shell.run(f"cd {folder}")
    assert shell.value("OPENAI_API_KEY") == FIRST
    assert "your login has expired" in member.lkr("source")


def test_a_server_that_is_down_changes_nothing_until_the_grace_is_over(
    user: User, open_shell: Callable[..., Shell], tmp_path: Path
) -> None:
    from bao import dev

    server = dev(tmp_path)
    try:
        server.put("openai:prod", FIRST)
        user.lkr("source", "add", "team", "openbao", server.address, "--yes")
        user.lkr("login", "team", "--stdin", stdin=server.token.encode())
        folder = user.project("p", MANIFEST)
    finally:
        server.stop()
    age(user, stale=-1)
    shell = open_shell()
    shell.run(f"cd {folder}")
    assert shell.value("OPENAI_API_KEY") == FIRST
    assert "the source team does not answer" in user.lkr("refresh", cwd=folder, code=69)
    assert values(user, folder) == FIRST
    age(user, end=-1)
    assert "the source team does not answer" in user.lkr("exec", "--", "true", cwd=folder, code=69)
    shell.run("cd")
    shell.run("cd p")
    assert shell.value("OPENAI_API_KEY") is None


def test_without_copies_only_a_command_gets_the_key_and_asks_each_time(member: User, team: Team) -> None:
    folder = member.project("p", MANIFEST)
    config = member.home / ".config/lkr/config.toml"
    config.write_text(config.read_text().replace("[sources.team]", '[sources.team]\ncache = "0"'))
    member.lkr("refresh", cwd=folder)
    kept = (member.home / ".local/share/lkr/vault/keys").rglob("*.age")
    assert len(list(kept)) == 3, "two keys of the machine's own, and the login"
    before = len(team.asked())
    assert [values(member, folder) for _ in range(2)] == [FIRST, FIRST]
    assert len(team.asked()) == before + 2


def test_lock_locks_the_copies_too(member: User, open_shell: Callable[..., Shell]) -> None:
    folder = member.project("p", MANIFEST)
    shell = open_shell()
    shell.run(f"cd {folder}")
    member.lkr("lock")
    shell.run("true")
    assert shell.value("OPENAI_API_KEY") is None
    member.lkr("exec", "--", "true", cwd=folder, code=77)
    member.lkr("refresh", cwd=folder, code=77)


def test_what_is_kept_on_the_disk_holds_no_value_in_plain_text(member: User, team: Team) -> None:
    member.project("p", MANIFEST)
    token = team.token().encode()
    member.lkr("login", "team", "--stdin", stdin=token)
    for path in member.home.rglob("*"):
        if path.is_file():
            assert FIRST.encode() not in path.read_bytes(), path
            assert token not in path.read_bytes(), path


def test_one_source_is_refreshed_while_another_does_not_answer(member: User) -> None:
    member.lkr("source", "add", "dead", "command", "/bin/false", "--yes")
    folder = member.project("two", f'{MANIFEST}\nGROQ_API_KEY = {{ key = "dead/groq:ci", optional = true }}')
    assert member.lkr("refresh", "team", cwd=folder) == "lkr: fetched 1 key\n"
    out = member.lkr("refresh", cwd=folder, code=69)
    assert "lkr: the source dead returned nothing for groq:ci" in out
    assert "lkr: fetched 1 key" in out
    assert member.lkr("exec", "--", "printenv", "OPENAI_API_KEY", cwd=folder).endswith(f"{FIRST}\n")
    assert "you have no source 'tema'; did you mean team?" in member.lkr("refresh", "tema", cwd=folder, code=64)
    assert "git pull, lkr unseal" in member.lkr("refresh", "sealed", cwd=folder, code=64)


def test_a_source_that_is_removed_leaves_nothing_behind(member: User) -> None:
    member.project("p", MANIFEST)
    member.lkr("source", "rm", "team", "--yes")
    for path in member.home.rglob("*"):
        assert path.is_dir() or "team" not in str(path.relative_to(member.home)), path
    assert "[sources" not in (member.home / ".config/lkr/config.toml").read_text()
    assert "you have no source team" in member.lkr("login", "team", "--stdin", stdin=b"x", code=1)


def test_a_rekeyed_vault_opens_the_copies_and_the_login(member: User, team: Team) -> None:
    from conftest import PASSPHRASE

    folder = member.project("p", MANIFEST)
    member.lkr("vault", "rekey", "--stdin", stdin=PASSPHRASE + b"\n")
    assert values(member, folder) == FIRST
    assert "fetched 1 key" in member.lkr("refresh", cwd=folder)


def test_a_key_of_the_same_name_here_and_there_are_two(member: User) -> None:
    member.lkr("set", "team:openai", "--stdin", stdin=b"sk-of-this-machine-012345")
    folder = member.project("p", MANIFEST + '\nANTHROPIC_API_KEY = "anthropic:main"\nMINE_KEY = "team:openai"')
    assert values(member, folder) == FIRST
    assert values(member, folder, "ANTHROPIC_API_KEY") == OTHER
    assert values(member, folder, "MINE_KEY") == "sk-of-this-machine-012345"
    assert VALUE in member.lkr("get", "openai:prod", "--force-plain")
    names = [row["name"] for row in json.loads(member.lkr("list", "--json"))]
    assert names == ["anthropic:main", "openai:prod", "team:openai"]
    assert "index" not in member.lkr("doctor", code=1), "nothing is amiss but the hook"


def test_a_login_and_its_end_are_in_the_log_and_the_token_is_not(member: User, team: Team) -> None:
    token = team.token()
    member.lkr("login", "team", "--stdin", stdin=token.encode())
    member.lkr("logout", "team")
    events = [json.loads(line)["event"] for line in member.lkr("audit", "--json").splitlines()]
    assert "login" in events and "logout" in events
    assert token.encode() not in (member.home / ".local/state/lkr/audit").read_bytes()
