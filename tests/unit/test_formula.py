"""The Homebrew formula that a release gets."""

from tools import formula


def test_the_formula_names_the_release_and_each_dependency_with_its_hash() -> None:
    text = formula.formula(
        "https://example.org/lkrshell-1.0.tar.gz", "a" * 64, [("click", "https://example.org/c", "b" * 64)]
    )
    assert f'  url "https://example.org/lkrshell-1.0.tar.gz"\n  sha256 "{"a" * 64}"\n' in text
    assert (
        f'  resource "click" do\n    url "https://example.org/c"\n    sha256 "{"b" * 64}"\n  end\n\n  def install'
        in text
    )
    assert 'shell_output("#{bin}/lkr --version")' in text and "{{" not in text
