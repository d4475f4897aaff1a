"""From a theme to the style sheet of the students' pages: a light and a dark set, both readable."""

from __future__ import annotations

from workshop.model.palette import PageColours, Palette, contrast, luminance, mix, readable, text_on

LIGHT = PageColours(
    background="#f4f7fa", surface="#ffffff", text="#17242f", muted="#51636f", line="#ccd7df", primary="#1c6ca8",
    on_primary="#ffffff", success="#1f7a45", warning="#8a5a00", error="#b3362d",
)  # fmt: skip
DARK = PageColours(
    background="#0f1a24", surface="#15232f", text="#e3ebf2", muted="#94a8b8", line="#2c4154", primary="#6cb6f2",
    on_primary="#06121c", success="#7fcf9b", warning="#f0c674", error="#f58f88",
)  # fmt: skip


def style_sheet(palette: Palette | None) -> str:
    """The colours as CSS variables, for browsers that prefer light and for those that prefer dark.

    A theme names the colours of pages; its terminal colours are the other set, where they are the other brightness.
    """
    light, dark = LIGHT, DARK
    if palette is not None:
        terminal = PageColours(
            background=palette.background, surface=palette.surface, text=palette.text, muted=palette.muted,
            line=mix(palette.surface, palette.text, 0.2), primary=palette.primary,
            on_primary=text_on(palette.primary), success=palette.success, warning=palette.warning,
            error=palette.error,
        )  # fmt: skip
        for colours in (terminal, palette.page):
            if luminance(colours.background) < 0.2:
                dark = colours
            else:
                light = colours
    return (
        f":root{{color-scheme:light;{_variables(light)}}}\n"
        f"@media (prefers-color-scheme:dark){{:root{{color-scheme:dark;{_variables(dark)}}}}}\n"
    )


def _variables(colours: PageColours) -> str:
    surface, background = colours.surface, colours.background
    panel = mix(surface, colours.text, 0.06)
    values = {
        "background": background,
        "surface": surface,
        "panel": panel,
        "text": colours.text,
        "muted": _on(colours.muted, background, surface, panel),
        "line": colours.line,
        "field": mix(surface, colours.text, 0.5),
        "primary": colours.primary,
        "primary-strong": mix(colours.primary, text_on(colours.on_primary), 0.12),
        "on-primary": colours.on_primary,
        "link": _on(colours.primary, background, surface, panel),
    }
    for name in ("success", "warning", "error"):
        colour: str = getattr(colours, name)
        soft = mix(surface, colour, 0.13)
        values |= {name: _on(colour, background, surface, panel), f"{name}-soft": soft}
        values[f"on-{name}-soft"] = _on(colours.text, soft)
    return "".join(f"--{name}:{value};" for name, value in values.items())


def _on(colour: str, *grounds: str) -> str:
    """The colour, or the nearest one that can be read on all the grounds."""
    return readable(colour, min(grounds, key=lambda ground: contrast(colour, ground)))
