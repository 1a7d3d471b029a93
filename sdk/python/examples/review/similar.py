"""Compares texts by the words and pairs of words that they share, each weighed by how rare it is."""

import math
import re
from collections import Counter

WORD = re.compile(r"[^\W\d_][\w-]{1,40}")

COMMON = set(
    "a about after all also an and any are as at be been but by can could did do does for from get had has have how i if in into is it "
    "its just me my no not of on or our so some than that the their them then there these they this to too up was we were what when "
    "where which while who why will with would you your".split()
)

SHARED_SHOWN = 5

KEYWORDS_SHOWN = 10


class Corpus:
    """Texts that others are compared with."""

    def __init__(self, texts: list[str]) -> None:
        counts = [Counter(terms(text)) for text in texts]
        self.known = Counter(term for count in counts for term in count)
        self.number = len(texts)
        self.vectors = [self._vector(count) for count in counts]

    def most_like(self, text: str) -> list[tuple[int, float, list[str]]]:
        """Place, cosine and shared words of each text, the most alike first."""
        own = self._vector(Counter(terms(text)))
        ranked = []
        for place, other in enumerate(self.vectors):
            products = {term: weight * other[term] for term, weight in own.items() if term in other}
            words = [term for term in sorted(products, key=lambda term: (-products[term], term)) if " " not in term]
            ranked.append((place, min(1.0, sum(products.values())), words[:SHARED_SHOWN]))
        return sorted(ranked, key=lambda match: -match[1])

    def keywords(self, text: str) -> list[str]:
        """The words of a text that say most about it."""
        vector = self._vector(Counter(terms(text)))
        words = [term for term in vector if " " not in term]
        return sorted(words, key=lambda term: (-vector[term], term))[:KEYWORDS_SHOWN]

    def _vector(self, counts: Counter[str]) -> dict[str, float]:
        """Weights of length 1: the logarithm of how often here, times how rare elsewhere."""
        weights = {
            term: (1 + math.log(count)) * math.log((1 + self.number) / (1 + self.known[term]) + 1)
            for term, count in counts.items()
        }
        length = math.sqrt(sum(weight * weight for weight in weights.values()))
        return {term: weight / length for term, weight in weights.items()} if length else {}


def terms(text: str) -> list[str]:
    """Words, and pairs of neighbours."""
    words = [word for word in WORD.findall(text.lower()) if word not in COMMON]
    return words + [f"{one} {two}" for one, two in zip(words, words[1:])]
