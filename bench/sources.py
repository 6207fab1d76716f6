"""Keys of a source compared with the same keys in the vault: `python bench/sources.py`.

Measures an entry with copies, in turn with an entry with the vault's own keys; the first fetch of 20 keys, compared
with one; 500 shells that enter at once after the copies became stale; and an entry while the server is down. Only the
ratios are comparable: absolute times are this machine's.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent / "tests")]

import bao  # noqa: E402
from conftest import PASSPHRASE, User  # noqa: E402

ROUNDS, SHELLS = 120, 500


def export(user: User, folder: Path) -> "subprocess.Popen[bytes]":
    """Starts one entry, as the hook does."""
    import lkrshell

    root = Path(lkrshell.__file__).parent
    site = "\n".join([str(root.parent), *(path for path in sys.path if path.endswith("site-packages"))])
    words = [sys.executable, "-I", "-S", "-X", "utf8", str(root / "boot.py"), site, "bash", str(folder)]
    return subprocess.Popen(
        words, env={**user.env, "PWD": str(folder)}, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )


def timed(user: User, folder: Path) -> float:
    start = time.perf_counter()
    out = export(user, folder).communicate()[0]
    assert b"OPENAI_API_KEY" in out
    return time.perf_counter() - start


def compared(user: User, one: Path, other: Path) -> float:
    """Returns a ratio of medians, measured in turn: how much longer entering `one` takes than `other`."""
    pairs = [(timed(user, one), timed(user, other)) for _ in range(ROUNDS)]
    return statistics.median(a for a, _ in pairs) / statistics.median(b for _, b in pairs)


def make_stale(user: User) -> None:
    for path in (user.home / ".local/share/lkr/index/vault").glob("team~*/*"):
        lines = [line.split("\t") for line in path.read_text().splitlines()]
        path.write_text("".join(f"{name}\t{1 if name == 'stale' else text}\n" for name, text in lines))


def fetch(user: User, folder: Path) -> float:
    start = time.perf_counter()
    subprocess.run([user.program, "refresh"], env=user.env, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - start


def main(root: Path) -> None:
    server = bao.dev(root)
    (root / "home").mkdir()
    user = User(root / "home")
    user.lkr("unlock", "--stdin", stdin=PASSPHRASE + b"\n")
    user.lkr("hook", "bash")
    names = ["OPENAI_API_KEY", *(f"K{number}_API_KEY" for number in range(19))]
    for number, _ in enumerate(names):
        server.put(f"openai:k{number}", f"sk-{number:020}")
        user.lkr("set", f"openai:k{number}", "--stdin", stdin=f"sk-{number:020}".encode())
    user.lkr("source", "add", "team", "openbao", server.address, "--yes")
    user.lkr("login", "team", "--stdin", stdin=server.token.encode())
    few = user.project("few", "".join(f'{name} = "team/openai:k{n}"\n' for n, name in enumerate(names[:3])))
    own = user.project("own", "".join(f'{name} = "openai:k{n}"\n' for n, name in enumerate(names[:3])))
    one = user.project("one", f'{names[0]} = "team/openai:k0"\n')
    many = user.project("many", "".join(f'{name} = "team/openai:k{n}"\n' for n, name in enumerate(names)))
    print(f"enter with 3 copies: {compared(user, few, own):.3f} x the vault")
    batches = [(fetch(user, many), fetch(user, one)) for _ in range(7)]
    ratio = statistics.median(a for a, _ in batches) / statistics.median(b for _, b in batches)
    print(f"fetch 20 keys: {ratio:.2f} x one key")
    make_stale(user)
    before = len(server.audited())
    for first in range(0, SHELLS, 50):
        for entry in [export(user, few) for _ in range(min(50, SHELLS - first))]:
            entry.communicate()
    time.sleep(5)  # until the last background refresh has ended
    print(f"{SHELLS} shells with 3 stale copies: {len(server.audited()) - before} requests for keys")
    server.stop()
    make_stale(user)
    timed(user, few)
    time.sleep(8)
    print(f"enter with the server down: {compared(user, few, own):.3f} x the vault")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="lkr-bench-") as folder:
        os.environ.pop("CLAUDECODE", None)
        main(Path(folder))
