"""Cards as one HTML file without anything from elsewhere: any browser shows and prints it."""

from __future__ import annotations

from html import escape

from workshop.present.handout import Card, Handout
from workshop.present.qr import BLACK, WHITE, qr_code, svg_path

_STYLE = """
@page {{ size: {paper}; margin: 10mm; }}
* {{ box-sizing: border-box; }}
body {{ margin: 0 auto; max-width: {width}mm; font: 10pt/1.3 system-ui, "Segoe UI", Helvetica, Arial, sans-serif;
  color: {ink}; background: #fff; -webkit-print-color-adjust: exact; print-color-adjust: exact; }}
main {{ display: grid; grid-template-columns: 1fr 1fr; }}
.card {{ height: {height}mm; padding: 3mm 5mm 2mm; border: 0.2mm dashed {line}; break-inside: avoid; overflow: hidden;
  display: grid; grid-template: auto 1fr auto / {side}mm 1fr; column-gap: 4mm; }}
.head {{ grid-column: 1 / 3; display: flex; justify-content: space-between; gap: 3mm; align-items: baseline;
  border-bottom: 0.6mm solid {accent}; padding-bottom: 0.5mm; margin-bottom: 1mm; }}
.title {{ font-weight: 600; line-height: 1.15; overflow: hidden; display: -webkit-box; -webkit-line-clamp: 2;
  -webkit-box-orient: vertical; }}
.date, .label {{ color: {muted}; font-size: 8.5pt; white-space: nowrap; }}
.qr {{ width: {side}mm; height: {side}mm; display: block; }}
.seat {{ font-size: 22pt; font-weight: 700; line-height: 1.1; color: {accent}; }}
.code {{ font: 700 15pt ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; letter-spacing: 0.02em;
  white-space: nowrap; }}
.name {{ border-bottom: 0.25mm solid {line}; height: 9mm; margin-top: 1mm; }}
.foot {{ grid-column: 1 / 3; line-height: 1.2; }}
.link {{ font: 8.5pt/1.15 ui-monospace, Menlo, Consolas, monospace; overflow-wrap: anywhere;
  color: {ink}; text-decoration: none; }}
@media screen {{ main {{ gap: 4mm; padding: 4mm 0; }} .card {{ border-radius: 2mm; }} }}
@media screen and (max-width: 720px) {{ main {{ grid-template-columns: 1fr; }} }}
"""


def cards_html(handout: Handout) -> str:
    """The whole page."""
    colours, paper = handout.colours, handout.paper
    style = _STYLE.format(
        ink=colours.ink, muted=colours.muted, line=colours.line, accent=colours.accent,
        paper=paper.css, width=paper.width - 20, height=int((paper.height - 20) / 4), side=paper.qr_side - 4,
    )  # fmt: skip
    title = escape(handout.title)
    cards = "\n".join(_card(handout, card) for card in handout.cards)
    return (
        f'<!DOCTYPE html>\n<html lang="{handout.words.language}">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{title}</title>\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="referrer" content="no-referrer">\n<style>{style}</style>\n</head>\n'
        f"<body>\n<main>\n{cards}\n</main>\n</body>\n</html>\n"
    )


def _card(handout: Handout, card: Card) -> str:
    words = handout.words
    title, date = escape(handout.title), escape(handout.date)
    code = qr_code(card.link)
    link = escape(card.link)
    return (
        f'<section class="card" aria-label="{words.seat} {card.seat}">\n'
        f'<div class="head"><span class="title">{title}</span><span class="date">{date}</span></div>\n'
        f'<svg class="qr" viewBox="0 0 {code.size} {code.size}" shape-rendering="crispEdges" role="img" '
        f'aria-label="QR: {link}"><rect width="{code.size}" height="{code.size}" fill="{WHITE}"/>'
        f'<path fill="{BLACK}" d="{svg_path(code)}"/></svg>\n'
        f'<div><div class="label">{words.seat}</div><div class="seat">{escape(card.seat)}</div>\n'
        f'<div class="label">{words.code}</div><div class="code">{escape(card.code)}</div>\n'
        f'<div class="name"></div><div class="label">{words.name}</div></div>\n'
        f'<div class="foot"><a class="link" href="{link}">{link}</a>\n'
        f'<div class="label">{escape(handout.other_way)}</div></div>\n</section>'
    )
