"""One self-contained HTML page: no script, no network, pictures inside."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from typing import Any

__all__ = ["figure", "page", "paragraph", "section", "table"]

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; color: #1d2733; background: #fbfbf9;
       max-width: 72rem; margin: 0 auto; padding: 2.5rem 1.5rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .4rem; letter-spacing: -.01em; }
h2 { font-size: 1.25rem; margin: 2.8rem 0 .5rem; padding-top: 1rem; border-top: 1px solid #d9dcd6; }
p { max-width: 46rem; margin: .5rem 0; }
p.lead { font-size: 1.1rem; color: #44525f; }
figure { margin: 1.2rem 0; } figure img { max-width: 100%; height: auto; }
figcaption { color: #5a6772; font-size: .9rem; max-width: 46rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 1rem 0; }
th, td { padding: .3rem .9rem; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
thead th { border-bottom: 2px solid #1d2733; font-weight: 600; } tbody tr:nth-child(even) { background: #f1f2ec; }
footer { margin-top: 3rem; color: #5a6772; font-size: .85rem; }
"""


def page(title: str, lead: str, parts: Sequence[str], footer: str = "") -> str:
    """Put parts made by the other functions of this module together.

    Examples
    --------
    >>> page("A <b>", "lead", []).count("&lt;b&gt;")
    2
    """
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<style>{_STYLE}</style></head>\n<body><h1>{escape(title)}</h1>\n"
        f'<p class="lead">{escape(lead)}</p>\n{body}\n<footer>{escape(footer)}</footer></body></html>\n'
    )


def section(title: str) -> str:
    """Start a section."""
    return f"<h2>{escape(title)}</h2>"


def paragraph(text: str) -> str:
    """Write a paragraph; text from files is only ever text."""
    return f"<p>{escape(text)}</p>"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table of texts."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def figure(drawn: Any, caption: str, width: str = "100%") -> str:
    """Embed a matplotlib figure as PNG, with a caption that says what to see."""
    buffer = io.BytesIO()
    drawn.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    code = base64.b64encode(buffer.getvalue()).decode()
    text = escape(caption)
    picture = f'<img style="width:{width}" alt="{text}" src="data:image/png;base64,{code}">'
    return f"<figure>{picture}<figcaption>{text}</figcaption></figure>"
