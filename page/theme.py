"""The page's colours, type and shapes, as a Gradio theme; assets/style.css has the layout.

Each theme is chosen for itself: ink on paper by day, a projector's lamp in a dark room by night.
Text has a contrast of at least 4.5:1 and the borders of inputs 3:1; tests/page/test_access.py asks.
"""

from __future__ import annotations

import gradio as gr

FONT = "Instrument Sans"  # assets/page/fonts, whole: Gradio's bold cut lacks letters
_LAMP = gr.themes.Color(
    *("#fff8e8", "#ffedc4", "#ffdf96", "#fdcf66", "#f8bf45", "#f2ae2b"),
    *("#c98710", "#8f5d00", "#6e4700", "#503400", "#2e1e00"),
    name="lamp",
)
_GREY = gr.themes.Color(
    *("#f6f7f5", "#eceeea", "#dde0da", "#c3c8c1", "#a3aba3", "#7f887f"),
    *("#575f58", "#3b423c", "#272d29", "#1b201d", "#111412"),
    name="grey",
)
_INK = "#171a18"


def create_theme() -> gr.themes.Base:
    """Return the theme of the page, light and dark."""
    theme = gr.themes.Default(
        primary_hue=_LAMP,
        secondary_hue=_LAMP,
        neutral_hue=_GREY,
        radius_size=gr.themes.sizes.radius_lg,
        font=[gr.themes.Font(FONT), "ui-sans-serif", "system-ui", "sans-serif"],
        font_mono=["ui-monospace", "Consolas", "monospace"],
    )
    return theme.set(**_both(_SURFACES), **_both(_CONTROLS), **_both(_BUTTONS), **_PLAIN)


def _both(pairs: dict[str, tuple[str, str]]) -> dict[str, str]:
    """Return the variables of the light theme, and of the dark one."""
    light = {name: values[0] for name, values in pairs.items()}
    return light | {f"{name}_dark": values[1] for name, values in pairs.items()}


# Name: by day, by night.
_SURFACES = {
    "body_background_fill": ("*neutral_50", "*neutral_950"),
    "body_text_color": (_INK, "*neutral_100"),
    "body_text_color_subdued": ("*neutral_600", "*neutral_400"),
    "background_fill_primary": ("white", "*neutral_900"),
    "background_fill_secondary": ("*neutral_100", "*neutral_800"),
    "block_background_fill": ("white", "*neutral_900"),
    "block_border_color": ("*neutral_200", "*neutral_800"),
    "block_info_text_color": ("*neutral_600", "*neutral_400"),
    "block_label_background_fill": ("white", "*neutral_900"),
    "block_label_text_color": ("*neutral_600", "*neutral_300"),
    "block_title_text_color": (_INK, "*neutral_200"),
    "border_color_primary": ("*neutral_200", "*neutral_800"),
    "border_color_accent": (_INK, "*primary_400"),
    "color_accent_soft": ("*neutral_100", "*neutral_800"),
    "link_text_color": ("*primary_700", "*primary_300"),
    "link_text_color_active": ("*primary_800", "*primary_200"),
    "link_text_color_hover": ("*primary_800", "*primary_200"),
    "link_text_color_visited": ("*primary_700", "*primary_300"),
    "error_background_fill": ("#fdeeec", "#2b1614"),
    "error_border_color": ("#b3261e", "#ff9d94"),
    "error_text_color": ("#8c1d18", "#ffb4ab"),
    "error_icon_color": ("#b3261e", "#ff9d94"),
}
_CONTROLS = {
    "input_background_fill": ("white", "*neutral_950"),
    "input_background_fill_focus": ("white", "*neutral_950"),
    "input_border_color": ("*neutral_500", "*neutral_500"),
    "input_border_color_focus": (_INK, "*primary_400"),
    "input_placeholder_color": ("*neutral_600", "*neutral_400"),
    "checkbox_background_color": ("white", "*neutral_950"),
    "checkbox_background_color_selected": (_INK, "*primary_400"),
    "checkbox_border_color": ("*neutral_500", "*neutral_500"),
    "checkbox_border_color_selected": (_INK, "*primary_400"),
    "checkbox_border_color_focus": (_INK, "*primary_400"),
    "checkbox_label_background_fill": ("white", "*neutral_900"),
    "checkbox_label_background_fill_hover": ("*neutral_100", "*neutral_800"),
    "checkbox_label_background_fill_selected": ("*neutral_100", "*neutral_800"),
    "checkbox_label_border_color": ("*neutral_300", "*neutral_700"),
    "checkbox_label_border_color_selected": (_INK, "*primary_400"),
    "slider_color": (_INK, "*primary_400"),
    "loader_color": (_INK, "*primary_400"),
}
_BUTTONS = {
    "button_primary_background_fill": ("*primary_400", "*primary_400"),
    "button_primary_background_fill_hover": ("*primary_500", "*primary_300"),
    "button_primary_text_color": (_INK, "*neutral_950"),
    "button_primary_border_color": ("*primary_600", "*primary_400"),
    "button_secondary_background_fill": ("white", "*neutral_800"),
    "button_secondary_background_fill_hover": ("*neutral_100", "*neutral_700"),
    "button_secondary_text_color": (_INK, "*neutral_100"),
    "button_secondary_border_color": ("*neutral_300", "*neutral_700"),
    "button_cancel_background_fill": ("white", "*neutral_900"),
    "button_cancel_background_fill_hover": ("#fdeeec", "#2b1614"),
    "button_cancel_text_color": ("#a1201a", "#ffb4ab"),
    "button_cancel_border_color": ("#a1201a", "#ffb4ab"),
}
_PLAIN = {
    "block_shadow": "none",
    "button_border_width": "1px",
    "button_border_width_dark": "1px",
    "button_large_text_weight": "600",
    "button_large_text_size": "*text_md",
    "button_primary_shadow": "none",
    "input_shadow": "none",
    "input_shadow_focus": "none",
    "input_shadow_focus_dark": "none",
    "checkbox_label_shadow": "none",
}
