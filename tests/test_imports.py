"""What an export may import: every module costs start-up time at each entering of a project."""

import subprocess
import sys
from pathlib import Path

from conftest import User

import lkrshell

ALLOWED = {
    "lkrshell", "lkrshell.agents", "lkrshell.audit", "lkrshell.config", "lkrshell.dialects", "lkrshell.errors",
    "lkrshell.export", "lkrshell.files", "lkrshell.generation", "lkrshell.grants", "lkrshell.index", "lkrshell.kernel",
    "lkrshell.paths", "lkrshell.policy", "lkrshell.project", "lkrshell.records", "lkrshell.resolver",
    "lkrshell.secret", "lkrshell.session", "lkrshell.stores", "lkrshell.stores.vault", "lkrshell.timelimit",
    "lkrshell.want",
    "_blake2", "_ctypes", "fcntl", "_json", "_signal", "pyrage", "time", "errno", "struct",
    "os", "stat", "_stat", "posixpath", "genericpath", "os.path", "_collections_abc",
}  # fmt: skip
SCRIPT = """
import sys
before = set(sys.modules)
sys.path[:0] = sys.argv[1].split(':')
from lkrshell.export import main
main(['bash'])
print('\\nMODULES', *sorted(set(sys.modules) - before))
"""


def test_an_export_imports_only_what_is_on_the_list(user: User) -> None:
    folder = user.project("p")
    site = [str(Path(lkrshell.__file__).parent.parent), *(path for path in sys.path if path.endswith("site-packages"))]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-X", "utf8", "-c", SCRIPT, ":".join(site)],
        env={**user.env, "PWD": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "__lkr_set 'OPENAI_API_KEY'" in done.stdout
    modules = set(done.stdout.rpartition("MODULES ")[2].split())
    ours = {module for module in modules if not module.startswith("pyrage.")}  # all of one shared library
    assert ours <= ALLOWED, ours - ALLOWED
