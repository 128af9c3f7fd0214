"""What stands behind the listeners by the configuration, now and after a reload: the public and the admin site."""

from collections.abc import Mapping, Sequence

from gateway.app.following import Commit
from gateway.app.opening import LettingIn
from gateway.config.providers import StaticSettings
from gateway.config.settings import Settings
from gateway.providers.provider import Provider
from gateway.sessions.directory import Directory
from gateway.sessions.registry import Registry
from gateway.state.state import State
from gateway.telemetry.audit import Audit
from gateway.telemetry.metrics import Metrics
from gateway.web.admin import AdminSite
from gateway.web.forwarded import Proxies
from gateway.web.keys import Keys
from gateway.web.links import Links
from gateway.web.origin import Front
from gateway.web.pages import Pages, security_headers
from gateway.web.public import PublicSite, Readiness
from gateway.web.session_api import SessionApi
from gateway.web.ticket_api import TicketApi


class Sites:
    """`public` and `admin`, and what their listeners share with them: whom to believe, what goes with every answer.

    `listed`: consoles on the landing page beside the static ones. `links` has to be told the public port.
    """

    def __init__(
        self,
        settings: Settings,
        letting_in: LettingIn,
        providers: Mapping[str, Provider],
        registry: Registry,
        state: State,
        audit: Audit,
        metrics: Metrics,
        readiness: Readiness,
        *,
        listed: Sequence[str] = (),
    ) -> None:
        self._listed = listed
        self._pages = Pages(list(settings.listen.embed_origins))
        self._keys = Keys(settings.admin)
        self.proxies = Proxies(settings.listen.trusted_proxies)
        self.headers = security_headers(list(settings.listen.embed_origins))
        self.links = Links(settings.listen)
        front = self._front(settings)
        consoles = self._consoles(settings)
        self.public = PublicSite(front, letting_in.access, providers, registry, self._pages, readiness, consoles)
        ttl_max = settings.access.ticket_ttl_max
        self._tickets = TicketApi(letting_in.access, letting_in.tickets, self.links, audit, ttl_max=ttl_max)
        metrics_open = settings.admin.metrics_open
        sessions = SessionApi(Directory(registry, state, letting_in.access), audit)
        self.admin = AdminSite(
            self._tickets, sessions, self._pages, metrics, readiness, self._keys, audit, metrics_open=metrics_open
        )

    async def follow(self, settings: Settings) -> Commit:
        """See Prepare."""
        listen, admin = settings.listen, settings.admin

        def commit() -> None:
            self.proxies.follow(listen.trusted_proxies)
            self.public.follow(self._front(settings), self._consoles(settings))
            self._pages.follow(list(listen.embed_origins))
            self.headers.update(security_headers(list(listen.embed_origins)))
            self.links.follow(listen)
            self._keys.follow(admin)
            self._tickets.ttl_max = settings.access.ticket_ttl_max
            self.admin.metrics_open = admin.metrics_open

        return commit

    def _front(self, settings: Settings) -> Front:
        listen = settings.listen
        return Front.of(
            listen.public_url or "",
            listen.allowed_origins,
            self.proxies,
            here_only=settings.access.mode == "open",
            client_names=listen.tls.client_names if listen.tls else (),
        )

    def _consoles(self, settings: Settings) -> list[str]:
        """Those that the landing page lists: none where not everybody may know of them."""
        if settings.access.mode != "open":
            return []
        static = (
            f"{name}/{console}"
            for name, provider in settings.providers.items()
            if isinstance(provider, StaticSettings)
            for console in provider.consoles
        )
        return [*static, *self._listed]
