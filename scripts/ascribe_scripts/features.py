"""Finders: features by rules that need the text as a whole, not character by character.

  sentence       our own rules, below.
  regex:PATTERN  every match that is not empty.
  bow            LIME's bag of words: all occurrences of a word (\\w+, case matters) are one feature.
  spans          a file of the user's, span_file.py.
What lies between the spans belongs to no feature: its tokens are fixed, like [CLS]. A key names a feature within its
text; so the two texts of a pair never share one.

A sentence ends after . ! ? or an ellipsis and closing quotes or brackets before a space; after the full-width marks,
space or not; and at an empty line. A full stop or ellipsis ends none before a lower-case letter, a full stop none
after an abbreviation of the list, after a single capital (J. Smith), or after a number that opens the sentence (1. Buy).
"""

from __future__ import annotations

import re
from typing import Hashable, Iterator, List, Optional, Tuple

from .errors import USAGE, PrepareError, quote

Span = Tuple[int, int, Optional[Hashable]]  # first character, end, key (None: a feature of its own)

NAMES = "word, whitespace, token, sentence, bow or regex:PATTERN"
ABBREVIATIONS = frozenset("mr mrs ms dr prof rev gen sen rep sgt capt st mt vs e.g i.e cf viz fig vol pp".split())
LONGEST_ABBREVIATION = 8
SENTENCE_END = re.compile(
    "([.!?\u2026]+)[\"'\u201d\u2019\u00bb)\\]]*(?=\\s)"
    "|[\u3002\uff01\uff1f]+[\u201d\u2019\u300d\u300f\uff09]*"
    "|\n(?=[^\\S\n]*\n)"
)
LAST_WORD = re.compile(r"(?:[^\W\d_]+\.)*[^\W\d_]+\Z")
NOT_SPACE = re.compile(r"\S")
LEADING_NUMBER = re.compile(r"\d{1,3}\Z")
WORD = re.compile(r"\w+")


class Finder:
    """Gives the spans of every text: sorted, not empty, without overlap."""

    def find(self, texts: List[str]) -> Iterator[List[Span]]:
        raise NotImplementedError

    def finish(self, all_rows: bool) -> None:
        """Called after the last text; `all_rows`: of the whole input."""


class Sentences(Finder):
    def find(self, texts: List[str]) -> Iterator[List[Span]]:
        return map(sentences, texts)


class Matches(Finder):
    def __init__(self, pattern: str):
        try:
            self._pattern = re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            raise PrepareError(
                USAGE, "--features regex:", "a regular expression of Python", "%s (%s)" % (quote(pattern), error)
            ) from None

    def find(self, texts: List[str]) -> Iterator[List[Span]]:
        for text in texts:
            places = (match.span() for match in self._pattern.finditer(text))
            yield [(begin, end, None) for begin, end in places if end > begin]


class BagOfWords(Finder):
    def find(self, texts: List[str]) -> Iterator[List[Span]]:
        for text in texts:
            yield [(*match.span(), match.group()) for match in WORD.finditer(text)]


def make_finder(granularity: str) -> Optional[Finder]:
    """The finder of a --features value; None for the rules that segment.py has itself. Refuses unknown ones."""
    if granularity == "sentence":
        return Sentences()
    if granularity == "bow":
        return BagOfWords()
    if granularity.startswith("regex:") and len(granularity) > len("regex:"):
        return Matches(granularity[len("regex:") :])
    if granularity in ("word", "whitespace", "token"):
        return None
    raise PrepareError(USAGE, "--features", NAMES, quote(granularity))


def sentences(text: str) -> List[Span]:
    """The sentences without the spaces around them."""
    spans: List[Span] = []
    begin = 0
    for match in SENTENCE_END.finditer(text):
        if match.group(1) is None or _ends(text, begin, match):
            _add(spans, text, begin, match.end())
            begin = match.end()
    _add(spans, text, begin, len(text))
    return spans


def _add(spans: List[Span], text: str, begin: int, end: int) -> None:
    sentence = text[begin:end]
    inside = sentence.strip()
    if inside:
        begin += len(sentence) - len(sentence.lstrip())
        spans.append((begin, begin + len(inside), None))


def _ends(text: str, begin: int, match: "re.Match[str]") -> bool:
    """Whether the marks before a space end the sentence that began at `begin`."""
    marks = match.group(1)
    following = NOT_SPACE.search(text, match.end())
    if marks[-1] in ".\u2026" and following and following.group().islower():
        return False
    if marks != ".":
        return True
    start = match.start()
    word = LAST_WORD.search(text, max(begin, start - LONGEST_ABBREVIATION), start)
    if word and (word.group().lower() in ABBREVIATIONS or (len(word.group()) == 1 and word.group().isupper())):
        return False
    return not LEADING_NUMBER.match(text[max(begin, start - 8) : start].strip()) or start - begin > 8
