#!/usr/bin/env python3
"""Opens a page of `deja report` in headless Chromium, through chromedriver, and uses it as one
would: a click on the slowest call shows its payload, keys move, search finds, nothing of the
recording runs. Says how long the page took to open.

usage: report_browser.py PAGE TEXT [--open-in SECONDS] [--pictures DIR]

TEXT stands in the payload of the slowest call that carried one; an empty TEXT: any payload does.
"""
import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

page, text = os.path.realpath(sys.argv[1]), sys.argv[2]
options = dict(zip(sys.argv[3::2], sys.argv[4::2]))
FLAGS = ("--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run "
         "--disable-background-networking --disable-component-update --disable-sync "
         "--window-size=1400,900").split()


class Browser:
    def __init__(self, *flags):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.base = "http://127.0.0.1:%d" % port
        self.profile = tempfile.mkdtemp()
        self.driver = subprocess.Popen(["chromedriver", "--port=%d" % port], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
        self.session = None
        try:
            self.wait_for_driver()
            args = FLAGS + ["--user-data-dir=" + self.profile, *flags]
            self.session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
                "goog:chromeOptions": {"args": args}, "goog:loggingPrefs": {"browser": "ALL"}}}})["sessionId"]
        except BaseException:
            self.close()
            raise

    def wait_for_driver(self):
        for _ in range(600):
            try:
                return self.call("GET", "/status")
            except OSError:
                time.sleep(0.05)
        raise SystemExit("chromedriver does not answer")

    def call(self, method, path, body=None):
        if self.session:
            path = "/session/" + self.session + path
        request = urllib.request.Request(self.base + path, method=method, headers={"Content-Type": "application/json"},
                                         data=None if body is None else json.dumps(body).encode())
        try:
            return json.load(urllib.request.urlopen(request, timeout=40))["value"]
        except urllib.error.HTTPError as e:
            raise SystemExit(e.read().decode()[:500])

    def js(self, script):
        return self.call("POST", "/execute/sync", {"script": script, "args": []})

    def click(self, css):
        # the page may draw its rows anew between the two
        for left in range(20, -1, -1):
            element = self.call("POST", "/element", {"using": "css selector", "value": css})
            try:
                return self.call("POST", "/element/%s/click" % next(iter(element.values())), {})
            except SystemExit as e:
                if "stale element" not in str(e) or not left:
                    raise
                time.sleep(0.05)

    def keys(self, keys):
        actions = [{"type": kind, "value": c} for c in keys for kind in ("keyDown", "keyUp")]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def picture(self, name):
        if "--pictures" in options:
            time.sleep(0.2)
            with open(os.path.join(options["--pictures"], name + ".png"), "wb") as f:
                f.write(base64.b64decode(self.call("GET", "/screenshot")))

    def close(self):
        try:
            if self.session:
                self.call("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait()
            shutil.rmtree(self.profile, ignore_errors=True)


def wait_until(browser, script, what):
    for _ in range(600):
        if browser.js("return " + script):
            return
        time.sleep(0.05)
    raise SystemExit("not within 30 s: " + what)


def use(b):
    start = time.monotonic()
    b.call("POST", "/url", {"url": "file://" + page})
    wait_until(b, "document.documentElement.dataset.ready", "the page is ready")
    took = time.monotonic() - start
    count = b.js("return N")
    b.picture("opened")
    b.click("[data-table=Slowest]")
    row = b.js("const r = slowest().findIndex((i) => D.pieces[i] && %s); return r"
               % ("true" if not text else "plainText(pieceBytes(i, 0)).includes(%s)" % json.dumps(text)))
    assert row >= 0, "no slow call carried %r" % text
    if text:
        assert row == b.js("return slowest().findIndex((i) => D.in[i])"), "another slow call carried bytes"
    b.js("table_rows.parentElement.parentElement.scrollTop = %d * ROW; drawRows()" % row)
    b.click(".row[data-row='%d']" % row)
    shown = b.js("return [...document.querySelectorAll('pre.payload')].map((e) => e.textContent).join('')")
    assert shown and text in shown, "a click shows %r" % shown
    b.keys("x")
    hexed = b.js("return document.querySelector('pre.payload').textContent")
    assert hexed != shown and (not text or " ".join("%02x" % c for c in text.encode()[:8]) in hexed), hexed
    b.keys("xz")
    assert b.js("return view.from <= begin(selected) && view.to >= end[selected] && "
                "view.to - view.from <= Math.min(D.duration, Math.max(2000, 4.01 * D.dur[selected]))"), \
        "z does not zoom to the event"
    b.picture("slowest")
    event = b.js("return selected")
    b.keys("\ue007")  # Enter
    assert b.js("return table === 'Events' && cursor") == event, "Enter does not show it among all"
    b.keys("j")
    assert b.js("return selected") == event + 1, "j does not move"
    b.keys("/recvfrom\ue007")
    wait_until(b, "shown !== null && shown.length < N", "the search")
    assert b.js("return shown.length > 0 && shown.every((i) => /recvfrom/i.test(D.line[i]) || allPayloads()[i].includes('recvfrom'))")
    b.picture("search")
    for name in ("Requests", "Latency", "Streams", "Processes", "Notes"):
        b.click("[data-table=%s]" % name)
        assert b.js("return document.querySelectorAll('#table_rows .row').length === 0") == b.js(
            "return TABLES[table].count() === 0"), name
        if name == "Requests":  # each tells whom it is from, whatever the server is called
            assert b.js("return [...document.querySelectorAll('#table_rows .row')].every((r) => !/tcp \\S+ <-/.test(r.textContent))")
        b.picture(name.lower())
    assert b.js("return document.title").startswith("deja report"), "something of the recording ran"
    assert b.js("return document.querySelectorAll('img, iframe').length") == 0
    assert b.js("return performance.getEntriesByType('resource').length") == 0, "the page fetched something"
    complaints = b.call("POST", "/se/log", {"type": "browser"})
    assert not complaints, complaints
    return took, count


browser = Browser()
try:
    took, count = use(browser)
finally:
    browser.close()
print("%d events: opened in %.2f s" % (count, took))
assert took < float(options.get("--open-in", 60)), "the page took %.2f s to open" % took
browser = Browser("--force-dark-mode")
try:
    browser.call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": {
        "features": [{"name": "prefers-color-scheme", "value": "dark"}]}})
    browser.call("POST", "/url", {"url": "file://" + page + "#Slowest"})
    wait_until(browser, "document.documentElement.dataset.ready", "the page in the dark")
    assert browser.js("return getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 27)", "it is not dark"
    browser.click(".row[data-row='0']")
    browser.picture("dark")
    browser.call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": {
        "width": 480, "height": 800, "deviceScaleFactor": 1, "mobile": False}})
    wait_until(browser, "innerWidth === 480", "the narrow window")
    browser.picture("narrow")
    assert browser.js("return document.documentElement.scrollWidth <= innerWidth"), "wider than a narrow window"
    # what is selected is in view, also when the table is scrolled to; nothing else covers anything
    browser.js("document.querySelector('#table').scrollIntoView()")
    browser.click(".row[data-row='2']")
    browser.picture("narrow_selected")
    assert browser.js("const at = (e) => document.querySelector(e).getBoundingClientRect(); "
                      "return at('#table').height >= 200 && at('#detail').bottom <= innerHeight + 1 && at('#detail').height >= 100 && "
                      "at('#lanes').bottom <= at('#tabs').top + 1"), "parts of a narrow page cover each other"
finally:
    browser.close()
