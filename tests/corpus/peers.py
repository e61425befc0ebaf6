#!/usr/bin/env python3
"""Runs a real rspamd (rules as shipped, one worker, cut off from the network) over the
labelled mail, and sets its figures beside those of the model, each message of which was
held back.

    peers.py CORPUS REPORT.json

REPORT.json is what `unhook model evaluate --out` writes. Recall of malicious mail at
99.5 % specificity, against fine mail (ham and bulk) and against all the rest.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

# Modules that ask the network; without it they would only wait.
ASKING = (
    "rbl surbl dkim dkim_signing arc dmarc spf asn fuzzy_check mx_check "
    "url_redirector phishing p0f hfilter"
).split()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(folder):
    port = free_port()
    over = os.path.join(folder, "override.d")
    os.makedirs(over)
    texts = {
        "worker-normal.inc": f'bind_socket = "127.0.0.1:{port}"; count = 1;',
        "options.inc": 'dns { nameserver = ["127.0.0.1:1:1"]; timeout = 0.01s; retransmits = 1; }',
        "logging.inc": 'type = "console"; level = "error";',
    }
    for worker in ("controller", "proxy", "fuzzy"):
        texts[f"worker-{worker}.inc"] = "enabled = false;"
    for module in ASKING:
        texts[f"{module}.conf"] = "enabled = false;"
    for name, text in texts.items():
        with open(os.path.join(over, name), "w", encoding="ascii") as file:
            file.write(text)
    os.chmod(folder, 0o777)
    variables = [
        f"--var={name}={folder}" for name in ("LOCAL_CONFDIR", "DBDIR", "RUNDIR", "LOGDIR")
    ]
    process = subprocess.Popen(
        ["rspamd", "-f", "-i", "-c", "/etc/rspamd/rspamd.conf", *variables],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 90
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return process, port
        except OSError:
            if process.poll() is not None:
                sys.exit("rspamd ended before it listened")
            if time.monotonic() > end:
                sys.exit("rspamd did not listen within 90 s")
            time.sleep(0.2)


def score(port, raw):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/checkv2", data=raw)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer).get("score", 0.0)


def recall(malicious, others):
    """The share of malicious mail above the threshold that 0.5 % of the others pass."""
    ranked = sorted(others, reverse=True)
    threshold = ranked[int(len(ranked) * 0.005)]
    return sum(one > threshold for one in malicious) / len(malicious)


def main():
    corpus, report = sys.argv[1:3]
    with open(os.path.join(corpus, "manifest.tsv"), encoding="utf-8") as file:
        columns = file.readline().rstrip("\n").split("\t")
        rows = [dict(zip(columns, line.rstrip("\n").split("\t"))) for line in file]
    scores = {"phishing": [], "spam": [], "bulk": [], "ham": []}
    with tempfile.TemporaryDirectory() as folder:
        process, port = start(folder)
        try:
            for row in rows:
                with open(os.path.join(corpus, row["file"]), "rb") as file:
                    scores[row["label"]].append(score(port, file.read()))
        finally:
            process.terminate()
            process.wait(30)
    fine = scores["ham"] + scores["bulk"]
    with open(report, encoding="utf-8") as file:
        own = json.load(file)
    print(f"{len(rows)} messages; malicious recall at 99.5 % specificity")
    print(f"{'':<44}{'against fine':>14}{'against rest':>14}")
    print(
        f"{'rspamd, rules as shipped, no network':<44}"
        f"{recall(scores['phishing'], fine):>14.3f}"
        f"{recall(scores['phishing'], fine + scores['spam']):>14.3f}"
    )
    print(
        f"{'the model, every message held back':<44}"
        f"{own['recall_against_fine']['value']:>14.3f}"
        f"{own['recall_against_rest']['value']:>14.3f}"
    )


if __name__ == "__main__":
    main()
