"""What operators read: every name that a console can end or be refused by is explained, and links lead somewhere."""

import re
from pathlib import Path

import pytest
from support.gateway import ROOT

from gateway.config.block import Block, secret_fields
from gateway.config.settings import Settings
from gateway.endings import ENDINGS
from gateway.web import problems
from gateway.web.problems import Refusal

TROUBLE = (ROOT / "docs/troubleshooting.md").read_text()
PAGES = sorted([ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "deploy/README.md", *(ROOT / "docs").glob("*.md")])
REFUSALS = [value for value in vars(problems).values() if isinstance(value, Refusal)]
BLOCKS = {
    name: field.annotation
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Block)
}
EVENTS = {
    event
    for file in (ROOT / "gateway").rglob("*.py")
    for event in re.findall(r"\.(?:info|warning|error|exception)\(\s*\"(\w+\.\w+)\"", file.read_text())
}
"""What the log calls things, which may look like keys."""


def explained(part: str) -> set[tuple[str, str]]:
    """Number and name at the beginning of each row below a heading."""
    text = TROUBLE.partition(f"## {part}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| (\d+|-) `(\w+)` \|", text, re.MULTILINE))


def test_every_ending_is_explained_and_no_other():
    assert explained("How sessions end") == {(str(ending.code or "-"), ending.name) for ending in ENDINGS}


def test_every_refusal_is_explained_and_no_other():
    assert explained("Refused before there is a session") == {(str(one.status), one.name) for one in REFUSALS}


def test_every_row_says_what_it_means():
    rows = [line.split("|") for line in TROUBLE.splitlines() if re.match(r"\| (\d+|-) `", line)]
    assert rows
    for _, name, meaning, *_ in rows:
        assert len(meaning.split()) > 2, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_keys_events_and_metrics_exist(page: Path):
    """What operators are told to set can be set, and what they are told to look for is there."""
    text = page.read_text()
    for table, key in re.findall(r"`(\w+)\.(\w+)(?:`| = )", text):
        if block := BLOCKS.get(table):
            secret = key.removesuffix("_file") in secret_fields(block)
            event_or_file = f"{table}.{key}" in EVENTS or key == "jsonl"
            assert key in block.model_fields or secret or event_or_file, f"{table}.{key}"
    table = (ROOT / "docs/metrics.md").read_text()
    for metric in re.findall(r"vnc_gateway_[a-z_]+", text):
        assert f"`{metric}`" in table, metric


def anchors(page: Path) -> set[str]:
    """What headings of a page are called in links to them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link
