"""Where a text names labels of options: `(B)`, `B.`, `B and D`, and which of them it denies or concludes with.

A capital that stands alone is a label, `A` and `I` only where they cannot be an article or a pronoun, numbers and small
letters only with a mark. Every pattern is run on texts of at most two thousand characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from memreward_service.answers.choices.options import CAPITALS, Options, unmarked
from memreward_service.answers.choices.wordings import (
    AND,
    AND_UNSPACED,
    BOTH,
    CONNECTORS,
    OR,
    OR_UNSPACED,
    PRONOUN_CONNECTORS,
    WORDINGS,
)


def _words(spaced: str, unspaced: str = "") -> str:
    """A pattern of whole words, and of words of a language without spaces."""
    whole = rf"(?i:(?<!\w)(?:{spaced})(?!\w))"
    return rf"(?:{whole}|{unspaced})" if unspaced else whole


def _wording(kind: str, more: str = "") -> str:
    spaced = [getattr(one, kind) for one in WORDINGS if one.spaced and getattr(one, kind)]
    unspaced = [getattr(one, kind) for one in WORDINGS if not one.spaced and getattr(one, kind)]
    return _words("|".join([*spaced, *filter(None, [more])]), "|".join(unspaced))


_ANSWERS, _KINDS, _VERBS, _PICKS = map(_wording, ("answers", "kinds", "verbs", "picks"))
_TURNS, _DENIALS, _FAULTS, _VERDICTS = map(_wording, ("turns", "denials", "faults", "verdicts"))
_FILLER = rf"(?:{_wording('fillers')}|(?<!\w)[aoàéèв](?!\w))"
"""A word that may stand between; those of one letter only in small letters, for the capitals are labels."""
_LABEL_WORD = _words(
    "options?|choices?|answers?|ans|letters?|opción|opciones|letra|lettre|variante?|вариант", "选项|選項|選択肢|보기"
)
_DENIED_FILLER = rf"(?:{_LABEL_WORD}|{_words('the|an|either|any|of|be|choose|pick|select|la|el|die|der|das|il|è')})"
_JOIN = _words(f"{AND}|{OR}", f"{AND_UNSPACED}|{OR_UNSPACED}")
_HEDGE = _words("possibly|perhaps|maybe|probably|even|also")
_COUNTERS = r"[番号號번]|です|입니다|選|选|を|が|가|은|는|이|是|为|為|项|項|正"
_STOP = r"\s*(?:$|[^\w\s%°$€£({])"
_GAP = r"[\s:=,、…—–>→⇒'’-]{0,4}+"
_LINK = r"[\s:=)】—–>→⇒'’-]{0,4}+"
_LOOKALIKES = dict(zip("АВСЕНКМОРТХ", "ABCEHKMOPTX", strict=True))
"""Cyrillic letters that are written for the Latin ones."""

_WRAPPED = re.compile(r"[\[<【「『《〈‘'“\"]\s?(\w{1,4})\s?[.:]?[\]>】」』》〉’'”\"]")
_TAG = re.compile(r"</?[a-z][a-z0-9]{0,10}>")
_SCRIPT_CHANGE = re.compile(
    r"(?<=[\u3001-\u9fff\uac00-\ud7af])(?=[0-9A-Za-z(])|(?<=[0-9A-Za-z)])(?=[\u3001-\u9fff\uac00-\ud7af])"
)
_NOT_ONLY = re.compile(r"\bnot only\b", re.IGNORECASE)
_BUT_ALSO = re.compile(r"\bbut also\b", re.IGNORECASE)
_TOKEN = re.compile(r"[0-9A-Za-z_À-ɏͰ-ӿ]+|\S")
_JOINING = frozenset(f"{AND}|{AND_UNSPACED}|{BOTH}".split("|")) | set(",;/&+、，.:()[]!。…|*'\"-またはおよび以")
_DOUBTING = frozenset(f"{OR}|或|か|また|또|?".split("|"))
_MOST_LISTED = 26


@dataclass(frozen=True, slots=True)
class Listing:
    """Labels that stand together: where, whether they are in brackets, and whether one or all of them are meant."""

    labels: tuple[str, ...]
    doubted: bool
    bracketed: bool
    start: int
    end: int

    @property
    def key(self) -> str:
        """`B`, `B D`, or in doubt `B or D`."""
        return (" or " if self.doubted else " ").join(sorted(set(self.labels), key=lambda label: (len(label), label)))


def _alternatives(written: set[str]) -> str:
    return "|".join(map(re.escape, sorted(written, key=lambda label: (-len(label), label)))) or "(?!)"


class _Patterns:
    """The patterns for the labels of one alphabet."""

    def __init__(self, alphabet: tuple[str, ...]) -> None:
        latin = set(alphabet) & set(CAPITALS)
        likes = {written for written, label in _LOOKALIKES.items() if label in latin}
        every = _alternatives({*alphabet, *map(str.lower, alphabet), *likes})
        sure, others = _alternatives(latin - {"A", "I"}), _alternatives(set(alphabet) - latin | likes)
        before = r"(?<![\w'’\\^+/*-])"
        after = r"(?![\w'’+^#]|[-=*/\\]\S|[ ]?[=<>^+]|[.,]\d)"
        foreign = r"[ ](?=[\u3001-\u9fff\uac00-\ud7af])"
        article = rf"A(?={_STOP}|{foreign}|\s+{_words(CONNECTORS)})" if "A" in latin else "(?!)"
        pronoun = rf"I(?={_STOP}|{foreign}|\s+{_words(PRONOUN_CONNECTORS)})" if "I" in latin else "(?!)"
        other = rf"(?:{others})(?={_STOP}|[ ]?(?:{_COUNTERS})|\s+{_words(CONNECTORS)})"
        bracketed = rf"(?<!\w)\(\s?(?:{every})\s?[.:]?\s?\)"
        mention = rf"(?:{bracketed}|{before}(?:{sure}|{article}|{pronoun}|{other}){after})"
        joined = rf"{_JOIN}\s*(?:{_HEDGE}\s+)?"
        joint = rf"\s*(?:[,/&、]\s*(?:{joined})?|{joined})(?:{_LABEL_WORD}\s+)?"
        several = rf"{mention}(?:{joint}{mention}){{0,25}}+"
        blank = r"[ \t]{0,2}"
        self.alone = re.compile(rf"\(?({every})[.)]?")
        self.mention = re.compile(mention)
        self.joint = re.compile(rf"\s*(?:[,;/&+、]\s*(?:{joined})?|{joined})(?:{_LABEL_WORD}\s+)?")
        self.lead = re.compile(
            rf"(?:{_FILLER}[ \t]{{1,2}}){{0,4}}+(?:{_LABEL_WORD}\s+)?"
            rf"(?P<label>\(?(?:{every})(?:\s?\)|[.:](?!\w)|(?=\s*[,;!。—–]|\s+-\s|\s*$))|{mention})"
        )
        self.named = re.compile(rf"{_LABEL_WORD}\s*[\s:]\s*(?P<label>{every})(?![\w'’])(?! [a-z])")
        self.denied = re.compile(
            rf"{_DENIALS}(?:{blank}{_DENIED_FILLER}){{0,4}}{blank}:?{blank}{several}"
            rf"|{several}(?:{blank}{_KINDS})?(?:{blank}{_wording('verbs', 'also|both|all|clearly|therefore')}){{0,3}}"
            rf"{blank}{_FAULTS}"
        )
        self.cued = re.compile(
            rf"(?:(?:{_ANSWERS}|{_PICKS}){_LINK}|{_KINDS}[ \t]{{0,3}}(?:{_VERBS}|:){_LINK})"
            rf"(?:{_FILLER}{_GAP}){{0,8}}+(?P<label>{mention})"
            rf"|{_VERBS}{_LINK}(?:{_FILLER}{_GAP}){{0,4}}+(?P<bracketed>{bracketed})"
        )
        self.corrected = re.compile(
            r"\b(?:but|however|though|although)\b,? (?:it|that|this|now it|the answer"
            r"|(?:the )?(?:right|correct|true|real|actual) (?:answer|one|choice|option)) "
            r"(?:should be|must be|ought to be|is (?:now|really|actually))"
            rf" (?:{_LABEL_WORD} ?)?(?P<label>{mention})"
        )
        self.turned = re.compile(rf"{_TURNS}{_GAP}(?:{_FILLER}{_GAP}){{0,4}}+(?P<label>{mention})")


_BEGINS = re.compile(rf"(?:^|[.,:;!?。，、：；)]|{_TURNS}|{_LABEL_WORD}|{_words('therefore|both|either')})[ \t(]*$")
_VERB = re.compile(rf"\s*{_VERBS}")
_VERDICT = re.compile(
    rf"[)\s.:,–—-]{{0,3}}(?:{_KINDS}\s?)?(?:{_VERBS}\s?)?(?:(?:{_FILLER}|{_words('an|die|le')})\s?){{0,6}}{_VERDICTS}"
)


@lru_cache(maxsize=32)
def _patterns(alphabet: tuple[str, ...]) -> _Patterns:
    return _Patterns(alphabet)


_patterns(CAPITALS)  # compiled once, before the first request


class Labels:
    """What a text says about the labels of a query (the capitals, where it lists none)."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._known = frozenset(options.labels or CAPITALS)
        self._patterns = _patterns(options.alphabet)

    def alone(self, text: str) -> str | None:
        """The label where the text is that and at most a bracket or a full stop."""
        match = self._patterns.alone.fullmatch(text) if len(text) < 8 else None
        return self._label(match[1]) if match else None

    def asserted(self, text: str) -> str:
        """The text without markup, its labels in quotes and corner brackets put in round ones, denied labels gone."""
        shown = _WRAPPED.sub(r" (\1)", unmarked(_TAG.sub(" ", text)))
        if not shown.isascii():
            shown = _SCRIPT_CHANGE.sub(" ", shown)
        shown = self._patterns.named.sub(lambda match: f" ({match['label']})", shown)
        return self._patterns.denied.sub(" ; ", _NOT_ONLY.sub("both", _BUT_ALSO.sub("and", shown)))

    def only(self, text: str) -> str | None:
        """The key where the text holds labels, and nothing but what joins them."""
        labels: list[str] = []
        doubted = False
        tokens = _TOKEN.findall(text) if len(text) <= 200 else []
        capitals = any(token.isupper() and self._label(token) for token in tokens)
        for token in tokens:
            label = None if capitals and token.islower() else self._label(token)
            if label is not None:
                labels.append(label)
            elif token.lower() in _DOUBTING:
                doubted = doubted or token != "?"
            elif compact := self._compact(token):
                labels += compact
            elif token.lower() not in _JOINING:
                return None
        return Listing(tuple(labels), doubted and len(set(labels)) > 1, False, 0, 0).key if labels else None

    def leading(self, text: str, start: int) -> Listing | None:
        """The labels that the text begins with."""
        match = self._patterns.lead.match(text, start)
        return self._listing(text, match.start("label"), match.end()) if match else None

    def listings(self, text: str) -> Iterator[Listing]:
        """All labels of the text, those together that stand together."""
        place = 0
        while match := self._patterns.mention.search(text, place):
            place = match.end()
            if listing := self._listing(text, match.start(), match.end()):
                place = listing.end
                yield listing

    def concluding(self, text: str) -> Iterator[Listing]:
        """The labels that a phrase before them or a verdict behind them makes the answer."""
        cued = {match.start(match.lastgroup or 0) for match in self._patterns.cued.finditer(text)}
        for listing in self.listings(text):
            if listing.start in cued or self._has_verdict(text, listing):
                yield listing

    def turned(self, text: str) -> Iterator[Listing]:
        """The labels behind `so`, `but` or a bare `is`."""
        for match in self._patterns.turned.finditer(text):
            if listing := self._listing(text, match.start("label"), match.end("label")):
                yield listing

    def corrected(self, text: str) -> Iterator[Listing]:
        """The labels that take the place of one before them: `B in an old key, but it should be A`."""
        for match in self._patterns.corrected.finditer(text):
            if listing := self._listing(text, match.start("label"), match.end("label")):
                yield listing

    def opens_clause(self, text: str, listing: Listing) -> bool:
        """Whether a verb follows the labels, as in `A is near`."""
        return _VERB.match(text, listing.end) is not None

    def _has_verdict(self, text: str, listing: Listing) -> bool:
        """Whether `is correct` follows; `vitamin C is correct` names no option C."""
        behind = self._behind_text(text, listing.end, listing.labels[-1])
        if _VERDICT.match(text, behind) is None:
            return False
        return listing.bracketed or _BEGINS.search(text[max(0, listing.start - 24) : listing.start]) is not None

    def _listing(self, text: str, start: int, end: int) -> Listing | None:
        """The label there with those that are joined to it, `(C) cabinet or (E)`; None for no label of the query."""
        first = self._label(text[start:end])
        if first is None:
            return None
        labels, doubted = [first], False
        while len(labels) < _MOST_LISTED:
            joint = self._patterns.joint.match(text, self._behind_text(text, end, labels[-1]))
            following = self._patterns.mention.match(text, joint.end()) if joint else None
            label = self._label(following[0]) if following else None
            if joint is None or following is None or label is None:
                break
            if joint[0].strip() == "," and _VERB.match(text, following.end()):
                break  # `A, B and C were left, B is best`
            doubted = doubted or not _DOUBTING.isdisjoint(joint[0].lower().split())
            labels.append(label)
            end = following.end()
        return Listing(tuple(labels), doubted and len(set(labels)) > 1, text[start] == "(", start, end)

    def _behind_text(self, text: str, place: int, label: str) -> int:
        """Where the text goes on behind the text of the option, if that stands there."""
        wanted = self._options.texts.get(label, "")
        start = place
        while start < len(text) and text[start] in " \t.):":
            start += 1
        if wanted and text[start : start + len(wanted)].casefold() == wanted.casefold():
            return start + len(wanted)
        return place

    def _label(self, written: str) -> str | None:
        bare = written.strip("()[] .:\t\n")
        for form in (bare, upper := bare.upper(), _LOOKALIKES.get(upper, "")):
            if form in self._known:
                return form
        return None

    def _compact(self, token: str) -> list[str]:
        """The labels of `BD`: capitals in their order."""
        letters = list(token)
        ordered = len(letters) > 1 and letters == sorted(set(letters)) and token.isupper()
        return letters if self._options.labels and ordered and self._known.issuperset(letters) else []
