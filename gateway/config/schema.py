"""The JSON Schema of the configuration file, for editors: `python -m gateway.config.schema > config/schema.json`."""

import json
import sys

from gateway.config.settings import Settings


def text() -> str:
    """Give the schema as it is kept in config/schema.json."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Settings.model_json_schema()}
    for table in schema["properties"].values():
        table.pop("default", None)  # each of its keys has its own
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
