"""What the tests of ascribe-prepare share: small tokenizers, a decoded row, a folder to run it in."""

import contextlib
import io
import json
import os
import shutil
import tempfile
import unittest

import h5py
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from ascribe_scripts import prepare

WORDS = (
    "[PAD] [UNK] [CLS] [SEP] [MASK] good bad film it s don t ' , . ! "
    "a b c d e f g h i j k l m n o p q r u v w x y z "
    "##a ##b ##c ##d ##e ##f ##g ##h ##i ##j ##k ##l ##m ##n ##o ##p ##q ##r ##s ##t ##u ##v ##w ##x ##y ##z"
).split()


def word_piece():
    """A small BERT tokenizer whose file asks for padding and truncation, which prepare must ignore."""
    vocab = {word: index for index, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    tokenizer.add_special_tokens(WORDS[:5])
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    tokenizer.enable_padding(length=32, pad_token="[PAD]")
    tokenizer.enable_truncation(max_length=4)
    return tokenizer


def joiner():
    """A tokenizer whose tokens are whole runs of non-space characters, without special tokens."""
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


def byte_level(type_id=0):
    """A byte-level tokenizer: one token a byte, spaces included, an end token of the given type."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {letter: index for index, letter in enumerate(letters)}
    tokenizer = Tokenizer(models.BPE(vocab, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if type_id:
        tokenizer.add_special_tokens(["<end>"])
        tokenizer.post_processor = processors.TemplateProcessing(
            single="$A <end>:%d" % type_id, special_tokens=[("<end>", tokenizer.token_to_id("<end>"))]
        )
    return tokenizer


class Row:
    """One row of a dataset file, decoded."""

    def __init__(self, file, row):
        def part(group, name):
            begin, end = file[group + "/offsets"][row : row + 2]
            return file[group + "/" + name][begin:end]

        self.text = part("text", "bytes").tobytes()
        self.ids = part("tokens", "ids").tolist()
        self.features = part("tokens", "features").tolist()
        self.n_features = int(file["features/offsets"][row + 1] - file["features/offsets"][row])
        self.spans = list(
            zip(
                part("spans", "feature").tolist(),
                part("spans", "begin").tolist(),
                part("spans", "end").tolist(),
            )
        )
        self.cut = int(file["rows/truncated"][row])

    def words(self):
        """The texts of every feature's spans."""
        words = [[] for _ in range(self.n_features)]
        for feature, begin, end in self.spans:
            words[feature].append(self.text[begin:end].decode("utf-8"))
        return words


class Folder(unittest.TestCase):
    """A test with its own folder, a model in it and a way to run the command."""

    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.model = self.path("model")
        os.mkdir(self.model)
        word_piece().save(os.path.join(self.model, "tokenizer.json"))
        self.config({"max_position_embeddings": 64, "vocab_size": len(WORDS)})

    def path(self, name):
        return os.path.join(self.folder, name)

    def config(self, values, name="config.json"):
        with open(os.path.join(self.model, name), "w", encoding="utf-8") as file:
            json.dump(values, file)

    def write(self, name, content):
        data = content if isinstance(content, bytes) else content.encode("utf-8")
        with open(self.path(name), "wb") as file:
            file.write(data)
        return self.path(name)

    def run_raw(self, *arguments):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                status = prepare.main([str(argument) for argument in arguments])
            except SystemExit as stop:
                status = stop.code
        return status, out.getvalue(), err.getvalue()

    def run_prepare(self, source, *options):
        return self.run_raw(source, "-o", self.path("out.h5"), "--model", self.model, "--json", *options)

    def dataset(self, source, *options):
        """Runs prepare, which must succeed; returns the open file. self.summary and self.warnings are set."""
        status, out, err = self.run_prepare(source, "--force", *options)
        self.assertEqual(status, 0, err)
        self.summary, self.warnings = json.loads(out), err
        file = h5py.File(self.path("out.h5"), "r")
        self.addCleanup(file.close)
        return file

    def rows(self, content, *options, name="in.txt"):
        file = self.dataset(self.write(name, content), *options)
        return [Row(file, row) for row in range(len(file["rows/id"]))]

    def refused(self, status, pattern, source, *options):
        """Runs prepare, which must end with `status`, one line that matches, and leave nothing behind."""
        before = sorted(os.listdir(self.folder))
        found, out, err = self.run_prepare(source, *options)
        self.assertEqual((found, out), (status, ""), err)
        self.assertEqual(err.count("\n"), 1, err)
        self.assertRegex(err, "^ascribe-prepare: error: ")
        self.assertRegex(err, pattern)
        self.assertEqual(sorted(os.listdir(self.folder)), before)
