"""Cards as one HTML file without anything from elsewhere: any browser shows and prints it."""

from __future__ import annotations

from html import escape

from workshop.present.handout import Card, Handout
from workshop.present.qr import BLACK, WHITE, qr_code, svg_path

_STYLE = """
@page {{ size: A4; margin: 10mm; }}
* {{ box-sizing: border-box; }}
body {{ margin: 0 auto; max-width: 190mm; font: 10pt/1.3 system-ui, "Segoe UI", Helvetica, Arial, sans-serif;
  color: {ink}; background: #fff; -webkit-print-color-adjust: exact; print-color-adjust: exact; }}
main {{ display: grid; grid-template-columns: 1fr 1fr; }}
.card {{ height: 69mm; padding: 3mm 5mm 2mm; border: 0.2mm dashed {line}; break-inside: avoid; overflow: hidden;
  display: grid; grid-template: auto 1fr auto / 39mm 1fr; column-gap: 4mm; }}
.head {{ grid-column: 1 / 3; display: flex; justify-content: space-between; gap: 3mm; align-items: baseline;
  border-bottom: 0.6mm solid {accent}; padding-bottom: 0.5mm; margin-bottom: 1mm; }}
.title {{ font-weight: 600; line-height: 1.15; overflow: hidden; display: -webkit-box; -webkit-line-clamp: 2;
  -webkit-box-orient: vertical; }}
.date, .label {{ color: {muted}; font-size: 8.5pt; white-space: nowrap; }}
.qr {{ width: 39mm; height: 39mm; display: block; }}
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
    colours = handout.colours
    style = _STYLE.format(ink=colours.ink, muted=colours.muted, line=colours.line, accent=colours.accent)
    title = escape(handout.title)
    date, join = escape(handout.date), escape(handout.join)
    cards = "\n".join(_card(card, title, date, join) for card in handout.cards)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="referrer" content="no-referrer">\n<style>{style}</style>\n</head>\n'
        f"<body>\n<main>\n{cards}\n</main>\n</body>\n</html>\n"
    )


def _card(card: Card, title: str, date: str, join: str) -> str:
    code = qr_code(card.link)
    link = escape(card.link)
    return (
        f'<section class="card" aria-label="Seat {card.seat}">\n'
        f'<div class="head"><span class="title">{title}</span><span class="date">{date}</span></div>\n'
        f'<svg class="qr" viewBox="0 0 {code.size} {code.size}" shape-rendering="crispEdges" role="img" '
        f'aria-label="QR code of the link"><rect width="{code.size}" height="{code.size}" fill="{WHITE}"/>'
        f'<path fill="{BLACK}" d="{svg_path(code)}"/></svg>\n'
        f'<div><div class="label">Seat</div><div class="seat">{escape(card.seat)}</div>\n'
        f'<div class="label">Code</div><div class="code">{escape(card.code)}</div>\n'
        f'<div class="name"></div><div class="label">Name</div></div>\n'
        f'<div class="foot"><a class="link" href="{link}">{link}</a>\n'
        f'<div class="label">or type the code at {join}</div></div>\n</section>'
    )
