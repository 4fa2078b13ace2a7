"""What a sentence says the answer is: `12` for `Therefore, 12 of the 30 students passed.`"""

from __future__ import annotations

import re
from itertools import pairwise

from memreward_service.answers.places.compounds import OPERATED, compound
from memreward_service.answers.places.grammar import grammar_of, words_alone
from memreward_service.answers.places.quantities import LONGEST_SENTENCE, Quantity, quantities

_STOP = re.compile(r"[.!?][\"”'’)*_$]{0,4}\s++(?=[^\sa-z])|[。！？]\s*+")
_ABBREVIATIONS = ("mr", "mrs", "ms", "dr", "st", "no", "vs", "prof", "jr", "sr", "approx", "ca", "p.m", "a.m", "mt")
_INITIALS = re.compile(r"[A-Z]|[a-zA-Z](?:\.[a-zA-Z])+")
_MARKUP = re.compile(
    r"(?<![\w)}\]])\*\*|\*\*(?![\d(-])|__(?!\w)|`|<<[^<>\n]{0,200}>>|(?<![\w)}\]*])[*_](?=\S)|(?<=\S)[*_](?![\w{(\\*])"
)
_BULLET = re.compile(r"\s*+(?:[-*•>#✅✔➡⇒→=]\s*+(?=\s)|[•>#✅✔➡⇒→]|\d{1,2}[.)]\s++(?=[^\W\d_]))[\s️>#]*+")
_FILLERS = re.compile(
    r"(?:[\s:=~≈\"'“(]|\b(?:about|approximately|around|roughly|exactly|only|just|simply|a total of|equal to|now|then"
    r"|the (?:number|value|point|interval|pair|ratio|fraction|expression|equation|set)|un total de|insgesamt"
    r"|negative|minus|menos|moins|at (?:least|most)|(?:no )?(?:more|less|fewer) than|greater than|not|up to)(?!\w)"
    r"|约|約|大约|负|負|一?共有?)*+"
)
_WHOLE = re.compile(
    r"(?:all|any|every|each|no|none|either|neither|infinitely|undefined|both|there (?:is|are) no)\b", re.IGNORECASE
)
_CLAUSE = re.compile(
    r"[,，；](?:所以|因此|故|则|剩|还剩|余下|需要)|(?:[,;:] ?|\band )(?:so|therefore|thus|hence|which means|meaning"
    r"|leaving|then|donc|also|daher|luego|поэтому|logo|portanto|quindi|dus)(?!\w)",
    re.IGNORECASE,
)
_REMARK_CLAUSE = re.compile(
    r"(?:,? (?:which|that)(?:['’]s| (?:is|was|are|were|would be|represents|makes up|accounts for))"
    r"|, (?:or|i\.e\.,?|that is,|representing)) "
    r"(?:(?:about|around|approximately|roughly|exactly|only|just|nearly|almost|also|still) )?+"
    r"(?:enough|(?:more|less|fewer|greater|higher|lower|smaller|larger|longer|shorter) than"
    r"|(?:a|one) (?:half|third|quarter|fifth|tenth) of|half of|twice|double"
    r"|\\?[$€£]? ?\d[\d.,/]*+(?: ?\\?%| percent(?!\w)| times|(?: [^\W\d_]++)?? (?:more|less|fewer|greater|higher|lower"
    r"|longer|shorter|older|younger|larger|smaller) than))",
    re.IGNORECASE,
)
"""A clause that only compares the answer before it: `25 dollars, which is 20% of his budget`."""
_SHARE = re.compile(r"percent|%|fraction|ratio|proportion|share|rate|probability|out of|/|\\frac", re.IGNORECASE)
_YES_OR_NO = re.compile(r"\W{0,4}(?:(?:so|thus|therefore|hence),? )?(yes|no)[,.:;]? (?=[$\d])", re.IGNORECASE)
_VERB = re.compile(
    r"\$? (?:is|are|was|were|does|do|can|cannot|divides|equals|has|have)(?:n['’]t)?(?!\w)"
    r"(?! (?:correct|right|indeed|the))"
)
_NEGATED = re.compile(r"\$? (?:(?:is|are|was|were|does|do|can)(?:n['’]t| not| never)|cannot)(?!\w)")
_REFUSAL = re.compile(
    r"(?<!\w)I(?: am|['’]m)? (?:cannot|can['’]t|could(?: not|n['’]t)|unable to|not able to|d(?:o|id)(?: not|n['’]t))"
    r" (?:solve|find|answer|determine|know|figure|finish|work|do (?:this|it))(?!\w)|(?<!\w)I give up(?!\w)",
    re.IGNORECASE,
)
_OPENING = re.compile(
    r"(?:(?:so|thus|therefore|hence|finally),? )?(?:since|if|when|because|after|given|as|with|for|out of|of|from"
    r"|in)\b[^,]*+,",
    re.IGNORECASE,
)


def sentences(text: str) -> list[str]:
    """The sentences of a line, in order."""
    cuts = [0]
    for match in _STOP.finditer(text):
        word = text[max(0, match.start() - 8) : match.start()].rpartition(" ")[2]
        if not word.lower().endswith(_ABBREVIATIONS) and not _INITIALS.fullmatch(word):
            cuts.append(match.end())
    return [text[begin:end] for begin, end in pairwise([*cuts, len(text)]) if text[begin:end].strip()]


def plain(line: str) -> str:
    """A line without its bullet, emphasis and calculator notes (`<<3+4=7>>`)."""
    line = _MARKUP.sub("", line)
    bullet = _BULLET.match(line)
    return line[bullet.end() :] if bullet else line


def concluding_expression(line: str) -> str | None:
    """The expression that a line ends up with, in its last sentence that has one and is no remark."""
    said = plain(line)
    every = sentences(said[-2 * LONGEST_SENTENCE :])[1 if len(said) > 2 * LONGEST_SENTENCE else 0 :]
    if any(_REFUSAL.search(sentence) for sentence in every):
        return None
    for sentence in reversed(every):
        remark = len(every) > 1 and grammar_of(sentence).remark.match(sentence)
        if not remark and (found := _conclusion(sentence)) is not None:
            return found
    return None


def is_remark(line: str) -> bool:
    """Whether a line only adds something, such as `Hope this helps!` or `Note that ...`."""
    line = plain(line)
    return grammar_of(line[:200]).remark.match(line) is not None


def stated_expression(value: str, explained: bool) -> str | None:
    """What follows `the answer is`: an expression, else words. `explained`: a whole explanation may follow instead."""
    first = next(iter(sentences(_MARKUP.sub("", value))), "")
    found = _known(first)
    if not found:
        if explained:
            return concluding_expression(value)
        return words_alone(first) or None
    if _WHOLE.match(first):
        return words_alone(first)
    lead = _FILLERS.match(first)
    assert lead is not None
    if found[0].start <= lead.end():
        return compound(first, found, 0, lead_in=0)
    if not explained and OPERATED.search(first, 0, found[0].start) and not grammar_of(first).copula.search(first):
        return words_alone(first)
    return concluding_expression(value) if explained else _conclusion(first)


def first_sentence(value: str) -> str:
    """What a line says in words: its first sentence without its marks and without what it denies."""
    sentence = next(iter(sentences(_MARKUP.sub("", value))), "")
    _, but, meant = sentence.partition(" but ") if sentence.startswith("not ") else ("", "", "")
    return words_alone(meant if but else sentence.partition(", not ")[0])


def _conclusion(sentence: str) -> str | None:
    found = _known(sentence)
    if not found:
        return None
    if (verdict := _verdict(sentence, found)) is not None:
        return verdict
    clause = _REMARK_CLAUSE.search(sentence, found[0].end, LONGEST_SENTENCE)
    if clause is not None and ("%" not in clause.group() or not _SHARE.search(sentence, 0, clause.start())):
        return _conclusion(sentence[: clause.start()])
    grammar = grammar_of(sentence)
    begin = 0
    for match in (*_CLAUSE.finditer(sentence), *_OPENING.finditer(sentence, 0, LONGEST_SENTENCE)):
        if match.end() <= found[-1].start:
            begin = max(begin, match.end())
    late = [quantity for quantity in found if quantity.start >= begin]
    links = [match.end() for match in grammar.copula.finditer(sentence, begin) if match.end() <= late[-1].start]
    if links:
        place = next(place for place, quantity in enumerate(late) if quantity.start >= links[-1])
        return compound(sentence, late, place, links[-1])
    place = len(late) - 1
    for index, (earlier, later) in enumerate(pairwise(late)):
        if grammar.condition.search(sentence, earlier.end, later.start):
            place = index
            break
    return compound(sentence, late, place, None)


def _verdict(sentence: str, found: list[Quantity]) -> str | None:
    """What a sentence says about its only expression: `no` for `No, 5 is not prime.`, all of `5 is not prime.`"""
    said = _YES_OR_NO.match(sentence)
    if said is not None and found[0].start == said.end() and _VERB.match(sentence, found[0].end):
        return said[1].lower()
    return words_alone(sentence) if len(found) == 1 and _NEGATED.match(sentence, found[0].end) else None


def _known(sentence: str) -> list[Quantity]:
    """The expressions of a sentence that may be its answer: not denied, not in brackets behind another."""
    found = quantities(sentence)
    if not found:
        return []
    grammar = grammar_of(sentence)
    allowed = [
        quantity
        for quantity in found
        if not grammar.denial.search(sentence, max(0, quantity.start - 24), quantity.start)
        and not (grammar.denial_behind and grammar.denial_behind.match(sentence, quantity.end))
    ]
    allowed = allowed or found
    told = [quantity for quantity in allowed if not quantity.aside] or allowed
    return [quantity for quantity in told if not quantity.symbol] or told
