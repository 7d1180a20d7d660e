"""ascribe_probe: what it reads of probes, against the file's arrays."""

import os
import shutil
import tempfile
import unittest

import h5py
import numpy as np

import ascribe_probe
from test_report import probe

PROGRAM = os.environ.get("ASCRIBE_PROGRAM")


@unittest.skipUnless(PROGRAM, "ASCRIBE_PROGRAM is not set")
class Reader(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.file = os.path.join(cls.folder, "p.h5")
        probe(cls.file, ["[CLS]", "un", "##able"] + ["w%d" % i for i in range(3, 100)] + [""])

    def test_heads_matrices_and_tokens(self):
        with ascribe_probe.load(self.file) as found, h5py.File(self.file) as file:
            self.assertEqual(found.heads("ablation/flips").shape, (2, 2))
            self.assertEqual(found.heads("attention/entropy")[1, 0], file["attention/entropy"][2])
            self.assertEqual(found.hidden("norm_mean").tolist(), file["hidden/norm_mean"][:].tolist())
            self.assertEqual((found.n_whole, found.class_names, found.facts["architecture"]), (3, ["negative", "neutral", "positive"], "BertForSequenceClassification"))
            self.assertEqual(found.text([0, 1, 2, 5, 100, 200]), "[CLS] unable w5 #100 #200")
            self.assertEqual(found.direction().shape, (101, 3))
            last = found.matrices()[-1]
            self.assertEqual((last.name, last.shape, last.heat.shape, int(last.bins.sum())), ("classifier.weight", (3, 32), (3, 32), 96))
            self.assertEqual(len(ascribe_probe.EDGES), len(last.bins) + 1)
            self.assertTrue(np.isfinite(last.heat).all())

    def test_neurons(self):
        with ascribe_probe.load(self.file) as found, h5py.File(self.file) as file:
            neurons = found.top_neurons(1)
            self.assertEqual([one.number for one in neurons], file["top_neurons/neuron"][10:].tolist())
            activations = file["top_neurons/activation"][10:, :3].tolist()
            self.assertEqual([[row.activation for row in one.rows] for one in neurons], activations)
            tokens = dict(zip(file["full/row"][:].tolist(), np.split(file["full/tokens"][:], file["full/offsets"][1:-1])))
            for row in (row for one in neurons for row in one.rows):
                ids = tokens[row.row_id].tolist()
                self.assertEqual(row.context[row.middle], ids[row.position])
                begin = max(0, row.position - 6)
                self.assertEqual((row.context, row.middle), (ids[begin : row.position + 7], row.position - begin))

    def test_whole_rows(self):
        with ascribe_probe.load(self.file) as found:
            row = found.whole(1)
            self.assertEqual((row.row_id, row.text, row.tokens.tolist(), row.attention.shape, row.flow.shape), (101, "ww", [2, 9, 8, 3], (2, 2, 4, 4), (4, 2)))
            np.testing.assert_allclose(row.attention.sum(-1), 1, rtol=1e-5)
            np.testing.assert_allclose([row.rollout.sum(), *row.flow.sum(0)], 1, rtol=1e-5)
            self.assertRaises(IndexError, found.whole, 3)

    def test_other_files_are_refused(self):
        other = os.path.join(self.folder, "other.h5")
        for name, value in (("complete", 0), ("format", np.bytes_("ascribe-result")), ("format_version", np.bytes_("2.0"))):
            shutil.copy(self.file, other)
            with h5py.File(other, "r+") as file:
                file.attrs[name] = value
            self.assertRaises(ascribe_probe.ProbeError, ascribe_probe.load, other)


if __name__ == "__main__":
    unittest.main()
