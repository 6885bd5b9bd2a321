import pytest
from pydantic import BaseModel

from bridge.errors import Misconfigured
from bridge.settings import KNOWN_DEFAULTS, Settings

SECRET = "hunter2-of-the-site"


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """What a site sets to go live: complete and safe. A test changes it with `monkeypatch.setenv`."""
    for name in ("pds.key", "ca.pem", "client.pem", "client.key"):
        (tmp_path / name).write_text("content")
    complete = {
        "PDS_URL": "https://pds.example/FHIR/R4",
        "PDS_TOKEN_URL": "https://pds.example/oauth2/token",
        "PDS_CLIENT_ID": "client",
        "PDS_KEY_FILE": str(tmp_path / "pds.key"),
        "PDS_KEY_ID": "key-1",
        "SDS_URL": "https://sds.example/FHIR/R4",
        "SDS_API_KEY": SECRET,
        "SSP_URL": "https://proxy.example",
        "SPINE_CA_FILE": str(tmp_path / "ca.pem"),
        "SPINE_CERT_FILE": str(tmp_path / "client.pem"),
        "SPINE_KEY_FILE": str(tmp_path / "client.key"),
        "SPINE_ALLOWED_HOSTS": "*.practices.example",
        "CONSUMER_ENDPOINT_URL": "https://bridge.example",
        "CONSUMER_SUPPLIER_ODS": "RZZ01",
        "CONSUMER_ORGANISATIONS": "RZZ01, RZZ02",
        "CONSUMER_DEVICE_ID": "device-1",
        "CONSUMER_IDENTIFIER_SYSTEM": "https://bridge.example/Id",
        "PATIENT_KEY": SECRET,
        "BUS_URL": f"amqps://bridge:{SECRET}@broker.example/",
    }
    for name, value in complete.items():
        monkeypatch.setenv(f"BRIDGE_{name}", value)
    return complete


def problems():
    """Everything that keeps a worker with this environment from starting."""
    try:
        Settings.load().check()
    except Misconfigured as fault:
        return list(fault.problems)
    return []


def test_a_complete_and_safe_environment_may_start(environment):
    assert problems() == []


def test_several_addresses_of_broker_and_database_are_looked_at(environment, monkeypatch):
    monkeypatch.setenv("BRIDGE_BUS_URL", f"amqps://bridge:{SECRET}@a:5671,[::1]:5671,c/vhost")
    monkeypatch.setenv(
        "BRIDGE_LEDGER_URL", f"postgresql://bridge:{SECRET}@a,b/db?target_session_attrs=primary"
    )
    assert problems() == []
    monkeypatch.setenv("BRIDGE_BUS_URL", "amqps://bridge:changeme@a:5671,b:port/vhost")
    monkeypatch.setenv("BRIDGE_BUS_REPLICAS", "3")
    monkeypatch.setenv(
        "BRIDGE_LEDGER_URL", f"postgresql://bridge:{SECRET}@a,/db?target_session_attrs=standby"
    )
    assert [problem.partition("; ")[0] for problem in problems()] == [
        "BRIDGE_LEDGER_URL: address 2 is empty",
        "BRIDGE_BUS_URL: address 2 is not host or host:port",
        "BRIDGE_BUS_REPLICAS: is of NATS, and BRIDGE_BUS_URL is not",
        "BRIDGE_LEDGER_URL: target_session_attrs must be read-write, primary, any",
        "BRIDGE_BUS_URL: is a known default, which only the sandbox may use",
    ]


def test_everything_that_is_missing_is_named_at_once(environment, monkeypatch):
    for name in environment:
        monkeypatch.delenv(f"BRIDGE_{name}")
    found = problems()
    assert all(problem.endswith(": is required") for problem in found)
    unnamed = [name for name in environment if not any(f"BRIDGE_{name}" in problem for problem in found)]
    assert unnamed == ["BUS_URL"]  # without one there is the embedded server


def test_faults_of_every_kind_are_named_at_once(environment, monkeypatch, tmp_path):
    (tmp_path / "ca.pem").write_text(" \n")
    monkeypatch.delenv("BRIDGE_PDS_KEY_ID")
    monkeypatch.delenv("BRIDGE_SPINE_KEY_FILE")
    monkeypatch.setenv("BRIDGE_PDS_KEY_FILE", str(tmp_path / "nowhere"))
    monkeypatch.setenv("BRIDGE_SDS_URL", "http://sds.example")
    monkeypatch.setenv("BRIDGE_SDS_API_KEY", "ChangeMe")
    assert sorted(problems()) == [
        "BRIDGE_PDS_KEY_FILE: cannot be read (No such file or directory)",
        "BRIDGE_PDS_KEY_ID: is required",
        "BRIDGE_SDS_API_KEY: is a known default, which only the sandbox may use",
        "BRIDGE_SDS_URL: must be https outside the sandbox",
        "BRIDGE_SPINE_CA_FILE: the file is empty",
        "BRIDGE_SPINE_CERT_FILE and BRIDGE_SPINE_KEY_FILE: set both or neither",
        "BRIDGE_SPINE_KEY_FILE: is required",
    ]


def test_malformed_values_are_named_at_once_by_their_variable(environment, monkeypatch):
    wrong = {
        "BRIDGE_BUS_CONCURRENCY": "many",
        "BRIDGE_BUS_PREFIX": "GP Connect",
        "BRIDGE_CONSUMER_SUPPLIER_ODS": "r-z-z",
        "BRIDGE_CONSUMER_ORGANISATIONS": "RZZ01,rzz02",
        "BRIDGE_RETRY_ATTEMPTS": "4",
        "BRIDGE_LOG_LEVEL": "chatty",
        "BRIDGE_HEALTH_PORT": "66000",
        "BRIDGE_REQUEST_TIMEOUT": "0",
        "BRIDGE_SPINE_CALL_TIMEOUT": "-1",
        "BRIDGE_LEDGER_URL": "mysql://host/db",
    }
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    found = problems()
    assert [name for name in wrong if not any(problem.startswith(name) for problem in found)] == []
    assert len(found) == len(wrong)


def test_a_variable_that_no_setting_has_is_named(environment, monkeypatch):
    monkeypatch.setenv("BRIDGE_SPINE_ALOWED_HOSTS", "*")
    assert [problem.partition(":")[0] for problem in problems()] == ["BRIDGE_SPINE_ALOWED_HOSTS"]


@pytest.mark.parametrize("half", ["SPINE_CERT_FILE", "SPINE_KEY_FILE"])
def test_half_set_mutual_tls_is_refused_in_the_sandbox_too(environment, monkeypatch, half):
    monkeypatch.setenv("BRIDGE_SANDBOX", "true")
    assert problems() == []
    monkeypatch.delenv(f"BRIDGE_{half}")
    assert problems() == ["BRIDGE_SPINE_CERT_FILE and BRIDGE_SPINE_KEY_FILE: set both or neither"]


@pytest.mark.parametrize("name", ["PDS_URL", "PDS_TOKEN_URL", "SDS_URL", "SSP_URL"])
def test_plain_http_is_for_the_sandbox_only(environment, monkeypatch, name):
    monkeypatch.setenv(f"BRIDGE_{name}", "http://127.0.0.1:9001/")
    assert problems() == [f"BRIDGE_{name}: must be https outside the sandbox"]
    monkeypatch.setenv("BRIDGE_SANDBOX", "true")
    assert problems() == []


@pytest.mark.parametrize("name", ["SSP_URL", "SPINE_CA_FILE"])
def test_a_call_without_the_proxy_or_its_ca_is_for_the_sandbox_only(environment, monkeypatch, name):
    monkeypatch.delenv(f"BRIDGE_{name}")
    assert problems() == [f"BRIDGE_{name}: is required"]
    monkeypatch.setenv("BRIDGE_SANDBOX", "true")
    assert problems() == []


@pytest.mark.parametrize("default", sorted(KNOWN_DEFAULTS))
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SDS_API_KEY", "{}"),
        ("PATIENT_KEY", "{}"),
        ("BUS_URL", "amqps://bridge:{}@broker.example/"),
        ("LEDGER_URL", "postgresql://bridge:{}@database.example/bridge"),
    ],
)
def test_a_secret_that_everybody_knows_is_for_the_sandbox_only(
    environment, monkeypatch, name, value, default
):
    monkeypatch.setenv(f"BRIDGE_{name}", value.format(default.upper()))
    assert problems() == [f"BRIDGE_{name}: is a known default, which only the sandbox may use"]
    monkeypatch.setenv("BRIDGE_SANDBOX", "true")
    assert problems() == []


def test_a_known_default_in_a_file_is_found_as_well(environment, monkeypatch, tmp_path):
    (tmp_path / "api.key").write_text("password\n")
    monkeypatch.delenv("BRIDGE_SDS_API_KEY")
    monkeypatch.setenv("BRIDGE_SDS_API_KEY_FILE", str(tmp_path / "api.key"))
    assert problems() == ["BRIDGE_SDS_API_KEY: is a known default, which only the sandbox may use"]


def test_updates_of_allergies_are_made_with_what_the_form_changes_keeps(environment, monkeypatch):
    monkeypatch.setenv("BRIDGE_HL7V2_ALLERGIES", "changes")
    monkeypatch.setenv("BRIDGE_RENDERINGS", "hl7v2")
    assert problems() == [
        "BRIDGE_RENDERINGS: must name changes, which BRIDGE_HL7V2_ALLERGIES=changes is made with"
    ]
    monkeypatch.setenv("BRIDGE_RENDERINGS", "hl7v2,changes")
    assert problems() == []


@pytest.mark.parametrize("secret", ["SDS_API_KEY", "PATIENT_KEY"])
def test_a_secret_may_come_as_a_file(environment, monkeypatch, tmp_path, secret):
    (tmp_path / "secret").write_text(f"{SECRET}-from-file\n")
    monkeypatch.delenv(f"BRIDGE_{secret}")
    monkeypatch.setenv(f"BRIDGE_{secret}_FILE", str(tmp_path / "secret"))
    assert problems() == []
    assert getattr(Settings.load(), secret.lower()) == f"{SECRET}-from-file"


FILES = [
    "PDS_KEY_FILE",
    "SDS_API_KEY_FILE",
    "SPINE_CA_FILE",
    "SPINE_CERT_FILE",
    "SPINE_KEY_FILE",
    "SPINE_CRL_FILE",
    "PATIENT_KEY_FILE",
]


@pytest.mark.parametrize("name", FILES)
def test_a_file_must_be_there_and_hold_something(environment, monkeypatch, tmp_path, name):
    file = tmp_path / "file"
    monkeypatch.setenv(f"BRIDGE_{name}", str(file))
    assert problems() == [f"BRIDGE_{name}: cannot be read (No such file or directory)"]
    file.write_text("\n")
    assert problems() == [f"BRIDGE_{name}: the file is empty"]
    file.write_text("content")
    assert problems() == []
    monkeypatch.setenv(f"BRIDGE_{name}", str(tmp_path))
    assert problems() == [f"BRIDGE_{name}: cannot be read (Is a directory)"]


def test_a_secret_never_stands_in_what_is_said_about_the_settings(environment, monkeypatch, tmp_path):
    monkeypatch.setenv("BRIDGE_LEDGER_URL", f"postgresql://bridge:{SECRET}@database.example/bridge")
    settings = Settings.load()
    assert SECRET not in f"{settings!r} {settings} {settings.bus!r} {settings.sds!r}"
    monkeypatch.setenv("BRIDGE_LEDGER_URL", f"mysql://bridge:{SECRET}@database.example/bridge")
    monkeypatch.setenv("BRIDGE_BUS_CONCURRENCY", SECRET)
    monkeypatch.setenv("BRIDGE_CONSUMER_ORGANISATIONS", f"RZZ01,{SECRET}")
    found = problems()
    assert len(found) == 3
    assert SECRET not in "".join(found)


def test_a_list_is_written_with_commas(environment, monkeypatch):
    monkeypatch.setenv("BRIDGE_SPINE_ALLOWED_HOSTS", "one.example, *.two.example ,,")
    settings = Settings.load()
    assert settings.spine.allowed_hosts == ("one.example", "*.two.example")
    assert settings.consumer.organisations == ("RZZ01", "RZZ02")
    monkeypatch.setenv("BRIDGE_SPINE_ALLOWED_HOSTS", " , ")
    assert problems() == ["BRIDGE_SPINE_ALLOWED_HOSTS: is required"]


def test_faults_that_parts_found_themselves_join_the_others(environment, monkeypatch):
    monkeypatch.delenv("BRIDGE_PDS_KEY_ID")
    with pytest.raises(Misconfigured) as raised:
        Settings.load().check(also=["BRIDGE_VAULT_KEYS_FILE: is no key ring"])
    assert raised.value.problems == (
        "BRIDGE_PDS_KEY_ID: is required",
        "BRIDGE_VAULT_KEYS_FILE: is no key ring",
    )


def test_nothing_is_settled_while_it_may_still_be_sent(environment, monkeypatch):
    monkeypatch.setenv("BRIDGE_RETRY_SETTLE_AFTER", "59")
    assert problems() == ["BRIDGE_RETRY_SETTLE_AFTER: must not be below BRIDGE_SPINE_CALL_TIMEOUT"]
    monkeypatch.setenv("BRIDGE_RETRY_SETTLE_AFTER", "60")
    assert problems() == []


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("BRIDGE_PDS_ULR", "BRIDGE_PDS_URL"),
        ("BRIDGE_SPIN_CA_FILE", "BRIDGE_SPINE_CA_FILE"),
        ("BRIDGE_SPINE_ALOWED_HOSTS", "BRIDGE_SPINE_ALLOWED_HOSTS"),
        ("BRIDGE_STATEDIR", "BRIDGE_STATE_DIR"),
    ],
)
def test_a_misspelt_setting_is_told_with_the_nearest_name(environment, monkeypatch, name, nearest):
    monkeypatch.setenv(name, "x")
    monkeypatch.setenv("BRIDGE_BUS_CONCURRENCY", "many")
    with pytest.raises(Misconfigured) as malformed:
        Settings.load()
    told = f"{name}: is no setting; the nearest is {nearest}"
    assert told in malformed.value.problems
    assert any(problem.startswith("BRIDGE_BUS_CONCURRENCY: ") for problem in malformed.value.problems)

    monkeypatch.delenv("BRIDGE_BUS_CONCURRENCY")
    assert told in problems()


@pytest.mark.parametrize("name", ["BRIDGE_SERVICE_HOST", "BRIDGE_PORT_8080_TCP", "BRIDGE_PASSWORD"])
def test_what_a_platform_sets_is_no_misspelt_setting(environment, monkeypatch, name):
    monkeypatch.setenv(name, "x")
    Settings.load().check()


def everything_wrong():
    """All that is told to whoever starts a worker, by the name of the variable."""
    with pytest.raises(Misconfigured) as fault:
        Settings.load(check=Settings.check)
    told = [problem.partition(": ") for problem in fault.value.problems]
    assert len({name for name, _, _ in told}) == len(told)
    return {name: rule for name, _, rule in told}


def test_a_malformed_value_is_not_called_missing_and_hides_nothing_else(environment, monkeypatch):
    monkeypatch.setenv("BRIDGE_CONSUMER_SUPPLIER_ODS", "rzz01")
    monkeypatch.setenv("BRIDGE_CONSUMER_ORGANISATIONS", "RZZ01,rzz02")
    monkeypatch.setenv("BRIDGE_PDS_URL", "http://pds.example")
    monkeypatch.setenv("BRIDGE_PDS_ULR", "https://pds.example")
    monkeypatch.delenv("BRIDGE_PDS_KEY_ID")
    told = everything_wrong()
    assert told.keys() == {
        "BRIDGE_CONSUMER_SUPPLIER_ODS",
        "BRIDGE_CONSUMER_ORGANISATIONS_1",
        "BRIDGE_PDS_URL",
        "BRIDGE_PDS_ULR",
        "BRIDGE_PDS_KEY_ID",
    }
    assert told["BRIDGE_PDS_URL"] == "must be https outside the sandbox"
    assert told["BRIDGE_PDS_KEY_ID"] == "is required"


def test_a_sandbox_that_is_neither_on_nor_off_leaves_what_is_missing_in_any_case(environment, monkeypatch):
    monkeypatch.setenv("BRIDGE_SANDBOX", "perhaps")
    monkeypatch.delenv("BRIDGE_SSP_URL")
    monkeypatch.delenv("BRIDGE_PDS_URL")
    assert everything_wrong().keys() == {"BRIDGE_SANDBOX", "BRIDGE_PDS_URL"}


def test_a_group_as_one_object_is_taken_or_told(environment, monkeypatch):
    monkeypatch.setenv("BRIDGE_BUS", '{"concurrency": 7}')
    assert Settings.load(check=Settings.check).bus.concurrency == 7
    monkeypatch.setenv("BRIDGE_BUS", '{"concurrency": "many"}')
    monkeypatch.setenv("BRIDGE_LOG", "debug")
    monkeypatch.delenv("BRIDGE_PDS_URL")
    told = everything_wrong()
    assert told.keys() == {"BRIDGE_BUS_CONCURRENCY", "BRIDGE_LOG", "BRIDGE_PDS_URL"}
    assert told["BRIDGE_LOG"] == "is no JSON object; its settings are BRIDGE_LOG_…"


def test_the_variable_of_one_setting_wins_over_the_object_of_its_group(environment, monkeypatch):
    monkeypatch.setenv("BRIDGE_BUS", '{"concurrency": 7, "prefix": "of-the-object"}')
    monkeypatch.setenv("BRIDGE_BUS_CONCURRENCY", "9")
    bus = Settings.load(check=Settings.check).bus
    assert (bus.concurrency, bus.prefix) == (9, "of-the-object")


def test_names_of_variables_may_be_written_small(environment, monkeypatch):
    monkeypatch.setenv("bridge_bus_concurrency", "9")
    assert Settings.load(check=Settings.check).bus.concurrency == 9


@pytest.mark.parametrize("given", ["[1]", "7", "null", "{", ""])
def test_a_group_that_is_no_object_is_told(environment, monkeypatch, given):
    monkeypatch.setenv("BRIDGE_BUS", given)
    assert everything_wrong() == {"BRIDGE_BUS": "is no JSON object; its settings are BRIDGE_BUS_…"}


def test_a_group_in_which_nothing_is_set_is_what_validation_would_make_of_it():
    groups = [each for _, each in Settings() if isinstance(each, BaseModel)]
    assert len(groups) > 20
    for group in groups:
        validated = type(group).model_validate({})
        assert repr(group) == repr(validated)
        assert group == validated
