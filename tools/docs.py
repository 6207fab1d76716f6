"""`make docs`: renders the docstrings of the public Python API as HTML with pdoc, and checks every link in the
pages."""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pdoc
import pdoc.render

MODULES = ("lkrshell", "lkrshell.testing", "lkrshell.pytest_plugin", "lkrshell.integrations.pydantic_settings")


class Page(HTMLParser):
    """The anchors of a page, and the targets of its links."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if anchor := given.get("id"):
            self.anchors.add(anchor)
        if tag == "a" and (link := given.get("href")):
            self.links.add(link)


def render(folder: Path) -> list[str]:
    """Writes the pages into `folder`. Returns the links in them that lead nowhere."""
    pdoc.render.configure(docformat="google", footer_text="lkr")
    pdoc.pdoc(*MODULES, output_directory=folder)
    pages = {path.resolve(): Page(path.read_text()) for path in folder.rglob("*.html")}
    return [
        f"{path.name}: {link}" for path, page in pages.items() for link in page.links if not _leads(path, link, pages)
    ]


def _leads(path: Path, link: str, pages: dict[Path, Page]) -> bool:
    if link.startswith(("https://", "data:")):
        return True
    target, anchor = urldefrag(link)
    page = pages.get((path.parent / unquote(target)).resolve() if target else path)
    return page is not None and (not anchor or unquote(anchor) in page.anchors)


if __name__ == "__main__":
    if broken := render(Path(sys.argv[1])):
        sys.exit("links that lead nowhere:\n" + "\n".join(broken))
