"""Environment variables: which are read, how names are spelled, what they win over, how their faults read."""

import pytest

OPEN = 'access.mode = "open"\n'
LAB = "[providers.lab-1]\ntype = 'static'\nconsoles = { VM_1 = 'tcp://h:1' }\n"


def test_a_variable_wins_over_the_file_key_by_key(load_text):
    settings = load_text(OPEN + "listen = { port = 1, host = '::1' }", VNC_GATEWAY_LISTEN__PORT="8443")
    assert settings.listen.port == 8443
    assert settings.listen.host == "::1"


def test_only_names_with_two_underscores_are_read(load_text):
    assert load_text(OPEN, VNC_GATEWAY_ADMIN_URL="x", VNC_GATEWAY_PORT="tcp://1", LISTEN__PORT="1", PATH="/")


def test_lists_take_commas(load_text):
    settings = load_text(OPEN, VNC_GATEWAY_LISTEN__ALLOWED_ORIGINS="https://a, https://b ,")
    assert settings.listen.allowed_origins == ("https://a", "https://b")
    assert load_text(OPEN, VNC_GATEWAY_LISTEN__ALLOWED_ORIGINS="").listen.allowed_origins == ()


def test_names_in_the_file_keep_their_spelling(load_text):
    settings = load_text(
        OPEN + LAB,
        VNC_GATEWAY_PROVIDERS__LAB_1__CONSOLES__VM_1="tcp://other:2",
        VNC_GATEWAY_PROVIDERS__LAB_1__HEADERS__X_REQUEST_ID="7",
    )
    assert list(settings.providers) == ["lab-1"]
    assert settings.providers["lab-1"].consoles["VM_1"].url == "tcp://other:2"
    assert settings.providers["lab-1"].headers == {"x-request-id": "7"}


def test_new_names_are_lower_case_with_hyphens(load_text):
    settings = load_text(
        OPEN,
        VNC_GATEWAY_CREDENTIALS__PROD_EU__SOURCE="env",
        VNC_GATEWAY_PROVIDERS__HANG_ZHOU__TYPE="alibaba",
        VNC_GATEWAY_PROVIDERS__HANG_ZHOU__REGION="cn-hangzhou",
        VNC_GATEWAY_PROVIDERS__HANG_ZHOU__CREDENTIALS="prod-eu",
        VNC_GATEWAY_PROVIDERS__HANG_ZHOU__KEEPALIVE__UPSTREAM_AFTER="30.5",
    )
    assert settings.keepalive_for("hang-zhou").upstream_after == 30.5


def test_numbers_sizes_and_modes_come_as_text(load_text):
    settings = load_text("", VNC_GATEWAY_ACCESS__MODE="open", VNC_GATEWAY_LIMITS__HELD="1 MiB")
    assert settings.limits.held == 1024 * 1024


def test_an_empty_variable_takes_an_optional_value_away(load_text):
    settings = load_text(OPEN + "listen.public_url = 'https://h'", VNC_GATEWAY_LISTEN__PUBLIC_URL="")
    assert settings.listen.public_url is None


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("VNC_GATEWAY_LISTEN__PORT", "x", "VNC_GATEWAY_LISTEN__PORT: must be a whole number"),
        ("VNC_GATEWAY_LISTEN__PORT", "", "VNC_GATEWAY_LISTEN__PORT: must be a whole number"),
        ("VNC_GATEWAY_LISTEN__PROT", "1", "VNC_GATEWAY_LISTEN__PROT: unknown key, did you mean port?"),
        ("VNC_GATEWAY_LISTN__PORT", "1", "VNC_GATEWAY_LISTN__PORT: listn: unknown key, did you mean listen?"),
        ("VNC_GATEWAY_LISTEN__PORT__X", "1", "VNC_GATEWAY_LISTEN__PORT__X: listen.port: must be a whole number"),
        ("VNC_GATEWAY___PORT", "1", None),
        ("VNC_GATEWAY_LISTEN__", "1", None),
        (
            "VNC_GATEWAY_PROVIDERS__NEW__REGION",
            "r",
            "VNC_GATEWAY_PROVIDERS__NEW__REGION: providers.new.type: is required: alibaba, huawei, static or http",
        ),
        (
            "VNC_GATEWAY_LISTEN__ALLOWED_ORIGINS",
            "https://a,b",
            "VNC_GATEWAY_LISTEN__ALLOWED_ORIGINS: entry 2 must start with https:// or http://",
        ),
        (
            "VNC_GATEWAY_LISTEN__TLS__KEY",
            "/dev/null",
            "VNC_GATEWAY_LISTEN__TLS__KEY: listen.tls.certificate: is required",
        ),
        (
            "VNC_GATEWAY_PROVIDERS__LAB_1__PASSWORD_FILE",
            "/nowhere",
            "VNC_GATEWAY_PROVIDERS__LAB_1__PASSWORD_FILE: cannot read /nowhere: No such file or directory",
        ),
    ],
)
def test_a_fault_of_a_variable_has_its_name(faults_of, name: str, value: str, fault: str | None):
    lines = faults_of(LAB, **{name: value})
    assert len(lines) == 1
    assert lines[0].startswith(name)
    assert fault is None or lines == [fault]


def test_faults_of_file_and_variables_come_together(faults_of):
    lines = faults_of("listen.port = 'x'\nadmin.host = '0.0.0.0'", VNC_GATEWAY_ADMIN__PORT="y")
    assert [line.split(":")[0] for line in lines] == ["listen.port", "VNC_GATEWAY_ADMIN__PORT", "admin.host"]


def test_two_variables_for_one_key_are_a_fault(faults_of):
    assert faults_of("", VNC_GATEWAY_LISTEN__PORT="1", VNC_GATEWAY_LISTEN__port="2") == [
        "VNC_GATEWAY_LISTEN__port: another variable sets listen.port, too"
    ]


def test_a_variable_for_a_whole_table_stands_in_the_way_of_its_keys(faults_of):
    assert faults_of("", VNC_GATEWAY_LISTEN__TLS="", VNC_GATEWAY_LISTEN__TLS__KEY="k") == [
        "VNC_GATEWAY_LISTEN__TLS__KEY: VNC_GATEWAY_LISTEN__TLS sets the whole of listen.tls already"
    ]
