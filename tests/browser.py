"""Headless Chromium, driven through its debugging pipe: real clicks, keys, themes and widths."""

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND", "--remote-debugging-pipe",
]  # fmt: skip
PATIENCE = 60.0  # seconds for one answer
KEYS = {"Tab": 9, "Enter": 13, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}


class Browser:
    """One page in a browser.

    `requests` are the addresses that it asked for, `complaints` what its console logged and the
    exceptions of its scripts.
    """

    def __init__(self, write: int, read: int) -> None:
        self._write, self._read = write, read
        self._left, self._number, self._session = b"", 0, ""
        self.requests: list[str] = []
        self.complaints: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the DevTools protocol. Raises RuntimeError for what it refuses."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._left:
            piece = os.read(self._read, 2**20)
            if not piece:
                raise RuntimeError("the browser ended")
            self._left += piece
        raw, _, self._left = self._left.partition(b"\0")
        message = json.loads(raw)
        said = message.get("params", {})
        match message.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(said["request"]["url"])
            case "Runtime.exceptionThrown" | "Runtime.consoleAPICalled" | "Log.entryAdded":
                self.complaints.append(json.dumps(said))
        return message

    def open(self, path: Path, *, width: int, height: int = 900, dark: bool = False) -> None:
        """Open a file as a phone or a screen of this width would, in pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.requests.clear()
        self.complaints.clear()
        self.call("Page.navigate", url=path.as_uri())
        limit = time.monotonic() + PATIENCE
        while self.ask("document.readyState") != "complete":
            if time.monotonic() > limit:
                raise TimeoutError(f"{path} wasn't loaded after {PATIENCE:g} s")
            time.sleep(0.02)

    def ask(self, expression: str) -> Any:
        """Return the value of a JavaScript expression. Raises RuntimeError where it throws."""
        done = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in done:
            raise RuntimeError(f"{expression}: {done['exceptionDetails']}")
        return done["result"].get("value")

    def point(self, selector: str, x: float = 0.5, y: float = 0.5, *, click: bool = False) -> None:
        """Move the pointer to a place in an element, as fractions of its size; maybe click it."""
        box = self.ask(
            f"(() => {{ const one = document.querySelector({json.dumps(selector)});"
            "one.scrollIntoView({block: 'center'}); const b = one.getBoundingClientRect();"
            "return [b.left, b.top, b.width, b.height]; })()"
        )
        at = {"x": box[0] + x * box[2], "y": box[1] + y * box[3]}
        self.call("Input.dispatchMouseEvent", type="mouseMoved", **at)
        for kind in ("mousePressed", "mouseReleased") if click else ():
            self.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **at)

    def click(self, selector: str) -> None:
        self.point(selector, click=True)

    def press(self, key: str, times: int = 1) -> None:
        """Press a key of KEYS."""
        text = {"text": "\r"} if key == "Enter" else {}
        said = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS[key]}
        for _ in range(times):
            self.call("Input.dispatchKeyEvent", type="keyDown", **said, **text)
            self.call("Input.dispatchKeyEvent", type="keyUp", **said)

    def screenshot(self, path: Path) -> None:
        """Write a picture of the whole page."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def started(folder: Path) -> Iterator[Browser]:
    """Start Chromium with a new profile in the folder, and end it."""
    assert CHROMIUM is not None
    to_browser, from_browser = os.pipe(), os.pipe()
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}"]
    # It reads its commands from descriptor 3 and writes its answers to 4.
    wiring = f'exec "$@" 3<&{to_browser[0]} 4>&{from_browser[1]}'
    process = subprocess.Popen(
        ["bash", "-c", wiring, "chromium", *command],
        pass_fds=(to_browser[0], from_browser[1]),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_browser[0])
    os.close(from_browser[1])
    try:
        yield Browser(to_browser[1], from_browser[0])
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)
        os.close(to_browser[1])
        os.close(from_browser[0])
