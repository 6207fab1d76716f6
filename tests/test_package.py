"""The wheel, installed into an empty environment, does the main job."""

import subprocess
import sys
from pathlib import Path

from conftest import User

ROOT = Path(__file__).parent.parent


def test_the_wheel_works_in_an_empty_environment(tmp_path: Path, user: User) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), str(ROOT)],
        check=True,
        capture_output=True,
        timeout=110,
    )
    (wheel,) = tmp_path.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "env")], check=True)
    bin_folder = tmp_path / "env/bin"
    subprocess.run([str(bin_folder / "pip"), "install", "-q", str(wheel)], check=True, capture_output=True, timeout=110)
    folder = user.project("p")
    for program in (["lkr"], ["lkrsh"], ["python", "-m", "lkrshell"]):
        command = [str(bin_folder / program[0]), *program[1:]]
        hook = subprocess.run([*command, "hook", "bash"], env=user.env, check=True, capture_output=True, text=True)
        assert str(tmp_path) in hook.stdout
        script = f'{hook.stdout}\n__lkr_hook\ntest -n "$OPENAI_API_KEY" && echo loaded'
        done = subprocess.run(
            ["bash", "--norc", "-c", script], cwd=folder, env=user.env, capture_output=True, text=True
        )
        assert "loaded" in done.stdout, done.stderr
