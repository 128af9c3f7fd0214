"""Keys: refreshed by one for all and before they end, tried by one alone, never used once rejected."""

import asyncio

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from gateway.errors import CloudUnavailable, ConfigurationError, KeyRejected, NoSuchInstance
from gateway.providers.key_sources import FixedSource, from_environment
from gateway.providers.keys import Credentials, Keys


def keys(name: str = "AK", *, expires_at: float | None = None) -> Keys:
    return Keys(name, SecretStr("SECRET"), SecretStr("TOKEN"), expires_at)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Source:
    """Gives AK1, AK2, … each good for `life` seconds; counts how often it is asked."""

    account = "role"
    margin = 900.0

    def __init__(self, clock: Clock, life: float = 3600.0) -> None:
        self.clock = clock
        self.life = life
        self.asked = 0
        self.fails = False
        self.same = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self) -> Keys:
        self.asked += 1
        await self.gate.wait()
        if self.fails:
            raise CloudUnavailable("metadata is away")
        return keys(f"AK{1 if self.same else self.asked}", expires_at=self.clock() + self.life)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def source(clock: Clock) -> Source:
    return Source(clock)


@pytest.fixture
def credentials(source: Source, clock: Clock) -> Credentials:
    return Credentials("prod", source, clock=clock, monotonic=clock)


async def used(credentials: Credentials) -> str:
    async with credentials.use() as current:
        credentials.worked(current)
        return current.access_key


async def test_fifty_callers_ask_once(credentials: Credentials, source: Source) -> None:
    source.gate.clear()
    callers = [asyncio.create_task(used(credentials)) for _ in range(50)]
    await asyncio.sleep(0)
    source.gate.set()
    assert set(await asyncio.gather(*callers)) == {"AK1"}
    assert source.asked == 1


async def test_fifty_callers_refresh_once_and_the_old_keys_serve_meanwhile(
    credentials: Credentials, source: Source, clock: Clock
) -> None:
    assert await used(credentials) == "AK1"
    clock.now += 3600 - 899  # 899 s left: below the margin
    source.gate.clear()
    refresher = asyncio.create_task(used(credentials))
    await asyncio.sleep(0)
    assert await asyncio.gather(*[used(credentials) for _ in range(49)]) == ["AK1"] * 49
    source.gate.set()
    assert await refresher == "AK2"
    assert await used(credentials) == "AK2"
    assert source.asked == 2


async def test_nothing_is_refreshed_too_early(credentials: Credentials, source: Source, clock: Clock) -> None:
    await used(credentials)
    clock.now += 3600 - 901
    assert await used(credentials) == "AK1"
    assert source.asked == 1


async def test_a_refresh_that_fails_leaves_keys_that_still_live(
    credentials: Credentials, source: Source, clock: Clock
) -> None:
    await used(credentials)
    source.fails = True
    clock.now += 3000
    with capture_logs() as logs:
        assert await used(credentials) == "AK1"
        assert await used(credentials) == "AK1"
    assert source.asked == 2  # not asked again at once
    assert [line["event"] for line in logs] == ["credentials.not_refreshed"]
    clock.now += 700  # dead now
    with pytest.raises(CloudUnavailable, match="prod"):
        await used(credentials)
    source.fails = False
    clock.now += 10
    assert await used(credentials) == "AK4"


async def test_callers_that_wait_for_a_source_that_is_away_share_its_failure(
    credentials: Credentials, source: Source
) -> None:
    source.fails = True
    results = await asyncio.gather(*[used(credentials) for _ in range(50)], return_exceptions=True)
    assert {type(result) for result in results} == {CloudUnavailable}
    assert source.asked == 1


async def test_a_source_that_hangs_is_given_up(source: Source, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.providers.keys._FETCH_TIMEOUT", 0.05)
    source.gate.clear()
    with pytest.raises(CloudUnavailable):
        await used(Credentials("prod", source, clock=clock, monotonic=clock))


async def test_a_caller_that_is_cancelled_while_asking_leaves_the_next_to_ask(
    credentials: Credentials, source: Source
) -> None:
    source.gate.clear()
    first = asyncio.create_task(used(credentials))
    await asyncio.sleep(0)
    second = asyncio.create_task(used(credentials))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    source.gate.set()
    assert await second == "AK2"
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_keys_that_the_cloud_calls_expired_are_renewed_if_there_are_others(
    credentials: Credentials, source: Source, clock: Clock
) -> None:
    await used(credentials)
    clock.now += 60
    assert await credentials.renew(keys("AK1", expires_at=4600.0))
    assert await used(credentials) == "AK2"
    assert not await Credentials("fixed", FixedSource(keys())).renew(keys())


async def test_a_rejected_key_is_not_given_out_again(clock: Clock) -> None:
    credentials = Credentials("prod", FixedSource(keys()), clock=clock)
    calls = 0
    with capture_logs() as logs:
        for _ in range(3):
            with pytest.raises(KeyRejected):
                async with credentials.use():
                    calls += 1
                    raise KeyRejected("SignatureDoesNotMatch")
    assert calls == 1
    assert [(line["event"], line["log_level"]) for line in logs] == [("credentials.rejected", "error")]
    assert "AK" not in str(logs)


async def test_after_a_rejection_other_keys_of_the_same_source_may_be_used(
    credentials: Credentials, source: Source, clock: Clock
) -> None:
    source.same = True
    with pytest.raises(KeyRejected):
        async with credentials.use():
            raise KeyRejected("InvalidAccessKeyId.NotFound")
    clock.now += 1
    with pytest.raises(KeyRejected, match="rejected before"):
        await used(credentials)
    assert source.asked == 1  # not asked at each attempt
    source.same = False
    clock.now += 10
    assert await used(credentials) == "AK2"


async def test_fifty_callers_try_an_unproven_key_once() -> None:
    """Huawei locks a key after five failures."""
    credentials = Credentials("prod", FixedSource(keys()))
    calls = 0

    async def rejected() -> None:
        nonlocal calls
        async with credentials.use():
            calls += 1
            await asyncio.sleep(0)
            raise KeyRejected("APIGW.0301")

    results = await asyncio.gather(*[rejected() for _ in range(50)], return_exceptions=True)
    assert {type(result) for result in results} == {KeyRejected}
    assert calls == 1


async def test_once_a_key_has_worked_those_who_waited_go_on_together() -> None:
    credentials = Credentials("prod", FixedSource(keys()))
    at_once = most = 0
    everybody = asyncio.Event()

    async def call(*, first: bool) -> None:
        nonlocal at_once, most
        async with credentials.use() as current:
            at_once += 1
            most = max(most, at_once)
            if first:
                await asyncio.sleep(0.01)
                credentials.worked(current)
                assert most == 1
            else:
                if at_once == 49:
                    everybody.set()
                await asyncio.wait_for(everybody.wait(), 5)
            at_once -= 1

    await asyncio.gather(*[call(first=not number) for number in range(50)])
    assert most == 49


async def test_an_attempt_that_says_nothing_about_the_key_lets_the_next_try() -> None:
    credentials = Credentials("prod", FixedSource(keys()))
    with pytest.raises(NoSuchInstance):
        async with credentials.use():
            raise NoSuchInstance("Ecs.0114")
    assert await asyncio.wait_for(used(credentials), 5) == "AK"


@pytest.mark.parametrize(
    ("cloud", "environ", "expected"),
    [
        (
            "alibaba",
            {"ALIBABA_CLOUD_ACCESS_KEY_ID": "a", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "b"},
            ("a", "b", ""),
        ),
        (
            "huawei",
            {
                "HUAWEICLOUD_SDK_AK": "a",
                "HUAWEICLOUD_SDK_SK": "b",
                "HUAWEICLOUD_SDK_SECURITY_TOKEN": "c",
            },
            ("a", "b", "c"),
        ),
    ],
)
@pytest.mark.parametrize("prefix", ["", "PROD_"])
async def test_keys_from_the_environment(
    cloud: str, environ: dict[str, str], expected: tuple[str, str, str], prefix: str
) -> None:
    source = from_environment(cloud, prefix, {prefix + name: value for name, value in environ.items()})  # type: ignore[arg-type] -- str from the table
    found = await source.fetch()
    assert (found.access_key, found.secret_key.get_secret_value(), found.token) == expected
    assert source.account == "a"


def test_what_the_environment_lacks_is_named() -> None:
    with pytest.raises(ConfigurationError, match="X_HUAWEICLOUD_SDK_AK and X_HUAWEICLOUD_SDK_SK"):
        from_environment("huawei", "X_", {"HUAWEICLOUD_SDK_AK": "a", "X_HUAWEICLOUD_SDK_SK": ""})


@pytest.mark.parametrize("bad", ["a\nb", "a b", "é", "a\x00"])
def test_a_key_that_cannot_be_one_is_a_fault_and_not_shown(bad: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        FixedSource(Keys("AK", SecretStr(bad)))
    assert bad not in str(caught.value)


def test_keys_are_not_shown() -> None:
    text = repr(keys("AKEXAMPLE"))
    assert "AKEXAMPLE" not in text
    assert "SECRET" not in text
