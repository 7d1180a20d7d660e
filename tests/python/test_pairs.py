"""Text pairs: their tokens, types, truncation, and features that stay on their side."""

import json
import os
import unittest

import numpy as np

from ascribe_scripts import encoding, model_dir
from prepare_support import Folder, byte_level, joiner, word_piece

PAIR = ("--text-column", "a", "--text-pair-column", "b")


class Pairs(Folder):
    def pairs(self, pairs, *options):
        lines = "".join(json.dumps({"a": first, "b": second}) + "\n" for first, second in pairs)
        return self.rows(lines, *PAIR, *options, name="in.jsonl"), self.file

    def dataset(self, *arguments):
        self.file = super().dataset(*arguments)
        return self.file

    def test_tokens_types_text_and_split(self):
        rows, file = self.pairs([("good film", "it s bad"), ("\u00e9", "a"), ("", "b"), ("c", "")])
        tokenizer = word_piece()
        tokenizer.no_padding()
        tokenizer.no_truncation()
        encoded = tokenizer.encode("good film", "it s bad")
        self.assertEqual(rows[0].ids, encoded.ids)
        self.assertEqual(file["tokens/types"][: len(encoded.ids)].tolist(), encoded.type_ids)
        self.assertEqual(encoded.type_ids, [0, 0, 0, 0, 1, 1, 1, 1])
        self.assertEqual([row.text for row in rows], [b"good filmit s bad", b"\xc3\xa9a", b"b", b"c"])
        self.assertEqual(file["text/split"][:].tolist(), [9, 2, 0, 1])
        self.assertEqual(file["text/split"].dtype, np.uint32)
        self.assertEqual(rows[0].features, [-1, 0, 1, -1, 2, 3, 4, -1])
        self.assertEqual(rows[0].words(), [["good"], ["film"], ["it"], ["s"], ["bad"]])
        self.assertEqual(rows[1].spans[1], (1, 2, 3))

    def test_no_split_without_pairs(self):
        self.assertNotIn("split", self.dataset(self.write("in.txt", "good\n"))["text"])

    def test_a_word_is_two_features_when_it_stands_in_both_texts(self):
        rows, _ = self.pairs([("bad bad", "bad")], "--features", "bow")
        self.assertEqual(rows[0].words(), [["bad", "bad"], ["bad"]])

    def test_texts_never_merge(self):
        joiner().save(os.path.join(self.model, "tokenizer.json"))
        rows, _ = self.pairs([("good,", ",bad"), ("x", "y")])
        self.assertEqual(rows[0].features, [0, 1])
        self.assertEqual(rows[0].spans, [(0, 0, 5), (1, 5, 9)])

    def test_tokens_as_features(self):
        rows, _ = self.pairs([("good xy", "bad")], "--features", "token")
        self.assertEqual(rows[0].words(), [["good"], ["x"], ["y"], ["bad"]])
        self.assertEqual(rows[0].features, [-1, 0, 1, 2, -1, 3, -1])

    def check_cut(self, side):
        self.config({"truncation_side": side}, "tokenizer_config.json")
        rows, _ = self.pairs([("a b c d e f", "g h i"), ("a", "b")], "--max-length", "8")
        tokenizer = word_piece()
        tokenizer.no_padding()
        tokenizer.enable_truncation(8, direction=side)
        self.assertEqual(rows[0].ids, tokenizer.encode("a b c d e f", "g h i").ids)
        self.assertEqual([row.cut for row in rows], [4, 0])
        self.assertEqual(self.summary["features_cut"], 4)
        self.assertEqual(self.summary["features_untokenised"], 0)
        return [words[0] for words in rows[0].words()]

    def test_truncation(self):
        self.assertEqual(self.check_cut("right"), ["a", "b", "c", "g", "h"])
        self.assertEqual(self.check_cut("left"), ["d", "e", "f", "h", "i"])

    def test_cut_tokens_are_those_that_the_whole_has_more(self):
        byte_level().save(os.path.join(self.model, "tokenizer.json"))
        model = model_dir.load(self.model, None)
        texts = ["abcdef", "ghij", "ab", "c", "abcdefgh", ""]
        encoder = encoding.Encoder(model, 6, 2)
        encodings = encoder.encode([1, 2, 3], texts)
        n_cut, cut = encoder.cut(encodings, [1, 2, 3], texts)
        kept = encoder.kept(encodings)[3]
        for index, text in enumerate(texts):
            places = [
                place
                for tokens in (kept, cut)
                for place in tokens.begin[(tokens.text == index) & tokens.maskable].tolist()
            ]
            self.assertEqual(places, list(range(len(text))))
        self.assertEqual(n_cut.tolist(), [4, 0, 2])
        self.assertEqual([len(item) for item in encoder.encode([1, 2, 3], texts)], [6, 3, 6])

    def test_standard_names_do_not_hide_the_pair(self):
        source = self.write("in.csv", "text,sentence\ngood,bad\n")
        file = self.dataset(source, "--text-pair-column", "sentence")
        self.assertEqual(file["text/bytes"][:].tobytes(), b"goodbad")

    def test_refused(self):
        source = self.write("in.jsonl", '{"a": "good"}\n{"a": "good", "b": 3}\n')
        self.refused(65, r"line 1, column 'b': expected a string, found nothing", source, *PAIR)
        source = self.write("in.csv", "a,b\nx,y\n")
        self.refused(64, r"--text-pair-column: expected another column", source, "--text-column", "b", *PAIR[2:])
        self.refused(64, r"--max-length: expected more than the 3", source, *PAIR, "--max-length", "3")
        source = self.write("in.jsonl", '{"a": "good", "b": "x\\u0000"}\n')
        self.refused(65, r"line 1, column 'b': expected text, found a NUL", source, *PAIR)


if __name__ == "__main__":
    unittest.main()
