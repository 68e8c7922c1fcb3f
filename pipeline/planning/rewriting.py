"""Which prompts are rewritten, what a language model is told for it, and how its answer is read.

The models were trained on captions of a paragraph: a few words leave most of the film to chance.
The instructions are our own; what they ask for is what the models' authors advise: LTX-Video's
README (one flowing paragraph in the present tense: action, movement, looks, place, camera, light),
the prompt extension of Wan 2.1 and 2.2, and the prompt expansion of Kandinsky 5.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.models.language_model import Message
from pipeline.models.spec import ModelSpec, Task
from pipeline.planning.request import MAX_PROMPT_CHARACTERS, GenerationRequest, Shot

SHORT_WORDS = 40
"""A prompt with fewer words is short; a rewritten one has at least as many."""

# Letters of scripts without spaces (Thai, Lao, Chinese, Japanese); about two make a word.
_UNSPACED = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_TASK = (
    "You write prompts for a model that makes short films. You are given an idea. Rewrite it as "
    "one paragraph of about {words} words, in plain English and in the present tense, that says "
    "exactly what the film of {seconds:g} seconds shows."
)
_ORDER = "Say in this order: {}."
_ACTION = "what happens and how everything moves"
_LOOKS = "what the subject looks like"
_PLACE = "where it is and what is around it"
_CAMERA = "where the camera is and how it moves"
_LIGHT = "the light, the colours and the mood"
_SOUND = "what is heard, with spoken words in quotation marks"
_RULES = (
    "Keep everything that the idea names: who and what, how many, names, colours, place, time, "
    "style, and words in quotation marks. Add only details that fit the idea and that a viewer "
    "could see{or_hear}. Add no other people, writing, cuts or brands. Write the paragraph and "
    "nothing else: no title, list or explanation."
)
_GIVEN = (
    "The film begins with a picture that you cannot see. Describe how the things that the idea "
    "names move and change, and do not invent what they look like."
)
_FILM = (
    "The idea is one shot of a film whose other shots you cannot see. Do not invent what people "
    "and things look like."
)
_CHOSEN_CAMERA = "Do not mention the camera."
_THOUGHT = re.compile(r"<think>.*?(</think>|\Z)", re.DOTALL)
_LABEL = re.compile(r"^\W*(rewritten |film |video )?(prompt|paragraph|idea)\W*:\s*", re.IGNORECASE)
# The first words of an answer that refuses, or speaks about the task.
_NO_PROMPT = ("i'm sorry", "i am sorry", "sorry", "i cannot", "i can't", "i can not", "as an ai")
# With the quotation marks and marks of sound after it; what has no end is none.
_SENTENCE = re.compile(r"\S.*?[.!?]+[\"'\u201d\u2019)]*(?:\s*<[A-Z]+>)*(?=\s|\Z)")
_ABOUT_CAMERA = re.compile(r"\b(camera|zoom(s|ing|ed)?|dolly|panning|viewpoint)\b", re.IGNORECASE)


def num_words(prompt: str) -> int:
    """Count the words of a prompt; two letters of a script without spaces count as a word."""
    unspaced = _UNSPACED.findall(prompt)
    return len(_UNSPACED.sub(" ", prompt).split()) + len(unspaced) // 2


def prompts_to_rewrite(request: GenerationRequest, spec: ModelSpec) -> tuple[str, ...]:
    """Return the prompts of a request that are to be rewritten, each once.

    Those are all if it says so, the short ones if it leaves that open, and none for a model that
    was not trained on paragraphs.
    """
    if spec.prompt_words is None or request.enhance is False:
        return ()
    prompts = dict.fromkeys(shot.prompt for shot in request.shots)
    return tuple(x for x in prompts if request.enhance or num_words(x) < SHORT_WORDS)


def ask_for_prompt(request: GenerationRequest, prompt: str, spec: ModelSpec) -> list[Message]:
    """Return the conversation that asks for one of a request's prompts in a model's style."""
    shots = [shot for shot in request.shots if shot.prompt == prompt]
    is_given = _is_given(request.task, shots)
    is_alone = len(request.shots) == 1
    chosen = any(shot.camera for shot in shots)
    items = {
        _ACTION: True,
        _LOOKS: is_alone and not is_given,
        _PLACE: True,
        _CAMERA: not chosen,
        _LIGHT: True,
        _SOUND: spec.has_audio,
    }
    sentences = {
        _TASK.format(words=spec.prompt_words, seconds=max(shot.duration for shot in shots)): True,
        _ORDER.format("; ".join(item for item, is_asked in items.items() if is_asked)): True,
        _RULES.format(or_hear=" or hear" if spec.has_audio else ""): True,
        spec.sound_marks: bool(spec.sound_marks),
        _GIVEN: is_given,
        _FILM: not is_alone,
        _CHOSEN_CAMERA: chosen,
    }
    told = " ".join(sentence for sentence, is_said in sentences.items() if is_said)
    return [{"role": "system", "content": told}, {"role": "user", "content": prompt}]


def read_rewritten(answer: str) -> str | None:
    """Return the paragraph of an answer without what is around it; None if it is not one.

    A last sentence that was cut off is left out.
    """
    text = _LABEL.sub("", " ".join(_THOUGHT.sub("", answer).split()))
    text = re.sub(r"[*#`_]+", "", text).strip().removeprefix('"').strip()
    if text.count('"') % 2:
        text = text.removesuffix('"')
    if text.lower().replace("\u2019", "'").startswith(_NO_PROMPT):
        return None
    text = " ".join(_SENTENCE.findall(text[:MAX_PROMPT_CHARACTERS]))
    return text if num_words(text) >= SHORT_WORDS else None


def for_shot(text: str, shot: Shot) -> str:
    """Return a rewritten prompt for a shot: without a camera move where the menu has chosen one.

    The chosen move is added to the prompt later, in the words of the model.
    """
    if not shot.camera:
        return text
    sentences = [x for x in _SENTENCE.findall(text) if not _ABOUT_CAMERA.search(x)]
    return " ".join(sentences) or shot.prompt


def _is_given(task: Task, shots: Sequence[Shot]) -> bool:
    return task != "text_to_video" or any(shot.image for shot in shots)
