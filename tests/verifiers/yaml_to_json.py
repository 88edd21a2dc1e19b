"""Reads YAML as Prometheus and everybody else does, and answers JSON: python yaml_to_json.py < YAML"""

import json
import sys

import yaml

json.dump(yaml.safe_load(sys.stdin), sys.stdout)
