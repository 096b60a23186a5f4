"""Writes the tables of the reference from the code, so that neither can say something the other does not.

    python docs/generate.py            # write, and .env.example with them
    python docs/generate.py --check    # exit with 1 if a page is out of date, and name it

A page holds `<!-- generated: NAME -->` and `<!-- end generated -->`, and what stands between them is ours. A name that
no table has, or a table that no page shows, is an error: a reference with a hole in it is worse than none.
"""  # noqa: INP001  (a script beside the pages it writes)

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

from example_file import example_file
from markup import ROOT
from tables import TABLES

REFERENCE = ROOT / "docs" / "reference"
EXAMPLE_FILE = ROOT / ".env.example"

MARKED = re.compile(r"(<!-- generated: (?P<name>[a-z_ -]+) -->\n).*?(<!-- end generated -->)", re.DOTALL)


def renew(text: str) -> str:
    """Return a page with its tables written anew."""
    return MARKED.sub(lambda found: f"{found[1]}\n{TABLES[found['name']]()}\n{found[3]}", text)


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or with --check say which are out of date."""
    pages = {path: path.read_text(encoding="utf-8") for path in sorted(REFERENCE.glob("*.md"))}
    shown = [found["name"] for text in pages.values() for found in MARKED.finditer(text)]
    if sorted(shown) != sorted(TABLES):
        sys.stderr.write(f"Tables and markers differ: {sorted({*shown} ^ {*TABLES})}\n")
        return 1
    fresh = {path: renew(text) for path, text in pages.items()} | {EXAMPLE_FILE: example_file()}
    stale = {path: text for path, text in fresh.items() if not path.is_file() or path.read_text() != text}
    for path, text in stale.items():
        if "--check" in arguments:
            sys.stderr.write(f"{path.name} is out of date; run: python docs/generate.py\n")
        else:
            path.write_text(text, encoding="utf-8")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
