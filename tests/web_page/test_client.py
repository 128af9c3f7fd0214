"""/static/client.js without a page: what programs that embed a console build on."""

import pytest
from support.gateway_stub import End, Refuse

from gateway.endings import ENDINGS
from gateway.web import problems

IMPORT = "const client = await import('/static/client.js');"


async def run(page, stub, body: str):
    await page.goto(stub.url + "/blank")
    return await page.evaluate(f"async () => {{ {IMPORT} {body} }}")


async def test_endings_are_the_gateways_own_names_and_codes(stub, page):
    table = await run(page, stub, "return client.endings")
    codes = {name: ending["code"] for name, ending in table.items()}
    assert {ending.name: ending.code for ending in ENDINGS}.items() <= codes.items()
    refusals = [value for value in vars(problems).values() if isinstance(value, problems.Refusal)]
    not_for_this_client = (405, 422, 426, 431)  # it sends no such request
    assert {refusal.name for refusal in refusals if refusal.status not in not_for_this_client} <= set(table)


async def test_every_ending_says_something_of_its_own(stub, page):
    table = await run(page, stub, "return client.endings")
    assert all(ending["text"].endswith(".") for ending in table.values())


SCHEDULE = """
  let now = 0;
  const retry = new client.Retry({ now: () => now, random: () => RANDOM });
  const waits = [];
  for (let count = 0; count < 200; count += 1) {
    const wait = retry.next(client.endings.NAME);
    if (wait === null) break;
    waits.push(wait / 1000);
    now += wait;
  }
  return waits;
"""


@pytest.mark.parametrize(
    ("name", "random", "waits"),
    [
        ("going_away", 1, [2, 1, 2, 4, *[8] * 13]),
        ("going_away", 0, [0, 1, 2, 4, *[8] * 14]),
        ("browser_lost", 0.5, [1, 1, 2, 4, *[8] * 14]),
        ("internal_error", 0.5, [1, 2, 4]),
        ("instance_not_running", 0.5, [1, 2, 4, 8, 16]),
        ("upstream_lost", 0, [0.75, 1.5, 3, 6, 12]),
        ("upstream_changed", 0.5, [1]),
        ("not_understood", 0.5, [1]),
        ("idle", 0.5, []),
        ("cloud_refused", 0.5, []),
    ],
)
async def test_waits_between_tries(stub, page, name, random, waits):
    assert await run(page, stub, SCHEDULE.replace("RANDOM", str(random)).replace("NAME", name)) == waits


async def test_a_restart_is_waited_for_two_minutes(stub, page):
    waits = await run(page, stub, SCHEDULE.replace("RANDOM", "1").replace("NAME", "going_away"))
    assert 110 < sum(waits) <= 120


async def test_the_count_starts_again_only_after_a_reset(stub, page):
    body = """
      const retry = new client.Retry({ random: () => 0.5 });
      const next = (name) => retry.next(client.endings[name]);
      const before = [next("not_understood"), next("upstream_lost"), next("not_understood")];
      retry.reset();
      return [...before, next("not_understood")];
    """
    assert await run(page, stub, body) == [1000, 1000, None, 1000]


async def test_grant_and_dial_work_alone(stub, page):
    body = """
      const place = client.locate("lab", "desktop");
      const grant = await client.grant(place, { token: "abc" });
      const socket = client.dial(place, grant.ticket);
      const first = await new Promise((resolve) => socket.addEventListener("message", resolve, { once: true }));
      socket.close();
      return [grant.session, socket.protocol, new TextDecoder().decode(first.data)];
    """
    assert await run(page, stub, body) == ["s1", "binary", "RFB 003.008\n"]
    assert stub.asked[0].path == "/grant/lab/desktop"
    assert stub.asked[0].authorization == "Bearer abc"


async def test_a_refused_grant_is_an_error_that_says_why(stub, page):
    stub.grants.append(Refuse(503, "draining", {"Retry-After": "7"}))
    body = """
      const error = await client.grant(client.locate("lab", "desktop")).catch((error) => error);
      return [error.name, error.ending.name, error.after];
    """
    assert await run(page, stub, body) == ["Refused", "draining", 7000]


async def test_a_connection_tells_its_story_by_events(stub, page):
    stub.sockets.extend([End(4506, "not_understood"), End(4506, "not_understood")])
    body = """
      const connection = new client.Connection(client.locate("lab", "desktop"), { token: "abc" });
      const story = [];
      for (const type of ["step", "socket", "waiting", "ended"]) {
        connection.addEventListener(type, ({ detail }) => story.push(detail.step ?? detail.ending?.name ?? type));
      }
      const over = new Promise((resolve) => connection.addEventListener("ended", resolve));
      connection.start();
      await over;
      return story;
    """
    attempt = ["grant", "dial", "socket", "picture"]
    assert await run(page, stub, body) == [*attempt, "not_understood", *attempt, "not_understood"]


async def test_again_may_be_called_while_the_end_is_told(stub, page):
    stub.sockets.append(End(4408, "idle"))
    body = """
      const connection = new client.Connection(client.locate("lab", "desktop"));
      connection.addEventListener("ended", () => connection.again());
      const sockets = [];
      const second = new Promise((resolve) => connection.addEventListener("socket", ({ detail }) => {
        sockets.push(detail.socket);
        if (sockets.length === 2) detail.socket.addEventListener("message", resolve);
      }));
      connection.start();
      await second;
      connection.close();
      return sockets.length;
    """
    assert await run(page, stub, body) == 2
