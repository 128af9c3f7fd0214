"""The files in config/: each loads, the full one has every key with its default, the schema is current."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from gateway.config import schema
from gateway.config.block import Block, secret_fields
from gateway.config.credentials import EcsMetadataCredential, EnvCredential, StaticCredential, StsCredential
from gateway.config.load import build, load
from gateway.config.providers import AlibabaSettings, HttpSettings, HuaweiSettings, StaticConsole, StaticSettings
from gateway.config.settings import Settings

EXAMPLES = Path(__file__).parents[2] / "config"
FULL = EXAMPLES / "gateway.toml"
BLOCKS = ("listen", "admin", "state", "keepalive", "reconnect", "limits", "log")


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.name)
def test_an_example_loads(path: Path, tmp_path: Path):
    text = path.read_text()
    for name, content in {"secrets/seal": "5" * 64, "secrets/state": "redis://redis.internal:6379/0"}.items():
        file = tmp_path / Path(name).name
        file.write_text(content)
        text = re.sub(f'^([a-z_]+ = )"{name}"', rf'\1"{file}"', text, flags=re.MULTILINE)
    assert build(tomllib.loads(text), {}).providers


def test_the_full_example_shows_the_defaults():
    assert load(FULL, {}).model_dump(include=set(BLOCKS)) == build({"access": {"mode": "open"}}, {}).model_dump(
        include=set(BLOCKS)
    )


def _models() -> list[type[Block]]:
    blocks = [field.annotation for name, field in Settings.model_fields.items() if name in (*BLOCKS, "access")]
    return [
        *blocks,
        *(AlibabaSettings, HuaweiSettings, HttpSettings, StaticSettings, StaticConsole),
        *(EnvCredential, StaticCredential, StsCredential, EcsMetadataCredential),
    ]


def test_the_full_example_names_every_key():
    text = FULL.read_text()
    named = set(re.findall(r"(\w+) = ", text)) | set(re.findall(r"\[(?:\w+\.)*(\w+)\]", text))
    for model in _models():
        for key in model.model_fields:
            assert key in named or (key in secret_fields(model) and key + "_file" in named), (model, key)


def test_the_full_example_loads_with_its_commented_keys(tmp_path: Path):
    """What stands behind a single "#" is valid, too, once the files that it names are there."""
    text = re.sub(r"^# (?=[\[a-z_]+\S*( = |\]))", "", FULL.read_text(), flags=re.MULTILINE)
    assert "[providers.broker]" in text
    for name in re.findall(r'"((?:secrets|tls)/\w+(?:\.pem)?)"', text):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("a-secret-that-is-long-enough-for-all")
        text = text.replace(f'"{name}"', f'"{path}"')
    tree = tomllib.loads(text)
    del tree["listen"]["tls"], tree["admin"]["tls"]  # needs a real pair: test_tls.py
    settings = build(tree, {})
    assert {provider.type for provider in settings.providers.values()} == {"alibaba", "huawei", "static", "http"}
    assert len(settings.credentials) == 4


def test_the_schema_is_current():
    assert (EXAMPLES / "schema.json").read_text() == schema.text(), "make it anew: python -m gateway.config.schema"


def test_the_schema_knows_secret_files():
    definitions = json.loads(schema.text())["$defs"]
    assert "bearer_file" in definitions["HttpSettings"]["properties"]
    assert "secret_key" not in definitions["StaticCredential"]["required"]
