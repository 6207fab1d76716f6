"""Finds what `lkrshell.load()` can replace in Python code, and computes exact edits of the text.

It looks for `load_dotenv()`, `os.environ["X"] = "sk-…"`, and `os.environ["X"] = getpass(…)`. Everything else stays as
it is, including comments and spaces. Pure: reads no file. Values travel as Secrets, and shown text masks them.
"""

import ast
import codecs
import difflib
import io
import tokenize
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

from lkrshell.core.secret import Secret
from lkrshell.vendors import providers

_IMPORT = "import lkrshell"
_MASK = '"****"'


class Unreadable(ValueError):
    """This Python cannot parse the text, or write its encoding. `line` is 0 if the problem is in no single line."""

    def __init__(self, line: int | None) -> None:
        super().__init__("this Python cannot read the code")
        self.line = line or 0


@dataclass(frozen=True)
class Edit:
    """Bytes `start` to `end` of the code in UTF-8, which are on `lines` (first and last), become `text`. `variable` is
    the one that the code sets, empty for none. `value` is its literal, which is at `literal`."""

    start: int
    end: int
    text: str
    variable: str = ""
    value: Secret | None = None
    literal: tuple[int, int] = (0, 0)
    lines: tuple[int, int] = (0, 0)


@dataclass
class Code:
    """One file's content with its edits. `plain` is the content as UTF-8 without a byte order mark: Python counts in
    it. `imports` is the added import, which only goes with other edits."""

    text: bytes
    plain: bytes
    encoding: str
    edits: list[Edit] = field(default_factory=list)
    imports: Edit | None = None

    def made(self, but: set[str] | None = None) -> list[Edit]:
        """Returns the edits without those for the variables in `but`."""
        return [edit for edit in self.edits if edit.variable not in (but or ())]

    def changed(self, but: set[str] | None = None) -> bytes:
        """Returns the file's new content, leaving out the edits for the variables in `but`."""
        return self._with(self._replacements(but)).decode().encode(self.encoding)

    def difference(self, name: str, hide: Callable[[bytes], bytes], but: set[str] | None = None) -> str:
        """Returns what `changed` changes as a unified diff for a person. Values are masked. No other line is shown, and
        `hide` masks the rest of the text, since a comment may have a key, too."""
        literals = [edit for edit in self.edits if edit.value]
        masks = [(*edit.literal, _MASK) for edit in literals]
        stay = [(*edit.literal, _MASK) for edit in literals if edit.variable in (but or ())]
        texts = (self._with(each) for each in (masks, self._replacements(but) + stay))
        old, new = (hide(each).decode().splitlines() for each in texts)
        return "\n".join(difflib.unified_diff(old, new, name, name, n=0, lineterm=""))

    def _replacements(self, but: set[str] | None) -> list[tuple[int, int, str]]:
        made = self.made(but)
        return [(edit.start, edit.end, edit.text) for edit in ([self.imports] if made and self.imports else []) + made]

    def _with(self, replacements: list[tuple[int, int, str]]) -> bytes:
        parts, at = list[bytes](), 0
        for start, end, new in sorted(replacements):
            parts += self.plain[at:start], new.encode()
            at = end
        return b"".join([*parts, self.plain[at:]])


def read(text: bytes, keeps_dotenv: bool = False) -> Code | None:
    """Returns the edits for the content of this file; None if there is nothing to change. Unreadable if this Python
    cannot read it.

    `keeps_dotenv`: its `.env` has settings that are not keys, so `load_dotenv()` stays. lkr's line wins: it comes
    before it, or after it if it overrides.
    """
    code = _decoded(text)
    finder = _Finder(code.plain, keeps_dotenv)
    try:
        tree = _parsed(code.plain.decode())
        finder.visit(tree)
    except SyntaxError as error:
        problem = Unreadable(error.lineno)
    except (ValueError, RecursionError, MemoryError):
        problem = Unreadable(None)
    else:
        code.edits, code.imports = finder.finished(tree)
        return code if code.edits and _is_valid(code.changed()) else None
    raise problem  # here, so that no traceback shows the parser's error, which quotes the code


def ambiguous(files: dict[str, Code]) -> dict[str, list[str]]:
    """Returns the variables to which the code in these files, by name, gives different values, with the places."""
    values, places = dict[str, set[str]](), dict[str, list[str]]()
    for name, code in files.items():
        for edit in code.edits:
            if edit.value:
                values.setdefault(edit.variable, set()).add(edit.value.reveal())
                places.setdefault(edit.variable, []).append(f"{name}:{edit.lines[0]}")
    return {variable: places[variable] for variable, different in values.items() if len(different) > 1}


def takes_key_from(text: bytes, line: int) -> bool:
    """True if `lkr import --code` would take a value out of this line of the file."""
    try:
        code = read(text)
    except Unreadable:
        return False
    made = code.made({*ambiguous({"": code})}) if code else []
    return any(edit.value and edit.lines[0] <= line <= edit.lines[1] for edit in made)


def _decoded(text: bytes) -> Code:
    line = None
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(text).readline)
        slow = codecs.lookup(encoding).name == "punycode"  # takes quadratic time
        plain = "" if slow else text.decode(encoding)
        if plain.encode(encoding) == text:
            return Code(text, plain.encode(), encoding)
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
    except (SyntaxError, LookupError, ValueError):
        pass
    raise Unreadable(line)


def _parsed(text: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python would print what it dislikes in a program that is not ours
        return ast.parse(text)


def _is_valid(text: bytes) -> bool:
    """True if Python compiles the text, which finds more than parsing, such as an import from `__future__` too late.
    Cells of a notebook may `await` outside of a function."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(text, "", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True


class _Finder(ast.NodeVisitor):
    def __init__(self, text: bytes, keeps_dotenv: bool) -> None:
        self._lines, lines = [0], text.splitlines(keepends=True)
        for line in lines:
            self._lines.append(self._lines[-1] + len(line))
        first = lines[0] if lines else b""
        self._newline = first[len(first.rstrip(b"\r\n")) :].decode() or "\n"
        self._text, self._keeps_dotenv = text, keeps_dotenv
        self._edits: list[Edit] = []
        self._imported: list[int] = []  # where `import lkrshell` is
        self._dotenv_imports: list[Edit] = []
        self._dotenv_uses = 0  # that stay
        self._blocks: dict[ast.stmt, tuple[list[ast.stmt], int]] = {}  # a statement's block, and its place in it

    def finished(self, tree: ast.Module) -> tuple[list[Edit], Edit | None]:
        """Returns the edits, and the import to add if they need one."""
        edits = list(self._edits)
        if self._dotenv_uses == 0 and any(not edit.variable for edit in edits):
            edits += self._dotenv_imports
            self._imported += [edit.start for edit in self._dotenv_imports]
        edits.sort(key=lambda edit: (edit.start, edit.end))
        if not edits or any(at <= edits[0].start for at in self._imported):
            return edits, None
        first = _first_statement(tree)
        at, end = self._lines[first.lineno - 1] if first else len(self._text), self._newline
        if first and self._text[at : at + first.col_offset].strip(b"\f"):  # behind a docstring or `from __future__`
            at, end = at + first.col_offset, "; "
        return edits, Edit(at, at, f"{_IMPORT}{end}")

    def generic_visit(self, node: ast.AST) -> None:
        for _, block in ast.iter_fields(node):
            if isinstance(block, list):
                self._blocks.update((each, (block, n)) for n, each in enumerate(block) if isinstance(each, ast.Expr))
        super().generic_visit(node)

    def _edit(self, node: ast.stmt, text: str, variable: str = "", value: ast.Constant | None = None) -> Edit:
        lines = node.lineno, node.end_lineno or node.lineno
        if value is None:
            return Edit(*self._span(node), text, variable, lines=lines)
        return Edit(*self._span(node), text, variable, Secret(str(value.value)), self._span(value), lines)

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        end_line, end = node.end_lineno or node.lineno, node.end_col_offset or 0
        return self._lines[node.lineno - 1] + node.col_offset, self._lines[end_line - 1] + end

    def visit_Import(self, node: ast.Import) -> None:
        if node.col_offset == 0 and any(each.name == "lkrshell" and not each.asname for each in node.names):
            self._imported.append(self._span(node)[0])

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        alone = [each.name for each in node.names] == ["load_dotenv"] and not node.names[0].asname
        if node.module == "dotenv" and alone and node.col_offset == 0:
            self._dotenv_imports.append(self._edit(node, _IMPORT))

    def visit_Name(self, node: ast.Name) -> None:
        self._dotenv_uses += node.id == "load_dotenv"

    def visit_Expr(self, node: ast.Expr) -> None:
        call = node.value
        if not isinstance(call, ast.Call) or ast.unparse(call.func) not in ("load_dotenv", "dotenv.load_dotenv"):
            return self.generic_visit(node)
        overrides = _overrides(call)
        load = f"lkrshell.load({'override=True, ' if overrides else ''}required=False)"
        if not self._keeps_dotenv and not call.args and all(each.arg == "override" for each in call.keywords):
            self._edits.append(self._edit(node, load))
            return None
        self._dotenv_uses += 1
        block, number = self._blocks[node]
        neighbor = block[number + 1 : number + 2] if overrides else block[max(number - 1, 0) : number]
        if not any(_is_load(each, overrides) for each in neighbor):
            self._edits.append(self._after(node, load) if overrides else self._before(node, load))
        return None

    def _before(self, node: ast.stmt, load: str) -> Edit:
        start, _ = self._span(node)
        indent = self._text[self._lines[node.lineno - 1] : start].decode()
        return Edit(start, start, f"{load}; " if indent.strip() else f"{load}{self._newline}{indent}")

    def _after(self, node: ast.stmt, load: str) -> Edit:
        start, end = self._span(node)
        indent = self._text[self._lines[node.lineno - 1] : start].decode()
        rest = self._text[end : self._lines[node.end_lineno or node.lineno]].rstrip(b"\r\n")
        if indent.strip() or (rest.strip() and not rest.lstrip().startswith(b"#")):
            return Edit(end, end, f"; {load}")
        return Edit(end + len(rest), end + len(rest), f"{self._newline}{indent}{load}")

    def visit_Assign(self, node: ast.Assign) -> None:
        variable = _environment_variable(node.targets[0]) if len(node.targets) == 1 else ""
        value = node.value
        if variable and providers.may_hold_a_key(variable):
            if isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value:
                self._edits.append(self._edit(node, "lkrshell.load()", variable, value))
            elif isinstance(value, ast.Call) and ast.unparse(value.func) in ("getpass", "getpass.getpass"):
                self._edits.append(self._edit(node, "lkrshell.load()", variable))
        self.generic_visit(node)


def _overrides(call: ast.Call) -> bool:
    return any(each.arg == "override" and _is_true(each.value) for each in call.keywords)


def _is_load(node: ast.stmt, overrides: bool) -> bool:
    """True for a statement that calls `lkrshell.load`, with `override=True` if `overrides`."""
    call = node.value if isinstance(node, ast.Expr) else None
    if not isinstance(call, ast.Call) or ast.unparse(call.func) != "lkrshell.load":
        return False
    return _overrides(call) or not overrides


def _environment_variable(target: ast.expr) -> str:
    """Returns the variable that an assignment to `os.environ[...]` sets; empty for other assignments."""
    if not isinstance(target, ast.Subscript) or ast.unparse(target.value) not in ("os.environ", "environ"):
        return ""
    return target.slice.value if isinstance(target.slice, ast.Constant) and isinstance(target.slice.value, str) else ""


def _is_true(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is True


def _first_statement(tree: ast.Module) -> ast.stmt | None:
    """Returns the first statement that an import may precede: after the docstring and imports from `__future__`."""
    for number, node in enumerate(tree.body):
        docstring = number == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not docstring and not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            return node
    return None
