"""Writes the page of `lkr report`: one file without scripts, fonts or pictures. Everything in it is escaped."""

import html as escaping
from collections.abc import Iterable, Sequence

from lkrshell.cli import common
from lkrshell.cli.reporting import Report
from lkrshell.core import clock
from lkrshell.core.text import show
from lkrshell.state.paths import tilde

# How each page begins. A file that begins differently is not a report, and stays as it is.
HEAD = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Report on keys</title>'
_STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#59636e;--line:#d1d9e0;--back:#fff;--card:#f6f8fa;--bad:#b3261e;
--good:#1a7f37;--bar:#0969da}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9198a1;--line:#3d444d;--back:#0d1117;--card:#151b23;
--bad:#ff8a80;--good:#57ca72;--bar:#58a6ff}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:72rem;padding:2rem 1.5rem;font:16px/1.5 system-ui,sans-serif;color:var(--ink);
background:var(--back)}
h1{font-size:1.7rem;margin:0}h2{font-size:1.15rem;margin:2.2rem 0 .6rem}p{margin:.3rem 0}.soft{color:var(--soft)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.8rem;margin:1.4rem 0}
.card{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.7rem .9rem}
.card b{display:block;font-size:1.6rem;line-height:1.2}
.bad{color:var(--bad)}.good{color:var(--good)}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;padding:.4rem .8rem .4rem 0;border-bottom:1px solid var(--line);vertical-align:top}
th{color:var(--soft);font-weight:600;white-space:nowrap}.name{font-weight:600}.name,.short{white-space:nowrap}
th.number,td.number{text-align:right}.uses{color:var(--bar)}
svg{width:100%;height:auto;display:block}svg text{fill:var(--soft);font:11px system-ui,sans-serif}
@media print{:root{color-scheme:light;--ink:#000;--soft:#444;--line:#bbb;--back:#fff;--card:#fff;--bad:#900;--good:#060;
--bar:#235}body{padding:0;max-width:none;font-size:11px}h2{break-after:avoid}tr,.card{break-inside:avoid}
thead{display:table-header-group}.wide{overflow:visible}@page{margin:1.5cm}}
"""


# How the cells below a heading look.
_CLASSES = {
    "Key": "name", "Time (UTC)": "short", "Value set": "short", "Last use": "short", "Requests": "number",
    "US dollars": "number",
}  # fmt: skip


def html(report: Report, now: float) -> str:
    """Returns the page. `now` is its date, in seconds since the epoch."""
    old = sum(any(each.startswith("older") for each in key.problems) for key in report.keys)
    idle = sum(any("used" in each and "may" not in each for each in key.problems) for key in report.keys)
    keys, places, refusals = len(report.keys), len(report.scan), sum(refused for _, _, refused in report.weeks)
    chain = f"broken at {common.count(report.broken, 'place', 'places')}" if report.broken else "intact"
    cards: list[tuple[object, str, bool | None]] = [  # the last item says whether a value is bad; None if it cannot be
        (keys, "key" if keys == 1 else "keys", None),
        (old, f"older than {report.limits.age} days", old > 0),
        (idle, f"unused for {report.limits.unused} days", idle > 0),
        (refusals, f"{'refusal' if refusals == 1 else 'refusals'} in 13 weeks", None),
        (places, f"{'place' if places == 1 else 'places'} in plain text", places > 0),
        (chain, f"audit log, {common.count(report.lines, 'line', 'lines')}", report.broken > 0),
    ]
    parts = [
        HEAD,
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<style>{_STYLE}</style></head><body><header><h1>Report on keys</h1>",
        f'<p class="soft">{clock.stamp(now)[:10]}, by lkr. Names only: this page holds no value of a key.</p></header>',
        '<section class="cards">',
        *(f'<div class="card"><b{_tone(bad)}>{_text(number)}</b>{_text(about)}</div>' for number, about, bad in cards),
        "</section><main>",
        *_keys(report, now),
        "<h2>Uses and refusals in the last 13 weeks</h2>",
        _chart(report.weeks),
        '<p class="soft"><span class="uses">■</span> uses <span class="bad">■</span> refusals</p>',
        *_section(
            "Refusals",
            ("Time (UTC)", "Keys", "Project", "Agent"),
            [(w[:16].replace("T", " "), k or "-", _path(p) or "-", a or "-") for w, k, p, a in report.refusals],
        ),
        *_section(
            "Keys in plain text, in the home folder",
            ("Key", "Place", "Exposed"),
            [(f"{name} ({mask})" if mask else name, place, how) for name, mask, place, how in report.scan],
        ),
        *(f'<p class="soft">{_text(note)}</p>' for note in report.notes),
        *_section("Findings of lkr doctor", ("Level", "Finding"), report.doctor),
        *_section(
            "Spent through the broker",
            ("Key", "Requests", "US dollars"),
            [(k, n, f"{c:.2f}") for k, n, c in report.spent],
        ),
        "</main></body></html>\n",
    ]
    return "\n".join(parts)


def _keys(report: Report, now: float) -> list[str]:
    rows = [
        (
            key.name,
            _ago(key.since, now, "-"),
            _ago(key.used, now, "never"),
            ", ".join(map(_path, key.projects)) or "-",
            ", ".join(key.agents) or "-",
            ", ".join([*(["admin"] if key.kind == "admin" else []), *key.policy]),
            ", ".join(key.problems) or "-",
        )
        for key in report.keys
    ]
    return _section("Keys", ("Key", "Value set", "Last use", "Projects", "Agents", "Policy", "Look at"), rows)


def _section(title: str, headings: Sequence[str], rows: "Iterable[Iterable[object]]") -> list[str]:
    looks = [f' class="{_CLASSES[each]}"' if each in _CLASSES else "" for each in headings]
    body = [
        "<tr>" + "".join(f"<td{look}>{_text(cell)}</td>" for look, cell in zip(looks, row, strict=True)) + "</tr>"
        for row in rows
    ]
    if not body:
        return [f'<h2>{_text(title)}</h2><p class="soft">None.</p>']
    head = "".join(f'<th scope="col"{look}>{_text(each)}</th>' for look, each in zip(looks, headings, strict=True))
    return [
        f'<h2>{_text(title)}</h2><div class="wide"><table><thead><tr>{head}</tr></thead><tbody>',
        *body,
        "</tbody></table></div>",
    ]


def _chart(weeks: list[tuple[str, int, int]]) -> str:
    """Returns a bar for each week: the uses, with the refusals on top."""
    most = max([1, *(uses + refused for _, uses, refused in weeks)])
    bars = []
    for number, (day, uses, refused) in enumerate(weeks):
        left, high, red = 12 + number * 61, round(120 * uses / most), round(120 * refused / most)
        red = max(red, 3) if refused else 0  # a single one among thousands must be visible
        bars.append(f'<rect x="{left}" y="{140 - high}" width="44" height="{high}" fill="var(--bar)"/>')
        bars.append(f'<rect x="{left}" y="{140 - high - red}" width="44" height="{red}" fill="var(--bad)"/>')
        bars.append(f'<text x="{left + 22}" y="156" text-anchor="middle">{_text(day[5:])}</text>')
        if uses + refused:
            bars.append(f'<text x="{left + 22}" y="{134 - high - red}" text-anchor="middle">{uses + refused}</text>')
    line = '<line x1="0" x2="800" y1="140.5" y2="140.5" stroke="var(--line)"/>'
    label = "Uses of keys in each week, with refusals on top"
    return f'<svg viewBox="0 0 800 162" role="img" aria-label="{label}">{line}{"".join(bars)}</svg>'


def _ago(when: float, now: float, otherwise: str) -> str:
    days = int((now - when) // 86400)
    return otherwise if not when else "today" if days < 1 else "1 day ago" if days == 1 else f"{days} days ago"


def _path(path: str) -> str:
    return tilde(path)


def _tone(bad: bool | None) -> str:
    return "" if bad is None else ' class="bad"' if bad else ' class="good"'


def _text(thing: object) -> str:
    return escaping.escape(show(str(thing)))
