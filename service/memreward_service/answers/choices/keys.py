"""Which of the options of a query an answer names: a table of rules, tried in order.

The key is the label of the option (`B`), several labels (`B D`), labels in doubt (`B or D`), `none of above`, or the
normalised text where no rule finds an option. Labels that the answer denies (`not A`) are taken out first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from memreward_service.answers.choices.labels import Labels, Listing
from memreward_service.answers.choices.options import Options, option_key, plain
from memreward_service.answers.choices.wordings import ALL_OF_THEM, NO_OPTION, NONE_OF_THEM, UNDECIDED_WORDS
from memreward_service.answers.places.rules import FinalAnswer, Mark

READ = 1_000
"""Characters of an answer in which an option is looked for: the last of a line, else the first."""
_CACHED = 200
"""Characters of an answer up to which what it names is remembered."""
NONE = "none of above"
"""The key of an answer that says that none of the options is right."""

UNDECIDED = "undecided"
"""The key of an answer that says that it cannot be told which option is right."""

_NONE = re.compile(rf"\W{{0,5}}(?i:{NONE_OF_THEM})")
_NO_OPTION = re.compile(rf"(?i:{NO_OPTION})")
_ALL = re.compile(rf"\W{{0,5}}(?i:{ALL_OF_THEM})")
_PREFIX = re.compile(r"[\s>#.;,:=→⇒∴✓✔✅☑-]*+(?:A\s*:\s*+(?=\S))?")
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_ORDINAL = re.compile(
    rf"\W*+(?:the\s+)?({'|'.join(_ORDINALS)})(?:\s+(?:option|choice|answer|alternative|one))\W*", re.IGNORECASE
)
_UNDECIDED = re.compile(rf"(?i:{UNDECIDED_WORDS})")
_HEDGE = re.compile(r"\b(?:(?:could|may|might)(?: also| well)? be|maybe|perhaps|possibly)\b", re.IGNORECASE)
_HEAD = re.compile(r"^\W{0,5}\w{1,4}[.):]\s")
_PARTS = re.compile(r"[,;、]|\band\b|\n")
_UNLISTED = re.compile(r"\W{0,3}\(?([A-Z])(?:[.:](?!\w)|\)|[.!\s]{0,2}$)")
_DENIED_BEHIND = re.compile(
    r"\b(?:not|no|never|nor|than|instead of|except|isnt|arent|cannot|without)(?: (?!but\b|it\b)\w+){0,2} ?$"
    r"|(?:不是|而非|不选)$"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as its rules see it: its text without markup and denied labels, and what marks it."""

    written: str
    text: str
    options: Options
    labels: Labels
    mark: Mark

    @property
    def words(self) -> str:
        """The answer in the form in which it is compared with the texts of the options."""
        return option_key(self.written)


@dataclass(frozen=True, slots=True)
class ChoiceRule:
    """`read` gives the key, or None where the rule does not fit. The example is read with the options of EXAMPLES."""

    name: str
    example: str
    key: str
    read: Callable[[Answer], str | None]
    marks: frozenset[Mark] = frozenset(Mark)
    """How an answer has to be marked for the rule; a box holds mathematics as well."""


def choice_key(options: Options, final: FinalAnswer) -> str:
    """The key of an answer: the option that it names, else its normalised text."""
    found = named_choice(options, final)
    if found is not None:
        return found
    return option_key(final.answer) if len(final.answer) <= READ else " ".join(final.answer.split())


def named_choice(options: Options, final: FinalAnswer) -> str | None:
    """The key of what the answer names, None where it names no option."""
    if len(final.answer) <= _CACHED:
        return _remembered(options, final.answer, final.mark)
    return _named(options, final.answer[-READ:] if final.mark is Mark.POSITION else final.answer[:READ], final.mark)


@lru_cache(maxsize=16384)
def _remembered(options: Options, written: str, mark: Mark) -> str | None:
    return _named(options, written, mark)


def _named(options: Options, written: str, mark: Mark) -> str | None:
    labels = Labels(options)
    if (quick := labels.alone(written)) is not None:
        return quick
    written = _with_labels_for_texts(options, plain(written))
    answer = Answer(written, labels.asserted(written), options, labels, mark)
    for rule in RULES:
        if mark in rule.marks and (key := rule.read(answer)) is not None:
            return key
    return None


def _with_labels_for_texts(options: Options, written: str) -> str:
    """`C. (C)` for `C. Both A and B`, where that is the text of C: its labels are not named, but quoted."""
    for label, text in options.quoting:
        place = written.casefold().find(text.casefold())
        if place >= 0:
            written = f"{written[:place]} ({label}) {written[place + len(text) :]}"
    return written


def names_several(key: str, labels: Sequence[str]) -> bool:
    """Whether a key stands for several of the labels, for some in doubt, for none of the options, or no decision."""
    named = key.replace(" or ", " ").split()
    return key in (NONE, UNDECIDED) or (len(named) > 1 and set(named).issubset(labels))


def concludes(options: Options, line: str) -> bool:
    """Whether a phrase of the line makes a label its answer: `I would pick B`, `B is correct`."""
    labels = Labels(options)
    return any(True for _ in labels.concluding(labels.asserted(plain(line))))


def _only_labels(answer: Answer) -> str | None:
    return answer.labels.only(answer.text)


def _text_of_an_option(answer: Answer) -> str | None:
    return answer.options.label_of.get(answer.words)


def _leading_label(answer: Answer) -> str | None:
    start = _PREFIX.match(answer.text)
    listing = answer.labels.leading(answer.text, start.end() if start else 0)
    if listing is None:
        return None
    if (corrected := _last(answer.labels.corrected(answer.text))) is not None:
        return corrected
    if listing.doubted or answer.labels.opens_clause(answer.text, listing):
        return (
            _conclusion(answer) or _turn(answer) or listing.key
        )  # `A or B, so B is the answer`, `A is near, but I choose B`
    return listing.key


def _conclusion(answer: Answer) -> str | None:
    return _last(answer.labels.corrected(answer.text)) or _last(answer.labels.concluding(answer.text))


def _turn(answer: Answer) -> str | None:
    return _last(answer.labels.turned(answer.text))


def _last(listings: Iterator[Listing]) -> str | None:
    key = None
    for listing in listings:
        key = listing.key
    return key


def _bracketed(answer: Answer) -> str | None:
    found = {listing.key for listing in answer.labels.listings(answer.text) if listing.bracketed}
    return found.pop() if len(found) == 1 else None


def _none_of_them(answer: Answer) -> str | None:
    denied = _NONE.match(answer.written) or (answer.mark is not Mark.BOX and _NO_OPTION.search(answer.written))
    return NONE if denied else None


def _all_of_them(answer: Answer) -> str | None:
    return " ".join(answer.options.labels) or None if _ALL.match(answer.written) else None


def _ordinal(answer: Answer) -> str | None:
    match = _ORDINAL.fullmatch(answer.text)
    place = _ORDINALS.index(match[1].lower()) if match else len(_ORDINALS)
    return answer.options.labels[place] if place < len(answer.options.labels) else None


def _undecided(answer: Answer) -> str | None:
    return UNDECIDED if _UNDECIDED.search(answer.written) else None


def _in_doubt(answer: Answer) -> str | None:
    if len(_HEDGE.findall(answer.text)) < 2:
        return None
    named = {label for listing in answer.labels.listings(answer.text) for label in listing.labels}
    concluded = _conclusion(answer)
    return concluded or (" or ".join(sorted(named)) if len(named) > 1 else None)


def _texts_of_options(answer: Answer) -> str | None:
    parts = [option_key(_HEAD.sub("", part)) for part in _PARTS.split(answer.written[:400]) if part.strip()]
    labels = {answer.options.label_of.get(part, "") for part in parts}
    return " ".join(sorted(labels)) if len(parts) > 1 and "" not in labels else None


def _unlisted_label(answer: Answer) -> str | None:
    match = _UNLISTED.match(answer.text) if answer.options.labels else None
    label = match[1] if match else ""
    return label if label in answer.options.alphabet and label not in answer.options.labels else None


def _mentioned_text(answer: Answer) -> str | None:
    words = f" {answer.words} "
    joined = not words.isascii()
    found: list[tuple[int, int, str]] = []
    for text, label in answer.options.label_of.items():
        sought = text if joined and not text.isascii() and len(text) > 1 else f" {text} "
        place = words.find(sought)
        if place >= 0 and not _DENIED_BEHIND.search(words[max(0, place - 40) : place]):
            found.append((place, place + len(sought), label))
    outer = [one for one in found if not any(_inside(one, other) for other in found)]
    return outer[0][2] if len(outer) == 1 else None


def _inside(one: tuple[int, int, str], other: tuple[int, int, str]) -> bool:
    return other[0] <= one[0] and one[1] <= other[1] and other[1] - other[0] > one[1] - one[0]


EXAMPLES = Options(
    texts={"A": "ocean", "B": "water cooler", "C": "cabinet", "D": "a dog"},
    normalised={"A": "ocean", "B": "water cooler", "C": "cabinet", "D": "dog"},
    label_of={"ocean": "A", "water cooler": "B", "cabinet": "C", "dog": "D"},
)
"""The options of the examples of the rules."""

_SENTENCE = frozenset({Mark.STATEMENT, Mark.POSITION})
RULES = (
    ChoiceRule("nothing but labels", "B and D", "B D", _only_labels),
    ChoiceRule("the text of an option", "A dog.", "D", _text_of_an_option),
    ChoiceRule("the texts of several options", "ocean and cabinet", "A C", _texts_of_options),
    ChoiceRule("labels in doubt", "Maybe (A), maybe (B).", "A or B", _in_doubt),
    ChoiceRule(
        "a conclusion of a line", "A is near, but B is the best answer", "B", _conclusion, frozenset({Mark.POSITION})
    ),
    ChoiceRule("a label at the beginning", "B. water cooler, since the ocean (A) is salty", "B", _leading_label),
    ChoiceRule("a conclusion", "I would pick B - a safe choice", "B", _conclusion),
    ChoiceRule("behind a turn", "not A but B", "B", _turn),
    ChoiceRule("none of the options", "None of these.", NONE, _none_of_them),
    ChoiceRule("all of the options", "All of the above.", "A B C D", _all_of_them),
    ChoiceRule("the place of an option", "the second option", "B", _ordinal),
    ChoiceRule("a label that is not listed", "(F) a lake", "F", _unlisted_label),
    ChoiceRule("no decision", "It is difficult to determine the correct choice.", UNDECIDED, _undecided, _SENTENCE),
    ChoiceRule("the only label in brackets", "That leaves us with (C) here", "C", _bracketed, _SENTENCE),
    ChoiceRule(
        "the only text of an option", "She keeps it in the water cooler at work", "B", _mentioned_text, _SENTENCE
    ),
)
