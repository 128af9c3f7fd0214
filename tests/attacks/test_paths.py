"""Path traversal: no spelling of a path reaches a file that was not built for the page.

Over a bare socket, since every HTTP client tidies such paths up before it sends them.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from support.inprocess import Site, site
from support.programs import LOOPBACK

pytestmark = pytest.mark.asyncio(loop_scope="module")

OUTSIDE = ("../public.py", "../../../pyproject.toml", "../" * 12 + "etc/passwd", "/etc/passwd", "../static/../admin.py")
SPELLINGS = {
    "plain": lambda path: path,
    "slashes": lambda path: path.replace("/", "%2f"),
    "dots": lambda path: path.replace(".", "%2e"),
    "both": lambda path: path.replace(".", "%2E").replace("/", "%2F"),
    "twice": lambda path: path.replace("/", "%252f").replace(".", "%252e"),
    "backslashes": lambda path: path.replace("/", "\\"),
    "coded backslashes": lambda path: path.replace("/", "%5c"),
    "long form": lambda path: path.replace(".", "%c0%ae").replace("/", "%c0%af"),
    "after a file": lambda path: "client.js/" + path,
    "before the end": lambda path: path + "%00.js",
    "with a parameter": lambda path: path.replace("../", "..;/"),
}
FOLDERS = ("/static/", "/", "/console/", "/console/lab/")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running() -> AsyncIterator[Site]:
    async with site({"vm": "tcp://127.0.0.1:9"}) as started:
        yield started


async def get(running: Site, target: str) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection(LOOPBACK, running.gateway.public_port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    try:
        answer = await asyncio.wait_for(reader.read(), 20)
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_no_spelling_of_a_path_leaves_the_built_files(running: Site, spelling: str) -> None:
    pages = [(await get(running, path))[1] for path in ("/", "/console/lab/vm")]  # the same for everybody
    for folder in FOLDERS:
        for path in OUTSIDE:
            status, body = await get(running, folder + SPELLINGS[spelling](path))
            assert status in (400, 404) or body in pages, f"{folder}{path}: {status}"


@pytest.mark.parametrize("target", ["/static/", "/static", "/static/.", "/static/%2e", "/static/console.html"])
async def test_no_folder_is_listed_and_no_page_served_as_a_file(running: Site, target: str) -> None:
    status, _ = await get(running, target)
    assert status == 404


async def test_the_built_files_are_there(running: Site) -> None:
    """The control."""
    status, body = await get(running, "/static/client.js")
    assert status == 200
    assert b"export" in body
