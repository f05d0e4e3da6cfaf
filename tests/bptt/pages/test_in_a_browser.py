"""Both pages in headless Chromium, with real clicks, taps and keys."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bptt.pages import exercises, find_the_bug
from bptt.pages import watch as watch_page
from bptt.pages.mistakes import MISTAKES
from bptt.pages.watching import watch
from bptt.sessions import lifecycle

from ...browser import CHROMIUM, Browser, started
from ...program import TEXT

pytestmark = [
    pytest.mark.campaign,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt install chromium"),
]
WIDTHS = (360, 768, 1280)
BUG, WATCH = "bug.html", "watch.html"
SCORE = "document.querySelector('#score').textContent"
SAID = "document.querySelector('#feedback').textContent"
READING = "document.querySelector('#reading').textContent"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("pages")
    chosen = exercises.make([MISTAKES[0], MISTAKES[1], MISTAKES[-1]], iterations=20)
    (made / BUG).write_text(find_the_bug.find_the_bug(chosen), "utf-8")
    (made / "text.txt").write_text(TEXT)
    lifecycle.make(str(made / "text.txt"), {"hidden_size": 20, "clip": 0.5}, made / "run")
    html = watch_page.page(made / "run", watch(made / "run", made / "text.txt", length=150))
    (made / WATCH).write_text(html, "utf-8")
    return made


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with started(tmp_path_factory.mktemp("browser")) as found:
        yield found


def line(number: int) -> str:
    return f'[data-line="{number}"]'


@pytest.fixture(scope="module")
def wrong_lines() -> list[int]:
    return [exercises.place(one) for one in (MISTAKES[0], MISTAKES[1], MISTAKES[-1])]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", [BUG, WATCH])
def test_nothing_is_requested_complained_of_or_cut_off(
    name: str, width: int, dark: bool, folder: Path, browser: Browser, tmp_path: Path
) -> None:
    browser.open(folder / name, width=width, dark=dark)
    if name == BUG:
        browser.click("#next")
    else:
        browser.point('[data-t="40"]')
    assert browser.ask("document.documentElement.scrollWidth") == width
    background = browser.ask("getComputedStyle(document.body).backgroundColor")
    shades = [int(part) for part in background.strip("rgb()").split(",")]
    assert (sum(shades) < 3 * 128) == dark
    browser.screenshot(tmp_path / "page.png")
    assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")
    assert browser.requests == [(folder / name).as_uri()]
    assert browser.complaints == []


def test_request_complaint_and_width_would_be_seen(browser: Browser, tmp_path: Path) -> None:
    bad = (
        '<meta name="viewport" content="width=device-width"><div style="width:1000px">wide</div>'
        '<img src="http://127.0.0.1:9/x.png"><script>console.error("oh"); throw 1</script>'
    )
    (tmp_path / "bad.html").write_text(bad)
    browser.open(tmp_path / "bad.html", width=360)
    assert browser.ask("document.documentElement.scrollWidth") > 360
    assert "http://127.0.0.1:9/x.png" in browser.requests
    assert len(browser.complaints) >= 2


def test_requests_of_the_pages_own_scripts_would_be_refused(folder: Path, browser: Browser) -> None:
    browser.open(folder / BUG, width=768)
    browser.ask("void (new Image().src = 'http://127.0.0.1:9/x.png')")
    browser.ask("1")
    assert any("Content Security Policy" in said for said in browser.complaints)


def test_click_on_the_wrong_line_is_counted(
    folder: Path, browser: Browser, wrong_lines: list[int]
) -> None:
    browser.open(folder / BUG, width=1280)
    assert browser.ask(SCORE) == "Found 0 of 3, 0 at the first try."
    browser.click(line(wrong_lines[0]))
    assert browser.ask(SCORE) == "Found 1 of 3, 1 at the first try."
    assert browser.ask(SAID) == f"Found. {MISTAKES[0].why}"
    assert browser.ask("document.querySelector('ins').textContent") == MISTAKES[0].right
    browser.click(line(wrong_lines[0] + 2))
    assert browser.ask(SCORE) == "Found 1 of 3, 1 at the first try."  # solved is solved


def test_right_line_gives_the_hint_and_a_later_find_is_no_first_try(
    folder: Path, browser: Browser, wrong_lines: list[int]
) -> None:
    browser.open(folder / BUG, width=360)
    browser.click("#next")
    other = wrong_lines[1] + 1
    browser.click(line(other))
    first = exercises.source()[1]
    assert browser.ask(SAID) == f"Line {first + other} is right. Hint: {MISTAKES[1].hint}"
    assert browser.ask(SCORE) == "Found 0 of 3, 0 at the first try."
    browser.click(line(wrong_lines[1]))
    assert browser.ask(SCORE) == "Found 1 of 3, 0 at the first try."
    browser.click("#previous")
    assert browser.ask(SAID) == ""
    browser.click("#next")
    assert browser.ask(SAID) == f"Found. {MISTAKES[1].why}"  # answers are kept


def test_shown_line_is_not_found(folder: Path, browser: Browser, wrong_lines: list[int]) -> None:
    browser.open(folder / BUG, width=768)
    browser.click("#reveal")
    assert str(exercises.source()[1] + wrong_lines[0]) in browser.ask(SAID)
    browser.click(line(wrong_lines[0]))
    assert browser.ask(SCORE) == "Found 0 of 3, 0 at the first try."


def test_exercises_can_be_done_by_keyboard(
    folder: Path, browser: Browser, wrong_lines: list[int]
) -> None:
    browser.open(folder / BUG, width=1280)
    browser.press("ArrowRight", 2)
    assert browser.ask("document.querySelector('#progress').textContent") == "3 of 3"
    browser.press("ArrowRight")
    assert browser.ask("document.querySelector('#title').textContent") == "Exercise 3, clip = 1"
    browser.press("ArrowLeft", 2)
    browser.press("Tab", 2)  # Next, then the first line
    lines = "[...document.querySelectorAll('button.line')].map((one) => Number(one.dataset.line))"
    down = browser.ask(lines).index(wrong_lines[0])
    browser.press("ArrowDown", down + 1)
    browser.press("ArrowUp")
    browser.press("Enter")
    assert browser.ask(SCORE) == "Found 1 of 3, 1 at the first try."


def test_entries_are_read_by_pointer_and_keyboard(folder: Path, browser: Browser) -> None:
    browser.open(folder / BUG, width=360)
    browser.point("#entries figure:nth-child(2) svg", 0.99, 0.99)
    corner = browser.ask(READING)
    assert corner.startswith(f"dWha[{exercises.H - 1}, {exercises.H - 1}]: computed ")
    browser.ask("document.querySelector('#entries figure:nth-child(2) svg').focus()")
    browser.press("ArrowUp")
    assert browser.ask(READING).startswith(f"dWha[{exercises.H - 2}, {exercises.H - 1}]: ")
    assert browser.ask("document.querySelector('#progress').textContent") == "1 of 3"


def test_text_is_walked_by_pointer_and_keyboard(folder: Path, browser: Browser) -> None:
    browser.open(folder / WATCH, width=768)
    browser.point('[data-t="4"]')
    assert browser.ask(READING).startswith(f"5 of 150: “{TEXT[4]}”, then “{TEXT[5]}”")
    browser.ask("document.querySelector('#text').focus()")
    browser.press("ArrowRight", 2)
    browser.press("ArrowDown")
    assert browser.ask(READING).startswith(f"17 of 150: “{TEXT[16]}”")
    assert browser.ask("document.querySelector('#text').ariaValueNow") == "17"
    browser.press("ArrowUp", 3)
    assert browser.ask(READING).startswith("1 of 150: ")


def test_unit_pointed_at_colours_the_text(folder: Path, browser: Browser) -> None:
    browser.open(folder / WATCH, width=360)
    plain = browser.ask(
        "[...document.querySelectorAll('#text span')].map((one) => one.style.background).join()"
    )
    browser.point("#states", 0.5, 0.625, click=True)
    assert browser.ask("document.querySelector('#unit').value") == "12"
    assert browser.ask(READING).startswith("76 of 150: ")
    assert browser.ask("document.querySelector('#activation').textContent").startswith(
        "Unit 12 after "
    )
    assert plain != browser.ask(
        "[...document.querySelectorAll('#text span')].map((one) => one.style.background).join()"
    )


def test_clip_is_told_for_the_window_of_the_character(folder: Path, browser: Browser) -> None:
    browser.open(folder / WATCH, width=1280)
    browser.point('[data-t="80"]')
    clip = browser.ask("document.querySelector('#clip').textContent")
    assert clip.startswith("Window 3, characters 71 to 105: the clip at 0.5 touches ")
    number = int(clip.split("touches ")[1].split(" of ")[0].replace(",", ""))
    marked = browser.ask(
        "[...document.querySelectorAll('#clip small')].map((one) => one.textContent)"
    )
    assert number == sum(int(text.split(" of ")[0].replace(",", "")) for text in marked) > 0
