"""Every fault is one line that begins with its place, and all come at once."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.load import build, load
from gateway.config.settings import Settings
from gateway.errors import ConfigurationError

OPEN_OFF_LOOPBACK = 'is refused: access mode open is for this machine only, as in "127.0.0.1"'
ADMIN_IN_CLEAR = "needs admin.tls, or admin.insecure = true: keys would be sent in clear"
SEAL_KEY = 'access.seal_keys: each line must be a key of at least 32 characters, as from "openssl rand -hex 32"'
NAME_RULE = 'a name starts with a letter a-z and has up to 32 of a-z, 0-9 and "-"'
INSTANCE_RULE = 'an instance starts with a letter or digit and has up to 64 of A-Z, a-z, 0-9, ".", "_" and "-"'
HOST_AND_PORT = "must name a host and, where given, a port from 1 to 65535"
LAB = "providers.lab = { type = 'static', consoles = { a = 'tcp://h:5900' }, "
ALIBABA = "credentials.k.source = 'env'\nproviders.a = { type = 'alibaba', region = 'r', credentials = 'k', "
HTTP = "providers.b = { type = 'http', url = 'https://h/', allowed_hosts = ['h'], "


def test_five_faults_in_one_file_are_five_lines(faults_of):
    assert faults_of(
        """
        [listen]
        host = "0.0.0.0"
        public_url = "https://console.example.com"
        prot = 8443
        [credentials.prod]
        source = "static"
        access_key = "AK"
        secret_key_file = "/nowhere/key"
        [providers.hangzhou]
        type = "alibaba"
        region = "cn-hangzhou"
        credentials = "prd"
        [limits]
        held = "4 MiBs"
        """
    ) == [
        "listen.prot: unknown key, did you mean port?",
        "credentials.prod.secret_key_file: cannot read /nowhere/key: No such file or directory",
        'limits.held: must be a size such as "4 MiB"',
        "providers.hangzhou.credentials: no such credential, did you mean prod?",
        f"listen.host: 0.0.0.0 {OPEN_OFF_LOOPBACK}",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("admin.host = '0.0.0.0'", f"admin.host: 0.0.0.0 {ADMIN_IN_CLEAR}"),
        ("admin.metrics_port = 9090", "admin.metrics_port: 9090 is admin.port, too"),
        ("admin.metrics_port = 8080", "admin.metrics_port: 8080 is listen.port, too"),
        ("access.seal_keys = 'short'", SEAL_KEY),
        ("access.ticket_ttl_max = 0", "access.ticket_ttl_max: must be greater than or equal to 1"),
        (
            "access.seal_keys_file = '/nowhere'",
            "access.seal_keys_file: cannot read /nowhere: No such file or directory",
        ),
        ("listen.host = 'http://x'", "listen.host: must be a host name or address, without scheme or port"),
        ("listen.host = ''", "listen.host: must be a host name or address, without scheme or port"),
        ("listen.port = 65536", "listen.port: must be less than or equal to 65535"),
        ("listen.port = -1", "listen.port: must be greater than or equal to 0"),
        ("listen.port = 'http'", "listen.port: must be a whole number"),
        ("listen.port = 80.5", "listen.port: must be a whole number"),
        ("listen.port = true", "listen.port: must be a number"),
        ("admin.port = 8080", "admin.port: 8080 is listen.port, too"),
        (
            "admin.keys = { bastion = 'hidden' }",
            'admin.keys.bastion: must be "sha256:" and the 64 hexadecimal digits of the hash of a key',
        ),
        ("listen = 3", "listen: must be a table"),
        ("listen.public_url = 'console.example.com'", "listen.public_url: must start with https:// or http://"),
        (
            "listen.public_url = 'https://c.example.com/vnc'",
            "listen.public_url: must be an origin: scheme, host and port only, as in https://console.example.com",
        ),
        ("listen.public_url = 'https://'", f"listen.public_url: {HOST_AND_PORT}"),
        ("listen.public_url = 'https://h:0'", f"listen.public_url: {HOST_AND_PORT}"),
        ("listen.public_url = 'https://h:99999'", "listen.public_url: has a host or port that cannot be read"),
        (
            "listen.allowed_origins = ['https://a', 'null']",
            "listen.allowed_origins: entry 2 must start with https:// or http://",
        ),
        (
            "listen.allowed_origins = ['https://*.example.com']",
            'listen.allowed_origins: entry 1 must be one origin, as a browser sends it: "*" stands for nothing here',
        ),
        (
            "listen.embed_origins = ['https://a b']",
            "listen.embed_origins: entry 1 must be a URL without spaces or control characters",
        ),
        ("listen.allowed_origins = 5", "listen.allowed_origins: must be a list"),
        ("listen.tls = { key = '/dev/null' }", "listen.tls.certificate: is required"),
        ("log.level = 'loud'", "log.level: must be 'debug', 'info', 'warning' or 'error'"),
        ("limits.sessions = 0", "limits.sessions: must be greater than or equal to 1"),
        ("limits.human_idle = -1", "limits.human_idle: must be greater than or equal to 0"),
        ("limits.duration = 0", "limits.duration: must be greater than 0"),
        ("limits.duration = inf", "limits.duration: must be a finite number"),
        ("limits.duration = 'long'", "limits.duration: must be a number"),
        ("limits.held = 'much'", 'limits.held: must be a size such as "4 MiB"'),
        ("limits.held = '1 GiB'", "limits: held, for one session, is more than held_total, for all"),
        ("keepalive.method = 'pong'", "keepalive.method: must be 'auto', 'update_request', 'input', 'ping' or 'off'"),
        ("reconnect.per_minute = 0", "reconnect.per_minute: must be greater than or equal to 1"),
        ("limits.per_user = -1", "limits.per_user: must be greater than or equal to 0"),
        ("limits.conflict = 'fight'", "limits.conflict: must be 'takeover' or 'refuse'"),
        ("lissten.port = 1", "lissten: unknown key, did you mean listen?"),
        (
            "providers.Hangzhou = { type = 'static', consoles = { a = 'tcp://h:1' } }",
            f"providers.Hangzhou: {NAME_RULE}",
        ),
        ("providers.x = 1", "providers.x: must be a table"),
        ("providers.x = {}", "providers.x.type: is required: alibaba, huawei, static or http"),
        (
            "providers.x.type = 'huaweii'",
            "providers.x.type: must be alibaba, huawei, static or http, did you mean huawei?",
        ),
        ("providers.x.type = 'aws'", "providers.x.type: must be alibaba, huawei, static or http"),
        ("credentials.x = {}", "credentials.x.source: is required: env, static, sts or ecs_metadata"),
        (
            "credentials.x = { source = 'env', prefix = 'A-B' }",
            "credentials.x.prefix: must match pattern '^[A-Za-z0-9_]*$'",
        ),
        (
            "credentials.x = { source = 'ecs_metadata', cloud = 'aws' }",
            "credentials.x.cloud: must be 'alibaba' or 'huawei'",
        ),
        ("providers.lab = { type = 'static', consoles = {} }", "providers.lab.consoles: must not be empty"),
        ("providers.lab = { type = 'static' }", "providers.lab.consoles: is required"),
        (
            "providers.lab = { type = 'static', consoles = { '-x' = 'tcp://h:1' } }",
            f"providers.lab.consoles.-x: {INSTANCE_RULE}",
        ),
        (LAB + "headers = { Host = 'x' } }", None),
        (LAB + "headers = { 'a b' = 'x' } }", 'providers.lab.headers."a b": is not the name of an HTTP header'),
        (LAB + 'headers = { A = "x\\r\\nB: y" } }', "providers.lab.headers.A: must be printable ASCII on one line"),
        (LAB + "allowed_hosts = ['https://h'] }", None),
        (LAB + "subprotocol = 'a, b' }", None),
        (LAB + "proxy = 'socks5://h' }", "providers.lab.proxy: must start with http://"),
        (LAB + "proxy = 'https://u:hidden@h' }", "providers.lab.proxy: must start with http://"),
        (LAB + "ca_file = '/nowhere' }", "providers.lab.ca_file: cannot read /nowhere: No such file or directory"),
        (LAB + "keepalive = { upstream = 3 } }", None),
        (LAB + "limits = { sessions = 3 } }", "providers.lab.limits.sessions: unknown key"),
        (LAB + "regin = 'x' }", "providers.lab.regin: unknown key, did you mean origin?"),
        ("providers.a = { type = 'alibaba', region = 'r' }", "providers.a.credentials: is required"),
        (ALIBABA + "project_id = 'x' }", "providers.a.project_id: unknown key"),
        (ALIBABA + "endpoint = 'ecs.example.com' }", "providers.a.endpoint: must start with https:// or http://"),
        (
            "credentials.k = { source = 'ecs_metadata', cloud = 'huawei' }\n"
            "providers.a = { type = 'alibaba', region = 'r', credentials = 'k' }",
            "providers.a.credentials: is a credential of huawei, the provider is of type alibaba",
        ),
        (
            "credentials.k.source = 'env'\nproviders.h = { type = 'huawei', region = 'r', credentials = 'k' }",
            "providers.h.project_id: is required",
        ),
        (
            "credentials.k.source = 'env'\n"
            "providers.h = { type = 'huawei', region = 'r/../x', project_id = 'p', credentials = 'k' }",
            'providers.h.region: must be letters, digits, "-" and "_"',
        ),
        ("providers.b = { type = 'http', url = 'https://h/' }", "providers.b.allowed_hosts: is required"),
        (
            "providers.b = { type = 'http', url = 'https://h/', allowed_hosts = [] }",
            "providers.b.allowed_hosts: must not be empty",
        ),
        (HTTP + "bearer_file = '/nowhere' }", None),
    ],
)
def test_a_fault_is_one_line_with_its_place(faults_of, text: str, fault: str | None):
    lines = faults_of(text)
    assert len(lines) == 1, lines
    assert fault is None or lines == [fault]


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("ftp://h", "must start with tcp://, ws://, wss://, http:// or https://"),
        ("127.0.0.1:5900", "must start with tcp://, ws://, wss://, http:// or https://"),
        ("tcp://h", "must be tcp://HOST:PORT"),
        ("tcp://h:5900/x", "must be tcp://HOST:PORT"),
        ("tcp://h:5900x", "has a host or port that cannot be read"),
        ("ws://", HOST_AND_PORT),
        ("ws://[::1", "has a host or port that cannot be read"),
        ("ws://user:hidden@h/", "must not hold a user name or password: use password_file"),
        ("ws://h/ x", "must be a URL without spaces or control characters"),
    ],
)
def test_a_console_address_is_checked(faults_of, url: str, fault: str):
    text = f"providers.lab = {{ type = 'static', consoles = {{ vm = '{url}' }} }}"
    assert faults_of(text) == [f"providers.lab.consoles.vm.url: {fault}"]


def test_a_syntax_error_has_its_line(load_text, tmp_path: Path):
    with pytest.raises(ConfigurationError) as caught:
        load_text("[listen]\nport = \n")
    assert str(caught.value) == f"{tmp_path / 'gateway.toml'}: Invalid value (at line 2, column 8)"


@pytest.mark.parametrize(
    ("content", "why"), [(None, "cannot be read: No such file or directory"), (b"\xff\xfe", "is not UTF-8 text")]
)
def test_an_unreadable_file_is_one_line(tmp_path: Path, content: bytes | None, why: str):
    path = tmp_path / "c.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        load(path, {})
    assert str(caught.value) == f"{path}: {why}"


def test_a_directory_is_no_configuration(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        load(tmp_path, {})


def test_faults_do_not_repeat_secret_values(load_text):
    with pytest.raises(ConfigurationError) as caught:
        load_text(
            """
            [credentials.x]
            source = "static"
            access_key = ["hidden-1"]
            secret_key = ["hidden-2"]
            [providers.b]
            type = "http"
            url = "https://u:hidden-3@h/"
            bearer = { x = "hidden-4" }
            allowed_hosts = ["h"]
            proxy = "hidden-5"
            """
        )
    assert len(str(caught.value).splitlines()) == 5
    assert "hidden" not in str(caught.value)


_KEYS = sorted({*Settings.model_fields, "host", "port", "tls", "type", "source", "consoles", "lab", "url", "mode", "x"})
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["static", "alibaba", "http", "env", "sts", "open", "tcp://h:1", "4 MiB", "https://a"])
)
_TREES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=4),
    max_leaves=15,
)


@given(
    st.dictionaries(st.sampled_from(_KEYS), _TREES, max_size=5),
    st.dictionaries(
        st.lists(st.sampled_from(_KEYS), min_size=1, max_size=4).map(lambda parts: "VNC_GATEWAY_" + "__".join(parts)),
        st.text(max_size=5),
        max_size=4,
    ),
)
def test_any_tree_is_a_configuration_or_has_fault_lines(tree: dict[str, object], environ: dict[str, str]):
    try:
        assert isinstance(build(tree, environ), Settings)
    except ConfigurationError as error:
        assert all(": " in line for line in str(error).splitlines())
        assert str(error)


def test_a_list_whose_entries_are_refused_is_not_told_to_be_empty_too(faults_of):
    key = f"admin.keys.ops = {{ hash = 'sha256:{0:064d}', consoles = CONSOLES }}"
    assert faults_of(key.replace("CONSOLES", "[5]")) == ["admin.keys.ops.consoles: entry 1 must be a text"]
    assert faults_of(key.replace("CONSOLES", "[]")) == ["admin.keys.ops.consoles: must not be empty"]
