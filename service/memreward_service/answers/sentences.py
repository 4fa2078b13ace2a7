"""What a sentence says the answer is: `12` for `Therefore, 12 of the 30 students passed.`"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from memreward_service.answers.equations import value_side
from memreward_service.answers.languages import LANGUAGES, Language
from memreward_service.answers.quantities import LONGEST_SENTENCE, Quantity, quantities

_STOP = re.compile(r"[.!?][\"”'’)*_]{0,4}\s++(?=[^\sa-z])|[。！？]\s*+")
_ABBREVIATIONS = ("mr", "mrs", "ms", "dr", "st", "no", "vs", "prof", "jr", "sr", "approx", "ca", "p.m", "a.m", "mt")
_MARKUP = re.compile(r"\*\*|__(?!\w)|`|<<[^<>\n]{0,200}>>|(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)")
_BULLET = re.compile(r"\s*+(?:[-*•>#✅✔➡⇒→=]\s*+(?=\s)|[•>#✅✔➡⇒→]|\d{1,2}[.)]\s++(?=[^\W\d_]))[\s️>#]*+")
_JOINT = re.compile(
    r"[ ]*+(?:[,;、，和与與&]|(?:, ?)?(?:and|or|y|o|et|ou|und|oder|и|или|e|en|of|と|와|과)(?=[\s$\\(]))[ ]*+"
)
_OTHERWISE_SAID = re.compile(r"\s*, ?or\s*")
_NOUNS_JOINT = re.compile(r"(?: [^\W\d_][\w'’-]*+){1,2}?(?:, and |, | (?:and|y|et|und|и|e) )(?:[^\W\d_]+ )?")
_NOUN = re.compile(r" [^\W\d_]{3,}+(?=[.!]?\s*$)")
_UNIT = (
    r"(?:hours?|hrs?|minutes?|mins?|seconds?|secs?|days?|weeks?|months?|years?|feet|foot|ft|inch(?:es)?|pounds?|ounces?"
    r"|dollars?|cents?|yards?|miles?|quarts?|cups?|gallons?|pints?|stunden?|minuten?|heures?|horas?|minutos?|小时|分钟"
    r"|時間|分|시간|часа?|часов|минут)"
)
_UNITS_JOINT = re.compile(rf"[ ]?{_UNIT}(?:,? (?:and|y|et|und|и|e|en) |, | |和|と)?", re.IGNORECASE)
_LAST_UNIT = re.compile(rf"[ ]?{_UNIT}(?!\w)", re.IGNORECASE)
_JOINTS = (_UNITS_JOINT, _JOINT, _NOUNS_JOINT)
_NEGATIVE = re.compile(r"\b(?:negative|minus)[ ]+$", re.IGNORECASE)
_BOUND = re.compile(
    r"\b(?:(?:at (?:least|most)|(?:no )?(?:more|less|fewer) than|greater than|up to|over|under)(?: or equal to)?)[ ]+$",
    re.IGNORECASE,
)
_FILLERS = re.compile(
    r"(?:[\s:=~≈\"'“(]|\b(?:about|approximately|around|roughly|exactly|only|just|simply|a total of|equal to|now|then"
    r"|the (?:number|value|point|interval|pair|ratio|fraction|expression|equation|set)|un total de|insgesamt"
    r"|negative|minus|at (?:least|most)|(?:no )?(?:more|less|fewer) than|greater than|not|up to)(?!\w)"
    r"|约|約|大约|一?共有?)*+"
)
_WHOLE = re.compile(
    r"(?:all|any|every|each|no|none|either|neither|infinitely|undefined|both|there (?:is|are) no)\b", re.IGNORECASE
)
_CLAUSE = re.compile(
    r"(?:[,;:] ?|\band )(?:so|therefore|thus|hence|which means|meaning|leaving|then|所以|因此|故|donc|also|daher|luego|"
    r"поэтому|logo|portanto|quindi|dus)(?!\w)",
    re.IGNORECASE,
)
_OPENING = re.compile(
    r"\W*(?:(?:so|thus|therefore|hence|finally),? )?(?:since|if|when|because|after|given|as|with|for|out of|of|from"
    r"|in)\b[^,]*+,",
    re.IGNORECASE,
)
_EDGES = " \t\n.,;:!?\"'“”‘’。，、；：！？*_`「」『』《》"


@dataclass(frozen=True, slots=True)
class _Grammar:
    language: Language
    words: frozenset[str]
    copula: re.Pattern[str]
    condition: re.Pattern[str]
    denial: re.Pattern[str]
    remark: re.Pattern[str]


def sentences(text: str) -> list[str]:
    """The sentences of a line, in order."""
    cuts = [0]
    for match in _STOP.finditer(text):
        word = text[max(0, match.start() - 8) : match.start()].rpartition(" ")[2]
        if not word.lower().endswith(_ABBREVIATIONS) and not (len(word) == 1 and word.isupper()):
            cuts.append(match.end())
    return [text[begin:end] for begin, end in pairwise([*cuts, len(text)]) if text[begin:end].strip()]


def plain(line: str) -> str:
    """A line without its bullet, emphasis and calculator notes (`<<3+4=7>>`)."""
    line = _MARKUP.sub("", line)
    bullet = _BULLET.match(line)
    return line[bullet.end() :] if bullet else line


def concluding_expression(line: str) -> str | None:
    """The expression that a line ends up with, in its last sentence that has one and is no remark."""
    every = sentences(plain(line)[-2 * LONGEST_SENTENCE :])
    for sentence in reversed(every):
        remark = len(every) > 1 and _grammar(sentence).remark.match(sentence)
        if not remark and (found := _conclusion(sentence)) is not None:
            return found
    return None


def is_remark(line: str) -> bool:
    """Whether a line only adds something, such as `Hope this helps!` or `Note that ...`."""
    line = plain(line)
    return _grammar(line[:200]).remark.match(line) is not None


def stated_expression(value: str, explained: bool) -> str | None:
    """What follows `the answer is`: an expression, else words. `explained`: a whole explanation may follow instead."""
    first = next(iter(sentences(_MARKUP.sub("", value))), "")
    found = _known(first)
    if not found:
        if explained:
            return concluding_expression(value)
        return _without_end(first) or None
    if _WHOLE.match(first):
        return _without_end(first)
    lead = _FILLERS.match(first)
    assert lead is not None
    if found[0].start <= lead.end():
        return _extended(first, found, 0, lead_in=0)
    return concluding_expression(value) if explained else _conclusion(first)


def first_sentence(value: str) -> str:
    """What a line says in words: its first sentence without its marks."""
    return _without_end(next(iter(sentences(_MARKUP.sub("", value))), ""))


def _conclusion(sentence: str) -> str | None:
    found = _known(sentence)
    if not found:
        return None
    grammar = _grammar(sentence)
    begin = 0
    for match in (*_CLAUSE.finditer(sentence), *_OPENING.finditer(sentence, 0, LONGEST_SENTENCE)):
        if match.end() <= found[-1].start:
            begin = max(begin, match.end())
    late = [quantity for quantity in found if quantity.start >= begin]
    links = [match.end() for match in grammar.copula.finditer(sentence, begin) if match.end() <= late[-1].start]
    if links:
        place = next(place for place, quantity in enumerate(late) if quantity.start >= links[-1])
        return _extended(sentence, late, place, links[-1])
    place = len(late) - 1
    for index, (earlier, later) in enumerate(pairwise(late)):
        if grammar.condition.search(sentence, earlier.end, later.start):
            place = index
            break
    return _extended(sentence, late, place, None)


def _known(sentence: str) -> list[Quantity]:
    """The expressions of a sentence that may be its answer: not denied, not in brackets behind another."""
    found = quantities(sentence)
    if not found:
        return []
    denial = _grammar(sentence).denial
    allowed = [
        quantity for quantity in found if not denial.search(sentence, max(0, quantity.start - 24), quantity.start)
    ]
    allowed = allowed or found
    told = [quantity for quantity in allowed if not quantity.aside] or allowed
    return [quantity for quantity in told if not quantity.symbol] or told


def _extended(sentence: str, found: list[Quantity], place: int, lead_in: int | None) -> str:
    """The expression at `place`, with those that it makes a list or a compound with, and its sign or bound."""
    around = (place, place - 1) if lead_in is None else (place,)
    joint = next((joint for joint in _JOINTS for i in around if _joined(joint, sentence, found, i)), _JOINT)
    first = last = place
    while _joined(joint, sentence, found, last, listed=last > first):
        last += 1
    while lead_in is None and _joined(joint, sentence, found, first - 1, listed=last > first):
        first -= 1
    chosen = found[first : last + 1]
    if len(chosen) == 1:
        text = value_side(chosen[0].text, chosen[0].named)
    else:
        text = chosen[0].text + "".join(sentence[a.end : b.start] + b.text for a, b in pairwise(chosen))
        ending = _LAST_UNIT if joint is _UNITS_JOINT else _NOUN if joint is _NOUNS_JOINT else None
        if ending is not None and (unit := ending.match(sentence, chosen[-1].end)):
            text += unit.group()
    before = sentence[max(0, chosen[0].start - 30) : chosen[0].start]
    if _NEGATIVE.search(before):
        return f"-{text}"
    bound = _BOUND.search(before) if lead_in is not None else None
    at_once = bound is not None and chosen[0].start - len(bound.group()) <= (lead_in or 0) + 1
    return f"{bound.group().strip()} {text}" if bound is not None and at_once else text


def _joined(joint: re.Pattern[str], sentence: str, found: list[Quantity], place: int, listed: bool = False) -> bool:
    """Whether the expression at `place` and the next one belong together. `0.5, or 50%` says one thing twice."""
    if not 0 <= place < len(found) - 1:
        return False
    left, right = found[place], found[place + 1]
    if not listed and "=" not in left.text and _OTHERWISE_SAID.fullmatch(sentence, left.end, right.start):
        return False
    return joint.fullmatch(sentence, left.end, right.start) is not None


def _without_end(sentence: str) -> str:
    """Words of an answer without marks around them and without what a sentence ends with (`です`)."""
    text = sentence.strip(_EDGES)
    for end in _ENDS:
        if text.endswith(end) and len(text) > len(end):
            return text.removesuffix(end).strip(_EDGES)
    return text


@lru_cache(maxsize=2048)
def _grammar(sentence: str) -> _Grammar:
    """The grammar of the language that a sentence is most likely in."""
    if not sentence.isascii():
        for first, last, name in _SCRIPTS:
            if any(first <= character <= last for character in sentence):
                return _GRAMMARS[name]
    words = set(re.split(r"[\s,.;:!?]+", sentence.lower()))
    return max(_LATIN, key=lambda grammar: len(words & grammar.words))


def _compiled(language: Language) -> _Grammar:
    spaced = language.name not in {"Chinese", "Japanese", "Korean"}

    def words(entries: tuple[str, ...], before: str = r"(?<!\w)", after: str = r"(?!\w)") -> re.Pattern[str]:
        one_of = "|".join(map(re.escape, sorted(entries, key=len, reverse=True)))
        return re.compile(f"{before}(?:{one_of}){after}" if spaced else f"(?:{one_of})", re.IGNORECASE)

    every = " ".join((*language.copulas, *language.conditions, *language.conclusions, *language.denials)).split()
    # A denial reaches over a few small words: `not the 15`.
    denial = words(language.denials, after=r"(?!\w)(?: (?:the|a|an|to|be|was|is|el|la|le|die|das|der))*+[\s$(*]*+$")
    remark = words(language.remarks, before=r"\W{0,4}")
    return _Grammar(language, frozenset(every), words(language.copulas), words(language.conditions), denial, remark)


def _endings() -> Iterator[str]:
    for language in LANGUAGES:
        yield from language.ends


_ENDS = sorted(_endings(), key=len, reverse=True)
_GRAMMARS = {language.name: _compiled(language) for language in LANGUAGES}
_SCRIPTS = (
    ("ぁ", "ヿ", "Japanese"),
    ("가", "힣", "Korean"),
    ("一", "鿿", "Chinese"),
    ("Ѐ", "ӿ", "Russian"),
)
_LATIN = tuple(grammar for name, grammar in _GRAMMARS.items() if name not in {script for _, _, script in _SCRIPTS})
