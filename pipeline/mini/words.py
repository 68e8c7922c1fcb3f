"""English words: how a text is split into them, and those that name nothing."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# The closed classes of English: articles, pronouns, prepositions, conjunctions, auxiliaries.
_FUNCTION_WORDS = (
    "a an the this that these those some any each every another other such both all no not i "
    "you he she it we they me him her us them my your his its our their mine yours hers one who "
    "whom whose which what where when why how there here then than as if so too very just and "
    "or but nor yet because while though although until since before after during of in on at "
    "by to from with without into onto through over under above below between among near next "
    "behind beside across along around about against toward towards up down out off is are was "
    "were be been being am has have had do does did can could will would shall should may might "
    "must let s t re ve ll d m like also only more most again still ever several many few much "
    "lot lots please show shows showing make makes made see seen featuring features video clip "
    "scene"
)
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())


@lru_cache(maxsize=1024)
def words_of(text: str) -> list[str]:
    """Split text into words without accents, in small letters, and marks between them."""
    plain = unicodedata.normalize("NFKD", text)
    return re.findall(
        r"\w+|[,.:;!?]", "".join(x for x in plain if not unicodedata.combining(x)).lower()
    )
