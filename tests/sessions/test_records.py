"""What replicas tell each other of a session."""

import json

from gateway.access.grants import Grant, Rights
from gateway.sessions.records import Passed, SessionRecord

GRANT = Grant(
    "s1", "lab/desk", "ana", 1_800_000_000, Rights(control=False, takeover=False), reference="CHG-17", id="t1"
)
RECORD = SessionRecord(
    GRANT,
    source="10.0.0.7",
    replica="blue",
    state="open",
    started_at=1_799_990_000.25,
    upstream="tcp://10.0.0.5:5901",
    splices=2,
    passed=Passed(10_000, 400, 30, 20),
    per_second=Passed(166.7, 6.7, 0.5, 0.3),
    last_input_at=1_799_990_100.5,
)


def test_a_record_is_the_same_after_it_was_written_down():
    assert SessionRecord.from_json(RECORD.to_json()) == RECORD


def test_a_record_is_called_as_its_session():
    assert RECORD.id == "s1"


def test_what_another_version_wrote_is_no_record():
    fields = json.loads(RECORD.to_json())
    grant = fields.pop("grant")
    assert SessionRecord.from_json(json.dumps(fields)) is None
    assert SessionRecord.from_json(json.dumps({**fields, "grant": grant, "colour": "red"})) is None
    assert SessionRecord.from_json("[]") is None
    assert SessionRecord.from_json("no JSON") is None
