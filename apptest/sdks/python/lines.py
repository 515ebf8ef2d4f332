"""Reads calls in lines of JSON and tells in lines of JSON what came of each."""
import json
import sys


def answer(run):
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)
