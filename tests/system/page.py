#!/usr/bin/env python3
"""Checks a report: every element is closed where it was opened, ids are unique, links lead to them, and nothing is
loaded or run from anywhere. Says its figures: those that are drawn, and those that say why they are not.

  page.py FILE.html
"""
import html.parser
import re
import sys

VOID = {"meta", "br", "hr", "img", "link", "input"}


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.faults = [], [], [], []
        self.figure, self.drawn, self.told, self.text = None, [], [], {}

    def fault(self, text):
        self.faults.append(f"line {self.getpos()[0]}: {text}")

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("script", "link", "img", "iframe", "object", "embed", "base", "image", "foreignobject"):
            self.fault(f"an element <{tag}>")
        for name, value in attributes:
            value = value or ""
            if name == "id":
                self.ids.append(value)
            if name in ("href", "xlink:href"):
                self.links.append(value)
            if name.startswith("on") or name in ("src", "srcset", "action", "data"):
                self.fault(f"an attribute {name}")
            if re.search(r"(https?:)?//", value) or re.search(r"url\((?!#)", value):
                self.fault(f"{name} names {value[:60]}")
            if name in ("d", "transform") and "nan" in value.lower():
                self.fault("a place that is no number")
        if tag == "figure":
            self.figure = dict(attributes)["id"]
            self.text[self.figure] = ""
        elif tag == "svg":
            self.drawn.append(self.figure)
        elif tag == "p" and ("class", "trouble") in attributes and self.figure:
            self.told.append(self.figure)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.fault(f"</{tag}> closes another element")
        if tag == "figure":
            self.figure = None

    def handle_data(self, data):
        if self.open and self.open[-1] == "style" and re.search(r"@import|url\(|//", data):
            self.fault("the style names another file")
        if self.figure:
            self.text[self.figure] += data


def main():
    text = open(sys.argv[1], encoding="utf-8").read()
    page = Page()
    page.feed(text)
    page.close()
    page.faults += [f"<{tag}> is never closed" for tag in page.open]
    page.faults += [f"id {name} is there twice" for name in set(page.ids) if page.ids.count(name) > 1]
    page.faults += [f"a link to {link}" for link in page.links if link[:1] != "#" or link[1:] not in page.ids]
    if not text.startswith("<!DOCTYPE html>"):
        page.faults.append("no document type")
    print("drawn:", *sorted(page.drawn))
    print("told:", *sorted(set(page.told)))
    for fault in page.faults:
        print("fault:", fault)
    sys.exit(bool(page.faults))


if __name__ == "__main__":
    main()
