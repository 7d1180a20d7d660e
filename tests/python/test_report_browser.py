"""A report in headless Chromium: opened from disk, sorted, searched, a row opened, dark, narrow, printed; no message of the console, no request.

ASCRIBE_REPORT_PICTURES=FOLDER keeps pictures of the page: desktop and phone, light and dark, and a PDF."""

import contextlib
import io
import os
import shutil
import tempfile
import unittest

import chromium
from ascribe_scripts import report
from test_global import made_rows, write_result
from test_report import HOSTILE, probe

PROGRAM = os.environ.get("ASCRIBE_PROGRAM")
PICTURES = os.environ.get("ASCRIBE_REPORT_PICTURES")
COLUMN = "[...document.querySelectorAll('#words-table tbody tr')].map(tr => tr.cells[%d].textContent)"
COLOUR = "getComputedStyle(document.body).backgroundColor"


@unittest.skipUnless(PROGRAM, "ASCRIBE_PROGRAM: expected the program's path")
@unittest.skipUnless(chromium.find(), "no Chromium here: scripts/install-deps --browser")
class InChromium(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="ascribe-report-browser-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.plain, cls.hostile = (os.path.join(cls.folder, name + ".html") for name in ("plain", "hostile"))
        rows = made_rows(120)
        cls.make(rows, cls.plain)
        for i, row in enumerate(rows):
            row["words"] = [HOSTILE[(i + k) % len(HOSTILE)] for k in range(len(row["words"]))]
        cls.make(rows, cls.hostile, classes=["</script><script>document.title='run'</script>", "<b onmouseover=x>"])
        cls.inside = os.path.join(cls.folder, "inside.html")
        probe(os.path.join(cls.folder, "probe.h5"), [HOSTILE[i % len(HOSTILE)] for i in range(101)])
        with contextlib.redirect_stdout(io.StringIO()):
            assert report.main([os.path.join(cls.folder, "probe.h5"), "-o", cls.inside, "--title", "A report"]) == 0
        cls.browser = chromium.Browser(chromium.find())
        cls.addClassCleanup(cls.browser.close)

    @classmethod
    def make(cls, rows, path, **options):
        result = os.path.join(cls.folder, "result.h5")
        write_result(result, rows, **options)
        with contextlib.redirect_stdout(io.StringIO()):
            assert report.main([result, "-o", path, "--title", "A report", "--keep-case"]) == 0

    def open(self, path, width=1200, height=900, phone=False, scheme="light"):
        self.browser.problems.clear()
        self.browser.requests.clear()
        self.browser.size(width, height, phone)
        self.browser.scheme(scheme)
        self.browser.open(path)

    def tearDown(self):
        self.assertEqual(self.browser.problems, [])
        self.assertEqual([url for url in self.browser.requests if not url.startswith("file://" + self.folder)], [])
        self.assertEqual(len(self.browser.requests), 1)

    def press(self, element, key="Enter"):
        self.browser.run("(document.querySelector(%r) || {}).focus()" % element)
        self.browser.press(key)

    def column(self, index):
        return self.browser.run(COLUMN % index)

    def test_sorts_by_keyboard(self):
        self.open(self.plain)
        self.assertIn("\u00d7", self.browser.run("document.querySelector('.chart').textContent"))
        self.press("button[data-column=count]")
        counts = [int(text.replace(",", "")) for text in self.column(1)]
        self.assertGreater(len(counts), 5)
        self.assertEqual(counts, sorted(counts, reverse=True))
        self.press("button[data-column=count]")
        self.assertEqual([int(text.replace(",", "")) for text in self.column(1)], sorted(counts))
        self.assertEqual(self.browser.run("document.querySelector('th[aria-sort=ascending]').textContent"), "count")
        self.press("button[data-column=word]")
        words = self.column(0)
        self.assertEqual(words, sorted(words, key=lambda word: words.index(word)))
        self.assertLess(words.index("awful"), words.index("great"))

    def test_searches(self):
        self.open(self.plain)
        self.browser.run("document.getElementById('search').focus()")
        self.browser.send("Input.insertText", text="GREA")
        self.assertEqual(self.column(0), ["great"])
        self.browser.run("document.getElementById('search').select()")
        self.browser.send("Input.insertText", text="tHE")
        self.assertEqual(set(self.column(0)), {"The", "the", "THE"})
        self.assertIn("3 of ", self.browser.run("document.getElementById('found').textContent"))
        self.browser.run("document.getElementById('search').value = ''; document.getElementById('search').dispatchEvent(new Event('input'))")
        self.assertGreater(len(self.column(0)), 5)

    def test_opens_rows(self):
        self.open(self.plain)
        self.press("#rows-list details:nth-child(2) > summary")
        self.assertTrue(self.browser.run("new Promise(done => setTimeout(() => done(document.querySelector('#rows-list details:nth-child(2)').open), 50))"))
        self.assertTrue(self.browser.run("document.querySelectorAll('#rows-list details:nth-child(2) .f').length > 0"))
        self.assertIn("output", self.browser.run("document.querySelector('#rows-list details:nth-child(2) .fall').textContent"))
        self.press("#words-table td button")
        opened = self.browser.run("[document.querySelector('#words-table td button').textContent, document.activeElement.textContent, document.activeElement.parentElement.open]")
        self.assertIn("row id %s," % opened[0], opened[1])
        self.assertTrue(opened[2])
        self.press("button[data-reason=wrong]")
        badges = "[...document.querySelectorAll('#rows-list > details')].filter(one => !one.hidden).map(one => !!one.querySelector('.badge.wrong'))"
        self.assertEqual(set(self.browser.run(badges)), {True})

    def test_changes_the_class(self):
        self.open(self.plain)
        first, text = self.column(3), self.browser.run("document.querySelector('#rows-list details[open] .fall').textContent")
        self.browser.run("{const one = document.querySelector('select[data-switch=class]'); one.value = '0'; one.dispatchEvent(new Event('change'))}")
        self.assertNotEqual(self.column(3), first)
        self.assertNotEqual(self.browser.run("document.querySelector('#rows-list details[open] .fall').textContent"), text)
        self.assertEqual(self.browser.run("[...document.querySelectorAll('[data-group=class]')].filter(one => !one.hidden).every(one => one.dataset.key === '0')"), True)

    def test_dark_and_light(self):
        colours = {}
        for scheme in ("light", "dark"):
            self.open(self.plain, scheme=scheme)
            colours[scheme] = self.browser.run(COLOUR)
            self.press("#theme")
            colours[scheme + " toggled"] = self.browser.run(COLOUR)
            self.assertEqual(len(self.browser.requests), 1)
        self.assertEqual(colours["light"], "rgb(255, 255, 255)")
        self.assertEqual(colours["light toggled"], colours["dark"])
        self.assertEqual(colours["dark toggled"], colours["light"])

    def test_fits_a_phone(self):
        for width in (360, 390):
            for path in (self.plain, self.hostile, self.inside):
                self.open(path, width, 800, phone=True)
                self.assertLessEqual(self.browser.run("document.documentElement.scrollWidth"), width)

    def test_hostile_texts_do_nothing(self):
        self.open(self.hostile)
        self.browser.run("for (const one of document.querySelectorAll('details')) one.open = true")
        self.browser.run("new Promise(done => setTimeout(done, 100))")
        self.assertEqual(self.browser.run("document.title"), "A report")
        self.assertEqual(self.browser.run("document.querySelectorAll('img, #rows-list b[onmouseover], script').length"), 2)
        self.assertIn("</script><script>", self.browser.run("document.getElementById('rows-list').textContent"))

    def choose(self, select, value):
        self.browser.run("{const one = %s; one.value = '%s'; one.dispatchEvent(new Event('change'))}" % (select, value))

    def test_draws_matrices_and_attention(self):
        self.open(self.inside)
        heat, cells = "document.getElementById('matrix-heat').innerHTML", "[...document.querySelectorAll('#attention-map rect:not(.paper)')].map(one => one.getAttribute('fill-opacity'))"
        first, seen = self.browser.run(heat), self.browser.run(cells)
        self.assertEqual((first.count("<rect"), len(seen)), (1 + 32 * 32, 9))
        self.choose("document.querySelector('select[data-switch=matrix]')", "1")
        self.assertNotEqual(self.browser.run(heat), first)
        self.choose("document.querySelectorAll('#attention-tools select')[2]", "1")
        self.assertNotEqual(self.browser.run(cells), seen)
        self.choose("document.querySelectorAll('#attention-tools select')[0]", "2")
        self.assertEqual(len(self.browser.run(cells)), 48 * 48)
        self.assertEqual(self.browser.run("[...document.querySelectorAll('[data-group=attention-row]')].map(one => one.hidden)"), [True, True, False])
        self.choose("document.querySelector('select[data-switch=heads]')", "attention/entropy")
        self.assertEqual(self.browser.run("document.querySelectorAll('[data-group=heads]:not([hidden])').length"), 1)
        self.assertEqual(self.browser.run("[document.title, document.querySelectorAll('img, script').length]"), ["A report", 2])

    def test_prints(self):
        self.open(self.plain)
        path = os.path.join(self.folder, "report.pdf")
        self.browser.run("addEventListener('afterprint', () => { window.printed = document.querySelectorAll('#rows-list .fall').length })")
        self.browser.pdf(path)
        self.assertGreater(self.browser.run("window.printed"), 10)
        with open(path, "rb") as file:
            self.assertEqual(file.read(5), b"%PDF-")

    @unittest.skipUnless(PICTURES, "ASCRIBE_REPORT_PICTURES is not set")
    def test_pictures(self):
        os.makedirs(PICTURES, exist_ok=True)
        for name, width, phone, scheme in (("desktop-light", 1200, False, "light"), ("desktop-dark", 1200, False, "dark"), ("phone-light", 390, True, "light"), ("phone-dark", 390, True, "dark")):
            self.open(self.plain, width, 900, phone, scheme)
            self.browser.picture(os.path.join(PICTURES, name + ".png"))
        self.browser.pdf(os.path.join(PICTURES, "paper.pdf"))


if __name__ == "__main__":
    unittest.main()
