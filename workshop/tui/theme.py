"""Palettes as Textual themes."""

from __future__ import annotations

from textual.theme import Theme

from workshop.model.palette import Palette, mix, text_on


def textual_theme(palette: Palette) -> Theme:
    """The palette as a theme. Every derived colour that a screen uses is named here, so nothing is left to chance."""
    line = mix(palette.panel, palette.text, 0.16)
    return Theme(
        name=palette.name,
        dark=palette.dark,
        primary=palette.primary,
        secondary=palette.secondary,
        accent=palette.accent,
        foreground=palette.text,
        background=palette.background,
        surface=palette.surface,
        panel=palette.panel,
        success=palette.success,
        warning=palette.warning,
        error=palette.error,
        variables={
            "text": palette.text,
            "text-muted": palette.muted,
            "text-disabled": mix(palette.muted, palette.background, 0.3),
            "text-primary": palette.primary,
            "text-secondary": palette.secondary,
            "text-accent": palette.accent,
            "text-success": palette.success,
            "text-warning": palette.warning,
            "text-error": palette.error,
            "line": line,
            "cursor-ground": mix(palette.panel, palette.primary, 0.24),
            "cursor-blurred": palette.panel,
            "button-ground": mix(palette.panel, palette.text, 0.1),
            "on-primary": text_on(palette.primary),
            "on-error": text_on(palette.error),
            "on-warning": text_on(palette.warning),
            "border": palette.primary,
            "border-blurred": line,
            "block-cursor-background": palette.primary,
            "block-cursor-foreground": text_on(palette.primary),
            "block-cursor-text-style": "none",
            "block-cursor-blurred-background": palette.panel,
            "block-cursor-blurred-foreground": palette.text,
            "block-hover-background": palette.panel,
            "input-cursor-background": palette.text,
            "input-cursor-foreground": palette.background,
            "input-selection-background": mix(palette.background, palette.primary, 0.4),
            "screen-selection-background": mix(palette.background, palette.primary, 0.4),
            "screen-selection-foreground": palette.text,
            "scrollbar": line,
            "scrollbar-hover": palette.muted,
            "scrollbar-active": palette.primary,
            "scrollbar-background": palette.background,
            "scrollbar-background-hover": palette.background,
            "scrollbar-background-active": palette.background,
            "scrollbar-corner-color": palette.background,
            "link-color": palette.primary,
            "link-background-hover": palette.panel,
            "link-color-hover": palette.accent,
        },
    )
