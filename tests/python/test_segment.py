"""Features: the rules for words, merging, dropping, truncation. Run with PYTHONPATH=scripts."""

import os
import random
import sys
import unicodedata
import unittest

import numpy as np
from tokenizers import processors

from ascribe_scripts import pipeline, segment

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from prepare_support import WORDS, Folder, byte_level, joiner  # noqa: E402


class WordRules(unittest.TestCase):
    def check(self, text, expected, granularity="word"):
        spans = segment.Segmenter(granularity).spans(text)
        self.assertEqual([text[begin:end] for begin, end in spans], expected)

    def test_letters_digits_apostrophes(self):
        self.check(
            "Don't pay 30,5 for 2nd-rate rock 'n' roll!",
            ["Don't", "pay", "30", ",", "5", "for", "2nd", "-", "rate", "rock", "'n'", "roll", "!"],
        )
        self.check("it\u2019s I`d", ["it\u2019s", "I", "`", "d"])
        self.check("snake_case", ["snake", "_", "case"])

    def test_every_other_character_is_its_own(self):
        self.check("so...", ["so", ".", ".", "."])
        self.check("a\U0001f600\U0001f600b", ["a", "\U0001f600", "\U0001f600", "b"])

    def test_combining_marks_belong_to_what_they_follow(self):
        self.check("cafe\u0301s re\u0301!", ["cafe\u0301s", "re\u0301", "!"])
        self.check("\u2764\ufe0fgood", ["\u2764\ufe0f", "good"])
        self.check("\u2764\ufe0f\u0301\u2764", ["\u2764\ufe0f\u0301", "\u2764"])
        self.check("\u0301\u0302a \u0301", ["\u0301\u0302a", "\u0301"])
        self.check("\u0939\u093f\u0928\u094d\u0926\u0940", ["\u0939\u093f\u0928\u094d\u0926\u0940"])

    def test_cjk_and_digits_of_other_scripts(self):
        self.check("\u4f60\u597d\uff0c\u4e16\u754c", ["\u4f60\u597d", "\uff0c", "\u4e16\u754c"])
        self.check("\u0663\u0664 x\u00b2", ["\u0663\u0664", "x\u00b2"])

    def test_spaces_of_every_kind(self):
        self.check("a\x85b\u00a0c\u2028d\u3000e\tf", ["a", "b", "c", "d", "e", "f"])
        self.check("", [])
        self.check(" \t\x85 ", [])

    def test_whitespace(self):
        self.check(
            " so... it\u2019s\x85\u2764\ufe0fgood ", ["so...", "it\u2019s", "\u2764\ufe0fgood"], "whitespace"
        )


def naive_features(text, granularity, tokens):
    """The rules once more, a character at a time. Tokens: (begin, end) or None; gives features, spans."""
    pieces, kind = [], "space"
    for place, character in enumerate(text):
        category = unicodedata.category(character)[0]
        if character.isspace():
            kind = "space"
            continue
        if granularity == "whitespace":
            now = "word"
        elif category == "M":
            now = "other" if kind == "other" else "word"
        else:
            now = "word" if category in "LN" or character in "'\u2019" else "other"
        extends = kind == now and (now == "word" or category == "M")
        if extends:
            pieces[-1].append(place)
        else:
            pieces.append([place])
        kind = now
    owner = {place: number for number, piece in enumerate(pieces) for place in piece}
    parent = list(range(len(pieces)))

    def root(number):
        return number if parent[number] == number else root(parent[number])

    touched = []
    for token in tokens:
        found = sorted({owner[place] for place in range(*token) if place in owner}) if token else []
        for number in found[1:]:
            parent[root(number)] = root(found[0])
        touched.append(found)
    alive = sorted({root(number) for found in touched for number in found})
    index = {number: alive.index(root(number)) for number in range(len(pieces)) if root(number) in alive}
    spans = []
    for number, piece in enumerate(pieces):
        if number not in index:
            continue
        begin = len(text[: piece[0]].encode("utf-8"))
        end = len(text[: piece[-1] + 1].encode("utf-8"))
        if spans and spans[-1][0] == index[number] and spans[-1][2] == begin:
            spans[-1] = (index[number], spans[-1][1], end)
        else:
            spans.append((index[number], begin, end))
    return [index[found[0]] if found else -1 for found in touched], spans, len(alive)


class Assignment(unittest.TestCase):
    def test_agrees_with_the_rules_one_character_at_a_time(self):
        draw = random.Random(7)
        alphabet = "ab'\u2019 1.,\u0301\ufe0f\x85\u00e9\u4f60\U0001f600 \t-"
        for granularity in ("word", "whitespace"):
            segmenter = segment.Segmenter(granularity)
            for _ in range(200):
                texts = [
                    "".join(draw.choices(alphabet, k=draw.randrange(12))) for _ in range(draw.randrange(1, 6))
                ]
                tokens = []
                for row, text in enumerate(texts):
                    edges = sorted(draw.choices(range(len(text) + 1), k=draw.randrange(8)))
                    tokens += [(row, begin, end, draw.random() < 0.9) for begin, end in zip(edges, edges[1:])]
                self.compare(segmenter, texts, tokens)

    def compare(self, segmenter, texts, tokens):
        arrays = [np.array([token[part] for token in tokens], np.int64) for part in range(3)]
        flat = segment.Tokens(*arrays, np.array([token[3] for token in tokens], bool))
        none = segment.Tokens(*[np.zeros(0, np.int64)] * 3, np.zeros(0, bool))
        got = segmenter.assign(segment.lay_out(texts), flat, none)
        features, spans, counts = [], [], []
        for row, text in enumerate(texts):
            mine = [
                (begin, end) if maskable else None for owner, begin, end, maskable in tokens if owner == row
            ]
            one = naive_features(text, segmenter.granularity, mine)
            features += one[0]
            spans += one[1]
            counts.append(one[2])
        self.assertEqual(got.token_feature.tolist(), features, (texts, tokens))
        self.assertEqual(
            list(zip(got.span_feature.tolist(), got.span_begin.tolist(), got.span_end.tolist())), spans
        )
        self.assertEqual(got.counts.tolist(), counts)


class Features(Folder):
    def test_words_and_byte_offsets(self):
        (row,) = self.rows("\u00e9 don't \U0001f600 good\n")
        self.assertEqual(row.words(), [["\u00e9"], ["don't"], ["\U0001f600"], ["good"]])
        self.assertEqual(row.spans, [(0, 0, 2), (1, 3, 8), (2, 9, 13), (3, 14, 18)])
        self.assertEqual(
            [WORDS[number] for number in row.ids], ["[CLS]", "e", "don", "'", "t", "[UNK]", "good", "[SEP]"]
        )
        self.assertEqual(row.features, [-1, 0, 1, 1, 1, 2, 3, -1])

    def test_a_token_across_a_control_character_merges_two_words(self):
        (row,) = self.rows("good ba\x85d it\n")
        self.assertEqual(row.words(), [["good"], ["ba", "d"], ["it"]])
        self.assertEqual(row.spans, [(0, 0, 4), (1, 5, 7), (1, 9, 10), (2, 11, 13)])
        self.assertEqual(row.features, [-1, 0, 1, 2, -1])
        self.assertEqual(self.summary["features_merged"], 1)

    def test_adjacent_merged_features_have_one_span(self):
        self.use(joiner())
        (row,) = self.rows("good, bad\n")
        self.assertEqual(row.spans, [(0, 0, 5), (1, 6, 9)])
        self.assertEqual(row.features, [0, 1])
        self.assertEqual(self.summary["features_merged"], 1)

    def use(self, tokenizer, config=None):
        tokenizer.save(os.path.join(self.model, "tokenizer.json"))
        self.config(config or {"max_position_embeddings": 64})

    def test_a_feature_without_a_token_is_dropped(self):
        (row,) = self.rows("good \u200b bad\n")
        self.assertEqual(row.words(), [["good"], ["bad"]])
        self.assertEqual(row.features, [-1, 0, 1, -1])
        self.assertEqual(self.summary["features_untokenised"], 1)

    def test_byte_tokens_of_one_character_share_its_feature(self):
        self.use(byte_level())
        (row,) = self.rows("a \U0001f600\n")
        self.assertEqual(row.features, [0, -1, 1, 1, 1, 1])

    def test_token_granularity(self):
        (row,) = self.rows("goodx ,\n", "--features", "token")
        self.assertEqual(row.words(), [["good"], ["x"], [","]])
        self.assertEqual(row.features, [-1, 0, 1, 2, -1])
        self.use(byte_level())
        (row,) = self.rows("a \u00e9\n", "--features", "token")
        self.assertEqual(row.words(), [["a"], [" "], ["\u00e9"], ["\u00e9"]])

    def test_the_span_of_a_token_has_no_spaces_around_it(self):
        array = lambda *values: np.array(values, np.int64)
        tokens = segment.Tokens(array(0, 0, 0), array(0, 1, 7), array(1, 7, 8), np.ones(3, bool))
        none = segment.Tokens(array(), array(), array(), np.zeros(0, bool))
        found = segment.Segmenter("token").assign(segment.lay_out(["a good  "]), tokens, none)
        self.assertEqual(
            list(zip(found.span_begin.tolist(), found.span_end.tolist())), [(0, 1), (2, 6), (7, 8)]
        )

    def test_a_special_token_in_the_text_is_a_word(self):
        (row,) = self.rows("good [MASK]\n")
        self.assertEqual(row.words(), [["good"], ["[MASK]"]])

    def test_empty_texts_are_rows(self):
        first, second, third = self.rows("\ngood\n  \n")
        self.assertEqual((first.n_features, first.ids, first.text), (0, [2, 3], b""))
        self.assertEqual(second.n_features, 1)
        self.assertEqual((third.n_features, third.text), (0, b"  "))
        self.assertEqual(self.summary["empty_rows"], 2)

    def test_token_types_only_where_there_are_some(self):
        self.assertNotIn("types", self.dataset(self.write("in.txt", "good\n"))["tokens"])
        self.use(byte_level(type_id=2))
        file = self.dataset(self.write("in.txt", "ab\nc\n"))
        self.assertEqual(file["tokens/types"][:].tolist(), [0, 0, 2, 0, 2])
        self.assertEqual(file["tokens/types"].dtype, np.uint8)

    def test_token_types_that_come_late(self):
        tokenizer = byte_level(type_id=2)
        tokenizer.post_processor = processors.TemplateProcessing(
            single="$A:1 <end>:0", special_tokens=[("<end>", tokenizer.token_to_id("<end>"))]
        )
        self.use(tokenizer)
        self.addCleanup(setattr, pipeline, "BATCH_ROWS", pipeline.BATCH_ROWS)
        pipeline.BATCH_ROWS = 1
        file = self.dataset(self.write("in.txt", "\n\na\n\n"))
        self.assertEqual(file["tokens/types"][:].tolist(), [0, 0, 1, 0, 0])


class Truncation(Folder):
    def test_the_last_special_token_stays_and_cut_features_go(self):
        short, long = self.rows("good\ngood bad, it's filmxyz good\n", "--max-length", "8")
        self.assertEqual(
            [WORDS[number] for number in long.ids], ["[CLS]", "good", "bad", ",", "it", "'", "s", "[SEP]"]
        )
        self.assertEqual(long.words(), [["good"], ["bad"], [","], ["it's"]])
        self.assertEqual((short.cut, long.cut), (0, 5))
        self.assertEqual(
            [
                self.summary[key]
                for key in ("truncated_rows", "tokens_cut", "features_cut", "features_partly_cut")
            ],
            [1, 5, 2, 0],
        )

    def test_a_partly_cut_feature_keeps_its_kept_tokens(self):
        (row,) = self.rows("good it's\n", "--max-length", "5")
        self.assertEqual(row.words(), [["good"], ["it's"]])
        self.assertEqual(row.features, [-1, 0, 1, 1, -1])
        self.assertEqual((self.summary["features_partly_cut"], self.summary["features_cut"]), (1, 0))

    def test_the_file_s_padding_and_truncation_are_ignored(self):
        (row,) = self.rows("good bad good bad good\n")
        self.assertEqual(len(row.ids), 7)

    def test_the_left_side_if_the_tokenizer_says_so(self):
        self.config({"truncation_side": "left"}, "tokenizer_config.json")
        (row,) = self.rows("good bad film\n", "--max-length", "4")
        self.assertEqual(row.words(), [["bad"], ["film"]])

    def length(self, config, token_config=None):
        self.config(config)
        self.config(token_config or {}, "tokenizer_config.json")
        return int(self.dataset(self.write("in.txt", "good\n")).attrs["max_length"])

    def test_default_length(self):
        self.assertEqual(self.length({"max_position_embeddings": 64}), 64)
        self.assertEqual(self.length({"max_position_embeddings": 64}, {"model_max_length": 32}), 32)
        self.assertEqual(self.length({"max_position_embeddings": 64}, {"model_max_length": 1e30}), 64)
        self.assertEqual(
            self.length({"max_position_embeddings": 514, "model_type": "roberta", "pad_token_id": 1}), 512
        )
        self.assertEqual(self.length({"n_positions": 48}), 48)
        self.assertEqual(self.length({}, {"model_max_length": 1e30}), 512)
        self.assertIn("512 tokens taken", self.warnings)

    def test_too_short_a_length(self):
        self.refused(
            64,
            "--max-length: expected more than the 2 special tokens",
            self.write("in.txt", "good\n"),
            "--max-length",
            "2",
        )


if __name__ == "__main__":
    unittest.main()
