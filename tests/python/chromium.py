"""Drives a headless Chromium over --remote-debugging-pipe with the standard library: open a page, run scripts, press, picture, print."""

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find():
    """The path of a Chromium or Chrome; None: there is none."""
    given = os.environ.get("ASCRIBE_CHROMIUM")
    return given or next(filter(None, map(shutil.which, NAMES)), None)


class Failed(Exception):
    """What Chromium answered instead, or that it did not."""


class Browser:
    """One page of one Chromium. `problems`: messages of the console, exceptions and log entries; `requests`: every URL that was asked for."""

    def __init__(self, path, timeout=60):
        self._folder = tempfile.mkdtemp(prefix="ascribe-chromium-")
        ours_read, theirs_write = os.pipe()
        theirs_read, ours_write = os.pipe()
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions", "--disable-background-networking",
                 "--hide-scrollbars", "--user-data-dir=" + self._folder, "--remote-debugging-pipe", "about:blank"]
        # Chromium reads from descriptor 3 and writes to 4.
        command = 'exec "$@" 3<&%d 4>&%d' % (theirs_read, theirs_write)
        self._child = subprocess.Popen(["bash", "-c", command, "bash", path, *flags], pass_fds=(theirs_read, theirs_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(theirs_read)
        os.close(theirs_write)
        self._read, self._write, self._bytes, self._timeout = ours_read, ours_write, b"", timeout
        self._number, self._session = 0, None
        self.problems, self.requests, self._events = [], [], []
        target = next(one for one in self.send("Target.getTargets")["targetInfos"] if one["type"] == "page")
        self._session = self.send("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(domain + ".enable")

    def close(self):
        try:
            self._session = None
            self.send("Browser.close")
            self._child.wait(10)
        except (Failed, OSError, subprocess.TimeoutExpired):
            self._child.kill()
            self._child.wait()
        os.close(self._read)
        os.close(self._write)
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _message(self, deadline):
        while b"\0" not in self._bytes:
            ready, _, _ = select.select([self._read], [], [], max(0, deadline - time.monotonic()))
            data = os.read(self._read, 1 << 20) if ready else b""
            if not data:
                raise Failed("Chromium ended" if ready else "Chromium did not answer in %d s" % self._timeout)
            self._bytes += data
        message, _, self._bytes = self._bytes.partition(b"\0")
        return json.loads(message)

    def _note(self, message):
        method, facts = message.get("method"), message.get("params", {})
        self._events.append(method)
        if method == "Runtime.consoleAPICalled":
            self.problems.append("console.%s: %s" % (facts["type"], [one.get("value", one.get("description")) for one in facts["args"]]))
        elif method == "Runtime.exceptionThrown":
            details = facts["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Log.entryAdded":
            self.problems.append("%s: %s" % (facts["entry"]["level"], facts["entry"]["text"]))
        elif method == "Network.requestWillBeSent":
            self.requests.append(facts["request"]["url"])

    def send(self, method, **parameters):
        """Sends a command; returns its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._write, data) :]
        deadline = time.monotonic() + self._timeout
        while True:
            answer = self._message(deadline)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise Failed("%s: %s" % (method, answer["error"]["message"]))
                return answer["result"]
            self._note(answer)

    def _wait(self, method):
        deadline = time.monotonic() + self._timeout
        while method not in self._events:
            self._note(self._message(deadline))

    def open(self, path):
        """Opens a file and waits until it is loaded."""
        self._events.clear()
        self.send("Page.navigate", url="file://" + os.path.abspath(path))
        self._wait("Page.loadEventFired")

    def size(self, width, height, phone=False, scale=1):
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone)

    def scheme(self, name):
        """prefers-color-scheme: light or dark."""
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def run(self, script):
        """The value of a JavaScript expression."""
        answer = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise Failed(answer["exceptionDetails"].get("exception", {}).get("description", "exception"))
        return answer["result"].get("value")

    def press(self, key):
        """One key, by its DOM name: "Enter", "Tab", "a"."""
        codes = {"Enter": (13, "\r"), "Tab": (9, ""), " ": (32, " ")}
        code, text = codes.get(key, (ord(key[0].upper()), key))
        facts = {"key": key, "windowsVirtualKeyCode": code}
        self.send("Input.dispatchKeyEvent", type="keyDown", **facts, **({"text": text} if text else {}))
        self.send("Input.dispatchKeyEvent", type="keyUp", **facts)

    def picture(self, path, whole=True):
        """The page as PNG."""
        data = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def pdf(self, path):
        data = self.send("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))
