"""`vnc-gateway simulate`: only the clouds, for other people's tests."""

from rich.console import Console

from gateway.app.serving import stopped
from gateway.errors import ListenFailed
from gateway.simulator.clouds.limits import IdleCounts
from gateway.simulator.simulator import HOST, Simulator


async def simulate(*, port: int, time_scale: float, idle_counts: str, pong: bool) -> None:
    """Run both clouds on `port` until SIGTERM or SIGINT, and say how to use them."""
    clouds = Simulator(port=port, time_scale=time_scale, idle_counts=IdleCounts(idle_counts), no_pong=not pong)
    try:
        await clouds.start()
    except OSError as error:
        raise ListenFailed(HOST, port, error) from error
    try:
        describe(clouds, Console(highlight=False, soft_wrap=True))
        await stopped()
    finally:
        await clouds.stop()


def describe(clouds: Simulator, console: Console) -> None:
    """Print where the clouds are, what they hold, and the keys that open them: none is a secret."""
    for name, cloud in (("alibaba", clouds.alibaba), ("huawei", clouds.huawei)):
        key = cloud.keyring.main
        console.print(f"[bold]{name}[/]  {clouds.endpoint}")
        console.print(f"  access key  {key.access}")
        console.print(f"  secret key  {key.secret}")
        for instance in cloud.instances.values():
            console.print(f"  instance    {instance.id}  in {instance.place}, {instance.state}")
