"""compose.py FILE: reads it by the Compose specification, strictly (an unknown key is a mistake), looks whether the
networks, volumes and secrets that services name exist, and prints all of it as JSON."""

import sys

from compose_spec import PyCompose

with open(sys.argv[1], encoding="utf-8") as file:
    read = PyCompose.from_yaml(file.read())
read.validate()
read.to_spec()
print(read.to_json())
