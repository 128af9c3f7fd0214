"""client.js from the real gateway, imported by a page of another origin."""

from support.gateway import gateway

OPEN = """async (gateway) => {
  const client = await import(`${gateway}/static/client.js`);
  const place = client.locate("lab", "vm");
  try {
    const grant = await client.grant(place);
    const socket = client.dial(place, grant.ticket);
    const outcome = await new Promise((resolve) => {
      for (const type of ["open", "error"]) socket.addEventListener(type, () => resolve(type));
    });
    socket.close();
    return outcome;
  } catch (error) {
    return error.ending.name;
  }
}"""
NOBODY = {"vm": "tcp://127.0.0.1:9"}  # the upgrade is answered before the machine is dialled


async def test_a_page_of_an_allowed_origin_opens_a_console(stub, page, tmp_path):
    await page.goto(stub.url + "/blank")
    async with gateway(NOBODY, logs=tmp_path, env={"VNC_GATEWAY_LISTEN__ALLOWED_ORIGINS": stub.url}) as running:
        assert await page.evaluate(OPEN, f"http://127.0.0.1:{running.port}") == "open"


async def test_a_page_of_any_other_origin_is_given_nothing(stub, page, tmp_path):
    await page.goto(stub.url + "/blank")
    async with gateway(NOBODY, logs=tmp_path) as running:
        assert await page.evaluate(OPEN, f"http://127.0.0.1:{running.port}") == "browser_lost"
