#!/usr/bin/env python3
"""Hostile mail and files, one at a time, through `unhook analyze --json`: what each
costs in processor time and memory, the processes for its files included.

    tests/corpus/bounds.py target/release/unhook ../shared/corpora/hostile ../shared/vectors/bombs

Files that are no mail are attached to one. Fails when an input takes more than two
seconds of processor time or 256 MiB, gives no answer, or is not told of as it should.
"""
import base64
import json
import os
import subprocess
import sys
import tempfile

SECONDS, MIB = 2.0, 256
# The files of one message have two seconds of their own, their process may be
# granted one more by the kernel, and there are two processes.
MAIL = (".eml",)
SKIP = (".tsv", ".json", ".txt", ".md", ".bin")

# What has to be said about an input: a word of the answer, by the start of its name.
SAID = {
    "008": "too_deep",
    "009": "too_deep",
    "010": "too_many_parts",
    "020": "url",
    "030": "",
    "088": "stops",
    "089": "stops",
    "093": "stops",
    "094": "path_traversal",
    "096": "encrypted",
    "098": "path_traversal",
    "105": "double_extension",
    "108": "entity_expansion",
    "109": "external_entity",
    "110": "external_template",
    "113": "polyglot",
    "114": "polyglot",
    "116": "qr_code",
    "117": "test_virus",
    "118": "html_smuggling",
    "119": "shortcut",
    "130": "xn--",
    "zip-100m": "member",
    "zip-nested": "produced",
    "zip-5k": "members",
    "zip-size-lie": "member",
    "gz-twice": "member",
    "xz-400m": "member",
    "png-30000x30000": "pixels",
    "svg-billion": "entity_expansion",
    "pdf-flate3": "member",
}


def attached(path):
    """A mail that carries a file."""
    with open(path, "rb") as file:
        coded = base64.encodebytes(file.read()).decode()
    return (
        "From: a@b.example\r\nSubject: file\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nsee the file\r\n--x\r\n"
        "Content-Type: application/octet-stream\r\n"
        f'Content-Disposition: attachment; filename="{os.path.basename(path)}"\r\n'
        f"Content-Transfer-Encoding: base64\r\n\r\n{coded}\r\n--x--\r\n"
    ).encode()


def run(binary, path):
    """Answer, seconds of processor time, MiB at the peak of one process."""
    with tempfile.TemporaryFile() as out:
        child = subprocess.Popen([binary, "analyze", "--json", path], stdout=out, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read().decode()
    return child.returncode, text, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    binary, folders = sys.argv[1], sys.argv[2:]
    paths = sorted(
        os.path.join(folder, name)
        for folder in folders
        for name in os.listdir(folder)
        if not name.endswith(SKIP)
    )
    wrong, worst = [], []
    with tempfile.TemporaryDirectory() as scratch:
        for path in paths:
            name, mail = os.path.basename(path), path
            if not name.endswith(MAIL):
                mail = os.path.join(scratch, "mail.eml")
                with open(mail, "wb") as file:
                    file.write(attached(path))
            code, text, seconds, mib = run(binary, mail)
            worst.append((seconds, mib, name))
            try:
                line = json.loads(text)
            except ValueError:
                wrong.append(f"{name}: no answer, exit code {code}")
                continue
            if seconds > SECONDS:
                wrong.append(f"{name}: {seconds:.2f} s of processor time")
            if mib > MIB:
                wrong.append(f"{name}: {mib:.0f} MiB")
            if line["error"] or line["sha256"] is None:
                wrong.append(f"{name}: {line['error']}")
            for start, word in SAID.items():
                if name.startswith(start) and word not in text:
                    wrong.append(f"{name}: nothing is said of {word}")
    print(f"{len(paths)} inputs, each within {SECONDS:.0f} s and {MIB} MiB: {'no' if wrong else 'yes'}")
    for what, key in (("slowest", 0), ("largest", 1)):
        for seconds, mib, name in sorted(worst, key=lambda w: -w[key])[:3]:
            print(f"  {what}: {seconds:5.2f} s {mib:6.1f} MiB  {name}")
    for line in wrong:
        print(f"  WRONG {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
