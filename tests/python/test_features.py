"""Features beyond words: sentences, regular expressions, bags of words, the user's own spans."""

import json
import random
import unittest

import h5py
import numpy as np

from ascribe_scripts import features, segment
from prepare_support import Folder, Row


class Sentences(unittest.TestCase):
    def check(self, text, expected):
        self.assertEqual([text[begin:end] for begin, end, _ in features.sentences(text)], expected)

    def test_marks_before_a_space_end_one(self):
        self.check(
            " Good film! Was it?  It was. Yes\u2026 He said \u201cNo.\u201d Then left",
            ["Good film!", "Was it?", "It was.", "Yes\u2026", "He said \u201cNo.\u201d", "Then left"],
        )

    def test_no_end_inside_numbers_names_and_before_lower_case(self):
        self.check("It cost 3.50 at a.b.com today.", ["It cost 3.50 at a.b.com today."])
        self.check("Dr. No met Mr. X, e.g. Bond. J. Smith too.", ["Dr. No met Mr. X, e.g. Bond.", "J. Smith too."])
        self.check("It was... well. fine. Good.", ["It was... well. fine.", "Good."])
        self.check("1. Buy it. 2. Use it.", ["1. Buy it.", "2. Use it."])

    def test_a_question_ends_before_lower_case_too(self):
        self.check("why? because", ["why?", "because"])

    def test_full_width_marks_need_no_space(self):
        self.check("\u597d\u3002\u574f\uff01\u300d\u4e86", ["\u597d\u3002", "\u574f\uff01\u300d", "\u4e86"])

    def test_empty_lines_end_one_and_other_line_ends_do_not(self):
        self.check("a title\n \nThe text\ngoes on\n\n", ["a title", "The text\ngoes on"])
        self.check(" \n ", [])


class Rules(Folder):
    def words(self, text, *options):
        return self.rows(text + "\n", *options)[0].words()

    def test_sentence(self):
        row = self.rows("good film. It's bad!\n", "--features", "sentence")[0]
        self.assertEqual(row.words(), [["good film."], ["It's bad!"]])
        self.assertEqual(row.features, [-1, 0, 0, 0, 1, 1, 1, 1, 1, -1])

    def test_a_match_is_a_feature_and_the_rest_is_fixed(self):
        row = self.rows("good film, bad film\n", "--features", "regex:good film|bad")[0]
        self.assertEqual(row.words(), [["good film"], ["bad"]])
        self.assertEqual(row.features, [-1, 0, 0, -1, 1, -1, -1])

    def test_empty_matches_are_none(self):
        self.assertEqual(self.words("good", "--features", "regex:x*"), [])
        self.assertEqual(self.summary["features_untokenised"], 0)

    def test_a_bag_of_words_has_features_of_several_spans(self):
        row = self.rows("bad Good bad, good bad\n", "--features", "bow")[0]
        self.assertEqual(row.words(), [["bad", "bad", "bad"], ["Good"], ["good"]])
        self.assertEqual(row.features, [-1, 0, 1, 0, -1, 2, 0, -1])
        self.assertEqual(row.spans[2], (0, 9, 12))

    def test_a_truncated_occurrence_loses_its_span_only(self):
        row = self.rows("bad good bad film\n", "--features", "bow", "--max-length", "4")[0]
        self.assertEqual(row.words(), [["bad"], ["good"]])
        self.assertEqual((self.summary["features_cut"], self.summary["features_partly_cut"]), (1, 1))

    def test_the_file_says_which_rule(self):
        file = self.dataset(self.write("in.txt", "good\n"), "--features", "regex:o+")
        self.assertEqual(file.attrs["granularity"], b"regex:o+")

    def test_refused(self):
        source = self.write("in.txt", "good\n")
        self.refused(64, r"--features: expected word, .*found 'words'", source, "--features", "words")
        self.refused(64, r"--features regex:: expected a regular", source, "--features", "regex:(")
        self.refused(64, r"--features: expected", source, "--features", "regex:")


class Spans(Folder):
    def lines(self, *rows):
        return self.write("spans.jsonl", "".join(json.dumps(row) + "\n" for row in rows))

    def test_spans_and_features_of_several(self):
        spans = self.lines({"spans": [[9, 12, "x"], [0, 3, "x"], [4, 8]]}, {})
        rows = self.rows("bad good bad film\nfilm\n", "--spans", spans)
        self.assertEqual(rows[0].words(), [["bad", "bad"], ["good"]])
        self.assertEqual(rows[0].features, [-1, 0, 1, 0, -1, -1])
        self.assertEqual(rows[1].words(), [])

    def test_characters_become_bytes(self):
        rows = self.rows("\u00e9\u00e9 good\n", "--spans", self.lines({"spans": [[3, 7]]}))
        self.assertEqual(rows[0].spans, [(0, 5, 9)])

    def test_one_token_across_two_features_merges_them_whole(self):
        spans = self.lines({"spans": [[0, 2, "a"], [2, 4, "b"], [5, 8, "a"], [9, 13, "b"], [14, 15]]})
        row = self.rows("good bad film a\n", "--spans", spans)[0]
        self.assertEqual(row.words(), [["good", "bad", "film"], ["a"]])
        self.assertEqual(self.summary["features_merged"], 1)

    def test_keys_are_of_their_text_alone(self):
        spans = self.lines({"spans": [[0, 3, 1]]}, {"spans": [[0, 4, 1]]})
        self.assertEqual([row.words() for row in self.rows("bad\ngood\n", "--spans", spans)], [[["bad"]], [["good"]]])

    def test_pairs(self):
        spans = self.lines({"spans": [[0, 3, 1]], "pair_spans": [[0, 4, 1], [5, 8]]})
        row = self.rows("bad,good bad\n", "--spans", spans, "--text-column", "0", "--text-pair-column", "1",
                        "--no-header", name="in.csv")[0]
        self.assertEqual(row.words(), [["bad"], ["good"], ["bad"]])

    def test_a_limit_leaves_lines_unread(self):
        spans = self.lines({"spans": [[0, 3]]}, {})
        self.assertEqual(len(self.rows("bad\nbad\n", "--spans", spans, "--limit", "1")), 1)

    def test_refused(self):
        source = self.write("in.txt", "bad good\n")
        cases = [
            ([{"spans": [[0, 4], [3, 5]]}], r"line 1: expected spans that do not overlap, found \[0, 4\] and \[3, 5\]"),
            ([{"spans": [[0, 9]]}], r"line 1: expected 0 <= begin < end <= 8 .*, found 0, 9"),
            ([{"spans": [[2, 2]]}], r"found 2, 2"),
            ([{"spans": [[0, 1.5]]}], r"expected spans \[begin, end\]"),
            ([{"spans": [[0, 1, None, 2]]}], r"expected spans \[begin, end\]"),
            ([{"spans": [[0, 1, [2]]]}], r"expected a feature named by"),
            ([{"spans": 3}], r"expected a list of spans, found '3'"),
            ([{"span": []}], r"expected an object with spans alone"),
            ([[0, 1]], r"expected an object with spans alone"),
            ([], r"expected a line for every row of the input, found 0 lines"),
            ([{}, {}], r"expected a line for every row of the input, 1, found more lines"),
        ]
        for rows, pattern in cases:
            self.refused(65, pattern, source, "--spans", self.lines(*rows))
        self.refused(65, "line 1: expected a JSON object", source, "--spans", self.write("spans.jsonl", "{\n"))
        self.refused(66, "--spans .*: expected a readable file", source, "--spans", self.path("none"))
        self.refused(64, "--spans: expected no --features", source, "--spans", source, "--features", "word")


class Rationales(Folder):
    def marks(self, text, lines, *options):
        path = self.write("marks.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
        self.rows(text, "--rationales", path, *options)
        with h5py.File(self.path("out.h5"), "r") as file:
            marks, offsets = file["features/rationale"][:], file["features/offsets"][:]
            self.assertEqual(marks.dtype, np.uint8)
            return [marks[begin:end].tolist() for begin, end in zip(offsets, offsets[1:])]

    def test_a_shared_character_marks(self):
        lines = [{"spans": [[2, 6], [9, 10]]}, {}, {"spans": [[4, 4 + 4]]}]
        self.assertEqual(self.marks("bad good bad\nfilm\nbad film good\n", lines), [[1, 1, 1], [0], [0, 1, 0]])

    def test_spaces_and_neighbours_do_not(self):
        self.assertEqual(self.marks("bad good bad\n", [{"spans": [[3, 4], [8, 9]]}]), [[0, 0, 0]])
        self.assertEqual(self.marks("bad good bad\n", [{"spans": [[0, 3], [3, 4]]}]), [[1, 0, 0]])

    def test_characters_are_not_bytes(self):
        self.assertEqual(self.marks("\u00e9\u00e9 good bad\nbad\n", [{"spans": [[3, 7]]}, {"spans": [[0, 1]]}])[0][-2:], [1, 0])

    def test_features_of_several_spans_and_pairs(self):
        self.assertEqual(self.marks("bad good bad\n", [{"spans": [[9, 12]]}], "--features", "bow"), [[1, 0]])
        lines = [{"spans": [[0, 3]], "pair_spans": [[5, 8]]}]
        path = self.write("marks.jsonl", json.dumps(lines[0]) + "\n")
        self.rows("bad,good bad\n", "--rationales", path, "--text-column", "0", "--text-pair-column", "1", "--no-header", name="in.csv")
        with h5py.File(self.path("out.h5"), "r") as file:
            self.assertEqual(file["features/rationale"][:].tolist(), [1, 0, 1])

    def test_refused(self):
        source = self.write("in.txt", "bad good\n")
        marks = self.write("marks.jsonl", "{}\n{}\n")
        self.refused(65, r"--rationales .*: expected a line for every row of the input, 1, found more lines", source, "--rationales", marks)
        self.refused(66, "--rationales .*: expected a readable file", source, "--rationales", self.path("none"))


def naive_assignment(length, spans, tokens):
    """The rule for spans with keys, a character at a time, for one text of letters without spaces."""
    owner = {place: span for span in range(len(spans)) for place in range(*spans[span][:2])}
    group = {span: ("key", key) if key is not None else ("own", span) for span, (_, _, key) in enumerate(spans)}
    touched = [sorted({owner[place] for place in range(*token) if place in owner}) for token in tokens]
    for found in touched:
        for span in found[1:]:
            old, new = group[span], group[found[0]]
            group = {other: new if name == old else name for other, name in group.items()}
    alive = sorted({span for found in touched if found for span in range(found[0], found[-1] + 1)})
    names = list(dict.fromkeys(group[span] for span in alive))
    return [names.index(group[found[0]]) if found else -1 for found in touched], len(names)


class Assignment(unittest.TestCase):
    def test_agrees_with_the_rule_one_character_at_a_time(self):
        draw = random.Random(11)
        for _ in range(400):
            length = draw.randrange(1, 14)
            edges = sorted(draw.sample(range(length + 1), k=draw.randrange(0, length + 1) // 2 * 2))
            spans = [(begin, end, draw.choice([None, "x", "y"])) for begin, end in zip(edges[::2], edges[1::2])]
            cuts = sorted(draw.choices(range(length + 1), k=draw.randrange(8)))
            tokens = [(begin, end) for begin, end in zip(cuts, cuts[1:]) if draw.random() < 0.8]
            expected = naive_assignment(length, spans, tokens)
            self.assertEqual(self.assign("a" * length, spans, tokens), expected, (spans, tokens))

    def assign(self, text, spans, tokens):
        finder = features.Finder()
        finder.find = lambda texts: iter([spans])
        begin, end = (np.array([token[part] for token in tokens], np.int64) for part in (0, 1))
        flat = segment.Tokens(np.zeros(len(tokens), np.int64), begin, end, np.ones(len(tokens), bool))
        none = segment.Tokens(*[np.zeros(0, np.int64)] * 3, np.zeros(0, bool))
        got = segment.Segmenter("spans", finder).assign(segment.lay_out([text]), flat, none)
        self.assertEqual(got.span_begin.tolist(), sorted(got.span_begin.tolist()))
        return got.token_feature.tolist(), int(got.counts[0])


if __name__ == "__main__":
    unittest.main()
