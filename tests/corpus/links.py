#!/usr/bin/env python3
"""An independent reader of the links in mail, to check Unhook's own against.

Plain Python 3 without any package. For each file named on the command line one
JSON line is written: {"file": ..., "urls": [...]}. It reads href, src, action and
background attributes and links with a scheme in text, in every text/html and
text/plain part and in messages inside messages.
"""

import email
import email.message
import email.policy
import html
import html.parser
import json
import re
import sys

# what ends a link in running text
WRITTEN = re.compile(r"\bhttps?://[^\s<>\"'|`\\^{}\x00-\x20\u00a0\u3000]+", re.I)
ATTRIBUTES = {"href", "src", "action", "formaction", "background", "poster", "data"}


class Page(html.parser.HTMLParser):
    """Collects the targets of attributes and the text between tags."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.targets = []
        self.text = []
        self.machine = 0

    def handle_starttag(self, tag, attrs):
        if tag in ("script", "style"):
            self.machine += 1
        for name, value in attrs:
            if name in ATTRIBUTES and value:
                self.targets.append(value)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if tag in ("script", "style") and self.machine:
            self.machine -= 1

    def handle_data(self, data):
        if not self.machine:
            self.text.append(data)


def written(text):
    """Links in running text, without the punctuation that ends a sentence."""
    for found in WRITTEN.findall(text):
        while found and found[-1] in ".,;:!?*~…”’»":
            found = found[:-1]
        for opening, closing in ("()", "[]"):
            while found.endswith(closing) and found.count(closing) > found.count(opening):
                found = found[:-1].rstrip(".,;:!?")
        # a host at least
        if re.match(r"https?://[^/?#\s@]*[\w]", found, re.I):
            yield found


def decoded(part):
    """The text of a part, whatever its character set claims."""
    payload = part.get_payload(decode=True)
    if payload is None:
        return ""
    try:
        return payload.decode(part.get_content_charset() or "utf-8", "replace")
    except (LookupError, UnicodeError, ValueError):
        return payload.decode("utf-8", "replace")


def urls(message):
    """The links of a message and of those inside it."""
    found = []
    for part in message.walk():
        kind = part.get_content_type()
        if kind == "text/plain":
            found.extend(written(decoded(part)))
        elif kind == "text/html":
            page = Page()
            try:
                page.feed(decoded(part))
                page.close()
            except (AssertionError, ValueError):
                pass
            for target in page.targets:
                target = re.sub(r"[\t\r\n]", "", target).strip()
                if re.match(r"https?://", target, re.I):
                    found.append(target)
            found.extend(written(" ".join(page.text)))
    return found


def main():
    for name in sys.argv[1:]:
        with open(name, "rb") as file:
            message = email.message_from_binary_file(file, policy=email.policy.compat32)
        seen = list(dict.fromkeys(urls(message)))
        print(json.dumps({"file": name, "urls": seen}))


if __name__ == "__main__":
    main()
