"""Writes the Homebrew formula of a release, with each dependency as a resource: `make formula`.

Homebrew builds from source. A resource is a source distribution on PyPI with its SHA-256. uv resolves them for a Mac,
from pyproject.toml, with the broker, which nobody could add to what Homebrew installed. Source: Homebrew's "Python for
Formula Authors" and "Formula Cookbook", and the rules of `brew style` in Library/Homebrew/rubocops/urls.rb.
"""

import hashlib
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

_PYTHON = "3.13"
_FORMULA = """class Lkrshell < Formula
  include Language::Python::Virtualenv

  desc "Keep LLM API keys in the keychain and out of your shell"
  homepage "https://pypi.org/project/lkrshell/"
  url "{url}"
  sha256 "{sha256}"
  license "MIT"

  depends_on "rust" => :build # for pyrage and pydantic-core
  depends_on "python@{python}"

{resources}
  def install
    virtualenv_install_with_resources
  end

  def caveats
    <<~EOS
      To load keys when you enter a project, run:
        lkr install
    EOS
  end

  test do
    ENV["LKR_BACKEND"] = "vault"
    assert_match version.to_s, shell_output("#{{bin}}/lkr --version")
    assert_match "no keys stored yet", shell_output("#{{bin}}/lkr list 2>&1")
    assert_match "__lkr_python", shell_output("#{{bin}}/lkr hook zsh")
  end
end
"""


def formula(url: str, sha256: str, resources: list[tuple[str, str, str]]) -> str:
    """Returns the formula's text. `resources` are (name, URL, SHA-256)."""
    blocks = [
        f'  resource "{name}" do\n    url "{each}"\n    sha256 "{digest}"\n  end\n' for name, each, digest in resources
    ]
    return _FORMULA.format(url=url, sha256=sha256, python=_PYTHON, resources="\n".join(blocks))


def locked() -> list[tuple[str, str, str]]:
    """Returns each dependency on a Mac: its name, and the URL and SHA-256 of its source distribution."""
    with tempfile.TemporaryDirectory() as folder:
        lock = Path(folder) / "pylock.toml"
        options = [
            "--python-platform",
            "macos",
            "--python-version",
            _PYTHON,
            "--format",
            "pylock.toml",
            "--extra",
            "broker",
        ]
        subprocess.run(
            [sys.executable, "-m", "uv", "pip", "compile", "-q", *options, "-o", str(lock), "pyproject.toml"],
            check=True,
        )
        packages = tomllib.loads(lock.read_text())["packages"]
    return [(each["name"], each["sdist"]["url"], each["sdist"]["hashes"]["sha256"]) for each in packages]


def main(sdist: Path) -> None:
    """Prints the formula for a release that is, or will be, on PyPI, where a file's address is its BLAKE2b digest."""
    data = sdist.read_bytes()
    place = hashlib.blake2b(data, digest_size=32).hexdigest()
    url = f"https://files.pythonhosted.org/packages/{place[:2]}/{place[2:4]}/{place[4:]}/{sdist.name}"
    sys.stdout.write(formula(url, hashlib.sha256(data).hexdigest(), locked()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
