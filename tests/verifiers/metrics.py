"""Reads metrics as Prometheus's own library for Python does: python metrics.py < TEXT

Answers one JSON: for each metric its name, type, help, and samples as [name, labels, value].
"""

import json
import sys

from prometheus_client.parser import text_string_to_metric_families

families = text_string_to_metric_families(sys.stdin.read())
print(
    json.dumps(
        [
            {
                "name": family.name,
                "type": family.type,
                "help": family.documentation,
                "samples": [[sample.name, sample.labels, sample.value] for sample in family.samples],
            }
            for family in families
        ]
    )
)
