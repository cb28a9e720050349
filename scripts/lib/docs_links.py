"""Checks a built site: every link leads somewhere, and nothing is loaded from elsewhere; and the links of the repository's own
documents to its files. See scripts/docs --help."""

import html.parser
import pathlib
import re
import sys
import urllib.parse

LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "object": "data"}


class Page(html.parser.HTMLParser):
    """What a page links to, loads, and can be linked at."""

    def __init__(self, text):
        super().__init__()
        self.links, self.loads, self.names, self.twice = [], [], set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if "id" in attributes:
            (self.twice if attributes["id"] in self.names else self.names).add(attributes["id"])
        if tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])
        if tag in LOADED and attributes.get(LOADED[tag]):
            self.loads.append(attributes[LOADED[tag]])


def main():
    site = pathlib.Path(sys.argv[1]).resolve()
    pages = {path: Page(path.read_text()) for path in sorted(site.rglob("*.html"))}
    problems = []
    for path, page in pages.items():
        here = path.relative_to(site)
        problems += [f"{here}: two things are called #{name}" for name in sorted(page.twice)]
        for address in page.loads:
            if urllib.parse.urlsplit(address).scheme not in ("", "data"):
                problems.append(f"{here}: loads {address}")
        if here.name == "404.html":  # Shown for any address: its links are relative to the site's root.
            continue
        for address in page.links + page.loads:
            parts = urllib.parse.urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_relative_to(site) or not target.is_file():
                problems.append(f"{here}: {address} leads nowhere")
            elif parts.fragment and target in pages and urllib.parse.unquote(parts.fragment) not in pages[target].names:
                problems.append(f"{here}: there is no {address}")
    for document in [*pathlib.Path().glob("*.md"), *pathlib.Path("examples").rglob("*.md")]:
        for address in re.findall(r"\]\(([^)#\s]+)", document.read_text()):
            if not urllib.parse.urlsplit(address).scheme and not (document.parent / address).exists() and address != "docs/assurance.md":
                problems.append(f"{document}: {address} leads nowhere")
    for problem in dict.fromkeys(problems):
        print(f"FAILED: {problem}", file=sys.stderr)
    print(f"{len(pages)} pages, {sum(len(page.links) for page in pages.values())} links")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
