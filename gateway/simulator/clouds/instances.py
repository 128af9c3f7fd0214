"""The machines of a simulated cloud."""

from dataclasses import dataclass, field
from enum import StrEnum

from gateway.simulator.desktop.desktop import Desktop
from gateway.simulator.desktop.handshake import ServerOptions


class State(StrEnum):
    """What the cloud says of a machine."""

    RUNNING = "running"
    STOPPED = "stopped"
    STARTING = "starting"


@dataclass(slots=True)
class Instance:
    """A machine in `place`: a region of Alibaba's, a project of Huawei's.

    `state` and `options` (how its VNC server behaves) may be changed while the simulator runs.
    """

    id: str
    place: str
    desktop: Desktop
    state: State = State.RUNNING
    options: ServerOptions = field(default_factory=ServerOptions)
