"""Git worktrees: `lkr allow --worktrees` serves those of the repository, and nothing that only claims to be one."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import HIDDEN, OTHER, OTHERS, UNDER_AGENT, VALUE, User
from shells import Shell

A = "OPENAI_API_KEY"
NOT_ALLOWED = "is not allowed"


def commit(user: User, folder: Path) -> None:
    user.git("add", "--all", cwd=folder)
    user.git("commit", "-q", "-m", "x", cwd=folder)


def repository(user: User, name: str = "proj", *allow: str, inside: str = "") -> Path:
    """A repository with a manifest in its folder `inside`, allowed with `allow`."""
    top = user.home / name
    folder = user.project(str(Path(name) / inside), allow=False)
    user.git("init", "-q", cwd=top)
    commit(user, top)
    if allow:
        user.lkr("allow", "--yes", *allow, cwd=folder)
    return top


def worktree(user: User, top: Path, name: str = "tree") -> Path:
    folder = user.home / name
    user.git("worktree", "add", "-q", str(folder), cwd=top)
    return folder


def loads(user: User, folder: Path) -> bool:
    """Both ways in give the key; or both say that the folder is not allowed."""
    found = []
    for words in (["export", "bash"], ["exec", "--", "env"]):
        done = user.run(*words, cwd=folder, PWD=str(folder))
        assert (done.returncode, VALUE in done.stdout) in ((0, True), (78, False)), done
        assert VALUE in done.stdout or NOT_ALLOWED in done.stderr or "changed since" in done.stderr, done.stderr
        found.append(VALUE in done.stdout)
    assert found[0] == found[1]
    return found[0]


def test_every_worktree_that_git_makes_is_in_and_one_that_is_removed_is_out(user: User) -> None:
    top = repository(user, "proj", "--worktrees")
    first = worktree(user, top, "first")
    assert loads(user, top)
    assert loads(user, first), "made after the grant"
    inside = worktree(user, top, "proj/.claude/worktrees/second")
    assert loads(user, inside), "where a coding agent makes its own"
    user.git("worktree", "move", str(first), str(user.home / "moved"), cwd=top)
    assert loads(user, user.home / "moved")
    shutil.move(user.home / "moved", user.home / "by-hand")
    assert not loads(user, user.home / "by-hand"), "git does not know of it"
    user.git("worktree", "repair", str(user.home / "by-hand"), cwd=top)
    assert loads(user, user.home / "by-hand")
    text = (user.home / "by-hand/.lkr.toml").read_bytes()
    user.git("worktree", "remove", "--force", str(user.home / "by-hand"), cwd=top)
    (user.home / "by-hand").mkdir()
    (user.home / "by-hand/.lkr.toml").write_bytes(text)
    assert not loads(user, user.home / "by-hand")


def test_without_the_option_a_worktree_waits_as_any_folder_does(user: User) -> None:
    top = repository(user, "proj", ".")
    tree = worktree(user, top)
    assert loads(user, top)
    assert not loads(user, tree)
    assert "this does not cover its 1 git worktree; lkr allow --worktrees does" in user.lkr("allow", "--yes", cwd=top)
    assert not loads(user, tree)
    said = user.lkr("allow", "--yes", "--worktrees", cwd=top)
    assert "! this includes 1 git worktree with this manifest, and later ones" in said
    assert f"allowed {top} and its worktrees" in said
    assert loads(user, tree)
    assert "this includes 1 git worktree" in user.lkr("allow", "--yes", cwd=top), "kept, and said"
    assert loads(user, tree)
    user.lkr("allow", "--yes", "--no-worktrees", cwd=top)
    assert loads(user, top)
    assert not loads(user, tree)


def test_allow_offers_it_where_there_are_worktrees(user: User, open_shell: Callable[..., Shell]) -> None:
    top = repository(user)
    shell = open_shell(folder=top, hook=False)
    for answer, loaded in (("n", False), ("y", True)):
        tree = worktree(user, top, f"tree-{answer}")
        shell.child.sendline("lkr allow")
        if answer == "n":  # then nothing has changed, and only this is asked again
            shell.child.expect(r"Allow\?")
            shell.child.sendline("y")
        shell.child.expect(r"Include its \d git worktrees?, and later ones\?")
        shell.child.sendline(answer)
        shell.child.expect("allowed")
        shell.run(":")
        assert loads(user, top)
        assert loads(user, tree) is loaded


def test_a_worktree_with_another_manifest_is_out_until_it_is_allowed_itself(user: User) -> None:
    top = repository(user, "proj", "--worktrees")
    same, other = worktree(user, top, "same"), worktree(user, top, "other")
    text = (other / ".lkr.toml").read_text()
    (other / ".lkr.toml").write_text(text + 'ANTHROPIC_API_KEY = "anthropic:main"\n')
    assert not loads(user, other)
    assert loads(user, same)
    user.lkr("allow", "--yes", cwd=other)
    assert OTHER in user.lkr("exec", "--", "env", cwd=other)
    assert OTHER not in user.lkr("exec", "--", "env", cwd=same)
    (other / ".lkr.toml").write_text(text)
    assert loads(user, other), "as in the main checkout again"
    (top / ".lkr.toml").write_text(text + "# changed\n")
    assert not loads(user, top)
    assert loads(user, same), "it has what was allowed"
    user.lkr("allow", "--yes", cwd=top)
    assert not loads(user, same)
    (same / ".lkr.toml").write_text(text + "# changed\n")
    assert loads(user, same)


def test_a_local_manifest_of_the_main_checkout_serves_and_one_of_a_worktree_s_own_has_to_be_the_same(
    user: User,
) -> None:
    top = user.project("proj", allow=False)
    (top / ".gitignore").write_text(".lkr.local.toml\n")
    local = f'[keys]\n{A} = "anthropic:main"\n'
    (top / ".lkr.local.toml").write_text(local)
    user.git("init", "-q", cwd=top)
    commit(user, top)
    user.lkr("allow", "--yes", "--worktrees", cwd=top)
    tree = worktree(user, top)
    assert f"{A}={OTHER}" in user.lkr("exec", "--", "env", cwd=tree), "what the person chose for this repository"
    (tree / ".lkr.local.toml").write_text(local)
    assert f"{A}={OTHER}" in user.lkr("exec", "--", "env", cwd=tree)
    (tree / ".lkr.local.toml").write_text('[keys]\nEXTRA_API_KEY = "openai:prod"\n')
    assert not loads(user, tree)


@pytest.mark.parametrize("where", ["main", "tree", "other"])
def test_deny_anywhere_takes_all_back(user: User, where: str) -> None:
    top = repository(user, "proj", "--worktrees")
    trees = [worktree(user, top, "tree"), worktree(user, top, "other")]
    (trees[1] / ".lkr.toml").write_text((trees[1] / ".lkr.toml").read_text() + "# other\n")
    assert [loads(user, folder) for folder in (top, *trees)] == [True, True, False]
    assert f"denied {top}" in user.lkr("deny", cwd={"main": top, "tree": trees[0], "other": trees[1]}[where])
    assert [loads(user, folder) for folder in (top, *trees)] == [False, False, False]


def test_deny_in_a_worktree_reaches_the_shells_in_the_others(user: User, open_shell: Callable[..., Shell]) -> None:
    top = repository(user, "proj", "--worktrees")
    tree, other = worktree(user, top), worktree(user, top, "other")
    shell = open_shell()
    shell.run(f"cd {tree}")
    assert shell.value(A) == VALUE
    user.lkr("deny", cwd=other)
    shell.run(":")
    assert shell.value(A) is None
    user.lkr("allow", "--yes", "--worktrees", cwd=top)
    shell.run(":")
    assert shell.value(A) == VALUE
    (tree / ".lkr.toml").write_text("version = 1\n")
    assert "not allowed" in shell.run(":") and shell.value(A) is None


def test_allow_from_within_a_worktree_is_for_the_main_checkout_too_when_that_has_the_same(user: User) -> None:
    top = repository(user)
    tree, other = worktree(user, top), worktree(user, top, "other")
    said = user.lkr("allow", "--yes", "--worktrees", cwd=tree)
    assert f"{top} would get:" in said
    assert all(loads(user, each) for each in (top, tree, other))
    user.lkr("deny", cwd=tree)
    (tree / ".lkr.toml").write_text((tree / ".lkr.toml").read_text() + "# other\n")
    said = user.lkr("allow", "--yes", "--worktrees", cwd=tree, code=78)
    assert f"the main checkout and this worktree have different manifests: {top}; lkr allow --worktrees {top}" in said
    assert not any(loads(user, each) for each in (top, tree, other))
    assert "not in a git repository" in user.lkr("allow", "--yes", "--worktrees", str(user.project("q")), code=64)


def test_manifests_below_the_top_and_inherited_ones_serve_at_the_same_place_alone(user: User) -> None:
    top = repository(user, "proj", "--worktrees", inside="services/api")
    tree = worktree(user, top)
    assert loads(user, tree / "services/api")
    shutil.copytree(tree / "services/api", tree / "services/web")
    assert not loads(user, tree / "services/web")
    shutil.copytree(top / "services/api", top / "services/web")
    assert not loads(user, top / "services/web")

    user.project("proj", 'ANTHROPIC_API_KEY = "anthropic:main"', allow=False)
    (top / "services/api/.lkr.toml").write_text(f'version = 1\ninherit = true\n[keys]\n{A} = "openai:prod"\n')
    commit(user, top)
    for folder in (top, top / "services/api"):
        user.lkr("allow", "--yes", "--worktrees", str(folder))
    later = worktree(user, top, "later")
    out = user.lkr("exec", "--", "env", cwd=later / "services/api")
    assert VALUE in out and OTHER in out
    user.lkr("deny", str(top))
    user.lkr("exec", "--", "env", cwd=later / "services/api", code=78)


@pytest.mark.parametrize("name", ["proj.git", "proj/.bare", "proj/.git"])
def test_the_worktrees_of_a_bare_repository_share_a_grant_that_any_of_them_gives(user: User, name: str) -> None:
    source = repository(user, "source")
    bare = user.home / name
    bare.parent.mkdir(exist_ok=True)
    user.git("clone", "-q", "--bare", str(source), str(bare), cwd=user.home)
    one, two = worktree(user, bare, f"{name}-trees/one"), worktree(user, bare, f"{name}-trees/two")
    assert not loads(user, one)
    user.lkr("allow", "--yes", "--worktrees", cwd=one)
    assert loads(user, one) and loads(user, two)
    assert not loads(user, source)
    assert "is allowed but" not in user.lkr("doctor", cwd=one, code=1).replace("hook", "")
    assert str(two) in json.dumps(json.loads(user.lkr("list", "--json")))
    user.lkr("deny", cwd=two)
    assert not loads(user, one) and not loads(user, two)


def test_a_clone_and_a_submodule_do_not_count_as_worktrees(user: User) -> None:
    top = repository(user, "proj", "--worktrees")
    worktree(user, top)  # so there is a `worktrees` folder
    user.git("clone", "-q", str(top), "clone", cwd=user.home)
    assert not loads(user, user.home / "clone")
    user.git("clone", "-q", "--shared", str(top), "shared", cwd=user.home)
    assert not loads(user, user.home / "shared")
    outer = user.home / "outer"
    outer.mkdir()
    user.git("init", "-q", cwd=outer)
    user.git("submodule", "add", "-q", str(top), "sub", cwd=outer)
    assert (outer / "sub/.git").is_file()
    assert not loads(user, outer / "sub")
    shutil.copytree(user.home / "tree", user.home / "copied")
    assert not loads(user, user.home / "copied"), "the copy of a worktree, with its .git file"


def forged(user: User, top: Path, head: str) -> Path:
    folder = user.home / "forged"
    folder.mkdir()
    shutil.copy(top / ".lkr.toml", folder)
    (folder / ".git").write_text(f"gitdir: {head}\n")
    return folder


def test_a_forged_git_file_gets_nothing(user: User) -> None:
    top = repository(user, "proj", "--worktrees")
    tree = worktree(user, top)
    admin = top / ".git/worktrees/tree"
    folder = forged(user, top, str(admin))
    heads = [admin, top / ".git", f"{top}/.git/worktrees", f"{admin}/../tree", "../proj/.git/worktrees/tree", "", "\n",
             "/", f"{top}/.git/worktrees/none", f"{admin}\nmore", "\udcff" * 9000, "../proj"]  # fmt: skip
    for head in heads:
        (folder / ".git").write_text(f"gitdir: {head}\n", errors="surrogateescape")
        assert not loads(user, folder)
    for make in (lambda path: os.mkfifo(path), lambda path: path.symlink_to(tree / ".git"), lambda path: path.mkdir(),
                 lambda path: path.symlink_to("/dev/zero"), lambda path: path.symlink_to(top / ".git")):  # fmt: skip
        if (folder / ".git").is_dir() and not (folder / ".git").is_symlink():
            (folder / ".git").rmdir()
        else:
            (folder / ".git").unlink()
        make(folder / ".git")
        assert not loads(user, folder)
    assert loads(user, tree)


def test_a_forged_record_in_another_repository_gets_nothing(user: User) -> None:
    """The attacker's own repository is as they like, and comes unpacked: it has a grant of nobody."""
    top = repository(user, "proj", "--worktrees")
    tree = worktree(user, top)
    evil = user.home / "evil"
    shutil.copytree(top, evil)
    own = evil / ".git/worktrees/tree"
    folder = forged(user, top, str(own))
    (own / "gitdir").write_text(f"{folder}/.git\n")
    for common in ("../..", str(top / ".git"), "../../../../proj/.git"):
        (own / "commondir").write_text(f"{common}\n")
        assert not loads(user, folder)
    assert not loads(user, evil)
    (top / ".git/worktrees/evil").symlink_to(own)
    (folder / ".git").write_text(f"gitdir: {top}/.git/worktrees/evil\n")
    (own / "commondir").write_text(f"{top}/.git\n")
    assert not loads(user, folder), "a link among the records"
    assert loads(user, tree)


def test_a_record_that_does_not_point_back_or_is_not_a_plain_file_of_mine_gets_nothing(user: User) -> None:
    top = repository(user, "proj", "--worktrees")
    tree = worktree(user, top)
    admin = top / ".git/worktrees/tree"
    good = (admin / "gitdir").read_text()
    for text in ("", f"{top}/.git\n", f"{good.strip()}/x\n", good + "more\n", "tree/.git\n", "\0\n"):
        (admin / "gitdir").write_text(text)
        assert not loads(user, tree), text
    (admin / "gitdir").unlink()
    assert not loads(user, tree)
    (user.home / "elsewhere").write_text(good)
    (admin / "gitdir").symlink_to(user.home / "elsewhere")
    assert not loads(user, tree)
    (admin / "gitdir").unlink()
    (admin / "gitdir").write_text(good)
    assert loads(user, tree)
    for path in (admin, admin / "gitdir", admin / "commondir", admin.parent, top / ".git", tree, tree / ".git"):
        mode = path.stat().st_mode & 0o777
        path.chmod(mode | 0o002)
        assert not loads(user, tree), f"everybody can write {path}"
        path.chmod(mode)
        assert loads(user, tree)


@OTHERS
def test_records_of_another_user_get_nothing(user: User) -> None:
    top = repository(user, "proj", "--worktrees")
    tree = worktree(user, top)
    admin = top / ".git/worktrees/tree"
    for path in (admin, admin / "gitdir", admin / "commondir", admin.parent, top / ".git", tree, tree / ".git"):
        os.chown(path, 12345, 12345)
        assert not loads(user, tree), path
        os.chown(path, 0, 0)
        assert loads(user, tree)


def test_relative_records_as_newer_git_writes_them_serve_too(user: User) -> None:
    top = repository(user, "proj", "--worktrees")
    tree = worktree(user, top)
    (tree / ".git").write_text("gitdir: ../proj/.git/worktrees/tree\n")
    (top / ".git/worktrees/tree/gitdir").write_text("../../../../tree/.git\n")
    assert loads(user, tree)


def test_a_key_for_one_folder_is_not_for_a_worktree_elsewhere(user: User) -> None:
    top = repository(user, "proj", "--worktrees")
    near, far = worktree(user, top, "proj/trees/near"), worktree(user, top, "far")
    user.lkr("policy", "openai:prod", "--only", str(top))
    assert loads(user, near)
    assert "for other folders" in user.lkr("exec", "--", "env", cwd=far, code=2)
    user.typed("policy", "openai:prod", "--only", str(far))
    assert loads(user, far)
    assert "for other folders" in user.lkr("exec", "--", "env", cwd=top, code=2)


def test_status_list_and_the_log_say_which_worktree_it_is(user: User) -> None:
    top = repository(user, "proj", "--worktrees")
    tree, other = worktree(user, top), worktree(user, top, "other")
    (other / ".lkr.toml").write_text("version = 1\n")
    user.env["PWD"] = str(tree)
    assert f"with the worktrees of ~/{top.name}" in user.lkr("status", cwd=tree)
    assert json.loads(user.lkr("status", "--json", cwd=tree))["worktree_of"] == str(top)
    user.env["PWD"] = str(top)
    assert json.loads(user.lkr("status", "--json", cwd=top))["worktree_of"] is None
    del user.env["PWD"]
    (row,) = [row for row in json.loads(user.lkr("list", "--json")) if row["name"] == "openai:prod"]
    assert row["projects"] == [str(top), str(tree)]
    user.lkr("exec", "--", "true", cwd=tree)
    assert "~/tree" in user.lkr("audit", "--event", "exec")


@pytest.mark.skipif(UNDER_AGENT, reason="the test itself has an agent above it")
def test_an_agent_works_in_a_worktree_that_it_made_and_lets_none_in(user: User) -> None:
    top = repository(user, "proj", "--worktrees")
    user.by_agent()
    tree = worktree(user, top)
    assert HIDDEN in user.lkr("exec", "--", "env", cwd=tree)
    second = repository(user, "second")
    for folder in (second, worktree(user, second, "third")):
        user.lkr("allow", "--yes", "--worktrees", cwd=folder, code=2)


def test_what_lkr_edits_in_a_worktree_is_allowed_there_alone(user: User) -> None:
    top = repository(user, "proj", "--worktrees")
    tree, other = worktree(user, top), worktree(user, top, "other")
    user.lkr("add", "ANTHROPIC_API_KEY=anthropic:main", cwd=tree)
    assert OTHER in user.lkr("exec", "--", "env", cwd=tree)
    assert loads(user, top) and loads(user, other)
    user.lkr("add", "ANTHROPIC_API_KEY=anthropic:main", cwd=top)
    shutil.copy(top / ".lkr.toml", other)
    assert OTHER in user.lkr("exec", "--", "env", cwd=other), "the main checkout's grant is for its worktrees as before"


def test_entering_a_worktree_starts_no_git(user: User, tmp_path: Path) -> None:
    top = repository(user, "proj", "--worktrees")
    tree = worktree(user, top)
    fake = tmp_path / "fake"
    fake.mkdir()
    (fake / "git").write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    (fake / "git").chmod(0o755)
    user.env["PATH"] = f"{fake}:{user.env['PATH']}"
    assert loads(user, tree)
    user.lkr("status", cwd=tree)
    user.lkr("allow", "--yes", cwd=tree)
    user.lkr("deny", cwd=tree)
    assert not (tmp_path / "ran").exists()
