"""Words are read as they are meant, whatever they are written with."""

from __future__ import annotations

import time

import pytest

from pipeline.trust.moderation.text_normalization import readings_of


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("\uff4e\uff55\uff44\uff45", "nude"),  # of full width
        ("p\u043ern", "porn"),  # with a Cyrillic o
        ("p\u0585rn", "porn"),  # with an Armenian o
        ("\u0578\u057dd\u0435", "nude"),  # Armenian n and u, a Cyrillic e
        ("\u13a0\u13ac\u13aa\u13a0", "dead"),  # all of it Cherokee
        ("\uab70\uab7c\uab7a\uab70", "dead"),  # its small letters
        ("\ua4e0\ua4f4\ua4d3\ua4f0", "nude"),  # Lisu
        ("p\u2c9frn", "porn"),  # with a Coptic o
        ("n\u15c5ked", "naked"),  # with a Canadian syllable
        ("\u039dUD\u0395", "nude"),  # capitals of Greek
        ("n\u1fb6ked", "naked"),  # with a Greek letter under accents
        ("\u0455\u0435\u0445", "sex"),  # all of it Cyrillic
        ("p\u00f8rn", "porn"),  # with a stroke that no normalization removes
        ("p0rn", "porn"),
        ("n4k3d", "naked"),
        ("nak\u20acd", "naked"),
        ("n.u.d.e", "n u d e"),
        ("nu\u200bde", "nude"),
        ("nu\U000e0020de", "nude"),  # with a tag character
        ("nu\x00de", "nude"),
        ("nu\u3164de", "nude"),  # with a filler of Hangul
        ("nu\u20ddde", "nude"),  # with a circle around a letter
        ("n\u0336u\u0336d\u0336e\u0336", "nude"),  # struck out
        ("\u0639\u064e\u0627\u0631\u0650\u064a\u0629", "\u0639\u0627\u0631\u064a\u0629"),  # vowels
        (
            "\u0639\u0640\u0640\u0627\u0631\u064a\u0629",
            "\u0639\u0627\u0631\u064a\u0629",
        ),  # drawn out
        ("\U0001f17d\U0001f184\U0001f173\U0001f174", "nude"),  # in squares
        ("\U0001f1f3\U0001f1fa\U0001f1e9\U0001f1ea", "nude"),  # letters of flags
        ("\u0274\u1d1c\u1d05\u1d07", "nude"),  # small capitals
        ("\u207f\u1d58\u1d48\u1d49", "nude"),  # raised
        ("\U0001d427\U0001d42e\U0001d41d\U0001d41e", "nude"),  # mathematical
        ("a nu_de ch-ild", "a nude child"),
        ("nuuuude", "nude"),
        ("NÜDE", "nude"),
        ("n&#117;de", "nude"),
        ("n&#x75;de", "nude"),
        ("nu%64e", "nude"),
        ("n%2575de", "nude"),  # twice
        ("n\\u0075de", "nude"),
        ("n\\x75de", "nude"),
        ("nu<b></b>de", "nude"),
        ("nu<!-- -->de", "nu de"),
    ],
)
def test_words_are_read_as_they_are_meant(written: str, meant: str) -> None:
    assert meant in readings_of(written)


@pytest.mark.parametrize(
    "text",
    [
        "mp4 h264 4k",
        "a red car",
        "девочка бежит домой",
        "24 fps, f1.8",
        "θάλασσα λιμάνι",
        "Արարատ լեռը",
        "ᎣᏏᏲ",
        "100% cotton, 50 %",
        "a flag of 🇳🇺",
        "if a < b then",
    ],
)
def test_plain_words_are_left_as_they_are(text: str) -> None:
    assert len(readings_of(text)) == 1


def test_what_stands_in_a_tag_is_read_too() -> None:
    """Removing tags must not hide a word that the text encoder sees."""
    assert any("nude" in reading for reading in readings_of("a <nude> woman"))


def test_reading_takes_no_time_whatever_is_written() -> None:
    """Each of these is what a pattern could be slow on, at the length of the longest prompt."""
    for text in ("<" * 2000, "&#" * 1000, "%25" * 666, "\\u" * 1000, "a." * 1000, "\u0336" * 2000):
        begin = time.process_time()
        readings_of(text)
        assert time.process_time() - begin < 0.1, text[:10]
