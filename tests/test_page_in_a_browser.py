"""The page in headless Chromium: nothing requested, nothing to complain about, nothing cut off."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bptt.verify import Settings, verify
from bptt.verify.checker.page import page

from . import troublesome_problems as problems

EXAMPLES = Path(__file__).parent.parent / "examples"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--enable-logging=stderr",
]  # fmt: skip
PHONE = 390  # pixels

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt install chromium")


@pytest.fixture(scope="module")
def text() -> str:
    targets = (
        f"{EXAMPLES}/gru_with_a_bug.py:problem",
        f"{EXAMPLES}/lstm_with_a_bug.py:problem",
        problems.wrong_in_float32,
        problems.crashes_at_2,
        problems.square,
    )
    return page([verify(target, Settings(cases=12)) for target in targets])


def opened(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "page.html").write_text(text)
    return subprocess.run(
        [str(CHROMIUM), *FLAGS, f"--user-data-dir={folder / 'profile'}",
         f"--log-net-log={folder / 'net.json'}", "--dump-dom", (folder / "page.html").as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip


def requested(folder: Path) -> list[str]:
    log = json.loads((folder / "net.json").read_text())
    urls = {event.get("params", {}).get("url", "") for event in log["events"]}
    return sorted(url for url in urls if url.startswith(("http:", "https:", "ws:", "wss:")))


def width_on_a_phone(text: str, folder: Path) -> int:
    """Open the page in a frame as wide as a phone, since a window can't be so narrow."""
    frame = (
        f'<iframe id="phone" style="width:{PHONE}px;height:800px;border:0" '
        f'srcdoc="{html.escape(text)}"></iframe><script>onload = () => {{ document.title = "width "'
        " + phone.contentDocument.documentElement.scrollWidth }</script>"
    )
    found = re.search(r"<title>width (\d+)</title>", opened(frame, folder).stdout)
    assert found is not None
    return int(found[1])


def test_page_requests_nothing_and_has_no_complaints(text: str, tmp_path: Path) -> None:
    done = opened(text, tmp_path)
    assert "<strong>wrong</strong>" in done.stdout
    assert "CONSOLE" not in done.stderr
    assert requested(tmp_path) == []


def test_nothing_is_cut_off_on_a_phone(text: str, tmp_path: Path) -> None:
    assert width_on_a_phone(text, tmp_path) == PHONE


def test_this_would_see_complaints_requests_and_what_is_too_wide(tmp_path: Path) -> None:
    bad = (
        '<body><div style="width:1000px">wide</div><img src="http://127.0.0.1:9/x.png">'
        "<script>console.error('oh')</script>"
    )
    assert "CONSOLE" in opened(bad, tmp_path).stderr
    assert requested(tmp_path) == ["http://127.0.0.1:9/x.png"]
    assert width_on_a_phone(bad, tmp_path) > PHONE
