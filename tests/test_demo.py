"""The demo as a user runs it: the story plays to its end, and nothing is left behind."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import URLError

import pytest

from pgdrift.demo.blocks import blocks_html, message_html, mrkdwn
from pgdrift.demo.catcher import read_mail, threads
from pgdrift.demo.story import STORY

pytestmark = [
    pytest.mark.db,
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc"),
]

# Waited only where something fails.
PATIENCE = 240.0


class Running:
    """A demo in a process of its own, with a temporary folder of its own."""

    def __init__(self, folder: Path, port: int, exit_after: float | None) -> None:
        self.folder = folder
        self.output = folder.parent / f"{folder.name}.out"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PGDRIFT_")}
        environment |= {"TMPDIR": str(folder), "PGDRIFT_DEMO_PORT": str(port), "COLUMNS": "200"}
        if exit_after is not None:
            environment["PGDRIFT_DEMO_EXIT_AFTER"] = str(exit_after)
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pgdrift", "demo"],
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self.output.read_text()

    def wait_for(self, words: str, seconds: float = PATIENCE) -> None:
        assert until(lambda: words in self.said or self.process.poll() is not None, seconds)
        assert words in self.said, self.said

    def left_behind(self) -> list[str]:
        """Processes that name the folder, and what lies in it."""
        return [*processes(str(self.folder)), *(str(p) for p in self.folder.iterdir())]


def processes(words: str) -> Iterator[str]:
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit():
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if words in line:
                    yield f"{entry.name}: {line}"


def until(condition: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    """`start(exit_after=…, port=…)` runs a demo; after the test it is gone, whatever happened."""
    # Not tmp_path: the server's own user must get into it.
    folder = Path(tempfile.mkdtemp(prefix="pgdrift-test-demo-"))
    folder.chmod(0o755)
    running: list[Running] = []

    def run(exit_after: float | None = None, port: int | None = None) -> Running:
        inner = folder / str(len(running))
        inner.mkdir()
        inner.chmod(0o1777)  # as /tmp
        running.append(Running(inner, port or free_port(), exit_after))
        return running[-1]

    yield run
    for one in running:
        one.process.kill()
        one.process.wait()
    until(lambda: not any(one.left_behind() for one in running))
    shutil.rmtree(folder)


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        return str(answer.read().decode())


def test_the_story_plays_people_are_told_and_ctrl_c_leaves_nothing(
    start: Callable[..., Running],
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = int(taken.getsockname()[1])
        demo = start(port=port)
        demo.wait_for("Everything stays up until Ctrl-C")
    assert "The story is complete" in demo.said, demo.said
    assert f"port {port} is taken" in demo.said
    for step in STORY:
        assert step.title in demo.said

    page, inbox = (re.search(rf"{w} +(http\S+)/", demo.said) for w in ("page", "messages"))
    assert page
    assert inbox
    assert 'pgdrift_in_sync{against="staging",environment="production"} 1.0' in sorted_labels(
        get(f"{page[1]}/metrics")
    )
    caught = get(inbox[1])
    assert "✅" in caught
    assert "policy shop.orders.own_orders" in caught
    assert "iframe" in caught

    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(PATIENCE) == 0, demo.said
    assert demo.left_behind() == []
    assert "Traceback" not in demo.said
    with pytest.raises(URLError):
        get(f"{page[1]}/healthz")


def sorted_labels(text: str) -> str:
    def order(found: re.Match[str]) -> str:
        return "{" + ",".join(sorted(re.findall(r'\w+="[^"]*"', found[1]))) + "}"

    return re.sub(r"\{([^}]*)\}", order, text)


def test_it_ends_by_itself_after_the_time_it_was_given(start: Callable[..., Running]) -> None:
    """It uses all that it is given, so it is given little first, and more on a slow machine."""
    demo = tried(start, 45) or start(exit_after=180)
    assert demo.process.wait(180 + PATIENCE) == 0, demo.said
    assert "The story is complete" in demo.said
    assert demo.left_behind() == []


def tried(start: Callable[..., Running], seconds: float) -> Running | None:
    """Return a demo that ended after these seconds if its story was complete by then."""
    demo = start(exit_after=seconds)
    demo.process.wait(seconds + PATIENCE)
    return demo if "The story is complete" in demo.said else None


@pytest.mark.parametrize("seconds", [0.3, 3])
def test_a_story_that_had_no_time_to_end_is_a_failure(
    start: Callable[..., Running], seconds: float
) -> None:
    demo = start(exit_after=seconds)
    assert demo.process.wait(PATIENCE) == 1
    assert "The story did not come to its end" in demo.said
    assert "Traceback" not in demo.said
    assert demo.left_behind() == []


def test_killed_it_takes_its_server_and_its_files_along(start: Callable[..., Running]) -> None:
    demo = start()
    demo.wait_for(STORY[1].title)
    assert demo.left_behind() != []
    demo.process.kill()
    demo.process.wait()
    assert until(lambda: demo.left_behind() == []), demo.left_behind()


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*bold* and `a &lt;b&gt; *c*`", "<strong>bold</strong> and <code>a &lt;b&gt; *c*</code>"),
        ("```\n- a\n+ b\n```", "<pre>- a\n+ b</pre>"),
        ("a_b_c 2*3*4", "a_b_c 2*3*4"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("<javascript:alert(1)|click>", "&lt;javascript:alert(1)&gt;"),
        ("<!channel>", '<span class="mention">!channel</span>'),
        ("<!date^0^{date}|1970-01-01>", "1970-01-01"),
        (
            "<http://h/?a=1&amp;b='x'|see>",
            "&lt;http://h/?a=1&amp;b=&#39;x&#39;&gt;",
        ),
        (
            "<http://h/?a=1&amp;b=2|see>",
            '<a href="http://h/?a=1&amp;b=2" target="_blank" rel="noreferrer">see</a>',
        ),
    ],
)
def test_slack_markup_is_shown_as_slack_shows_it(text: str, html: str) -> None:
    assert mrkdwn(text) == html


def test_plain_text_has_no_markup_and_unknown_blocks_are_named() -> None:
    shown = blocks_html(
        [
            {"type": "header", "text": {"type": "plain_text", "text": "*a* &lt;b> :x:"}},
            {"type": "video<"},
        ]
    )
    assert "*a* &lt;b&gt; :x:" in shown
    assert "[video&lt;]" in shown


def test_a_message_without_blocks_shows_its_text() -> None:
    assert "a<br>b" in message_html({"text": "a\nb"})


def test_replies_stand_below_their_message_and_the_latest_conversation_is_first() -> None:
    def message(ts: str, text: str, **more: str) -> dict[str, str]:
        return {"ts": ts, "channel": "C1", "channel_name": "x", "text": text, **more}

    posts = threads(
        [
            message("1.0", "first"),
            message("2.0", "second"),
            message("3.0", "answer", thread_ts="1.0"),
        ]
    )
    assert [(p.text, [r.text for r in p.replies]) for p in posts] == [
        ("first", ["answer"]),
        ("second", []),
    ]


def test_a_mail_is_decoded() -> None:
    mail = read_mail(
        b"From: p@example.org\r\nTo: d@example.org\r\nSubject: =?utf-8?b?w6Q=?=\r\n"
        b"Content-Type: text/html; charset=utf-8\r\n\r\n<head></head>\xc3\xa4\r\n"
    )
    assert (mail.subject, mail.recipients) == ("ä", "d@example.org")
    assert "ä" in mail.html
