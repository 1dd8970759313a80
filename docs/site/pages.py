"""Copy the documentation to build/site-pages, as the site needs it: `python docs/site/pages.py`, part of `make docs`.

The README becomes the start page, and the changelog a page. A notebook becomes a page with the outputs that it stores.
A link to a file that is no page of the site becomes the name of that file, since the site has no source code.
"""

import base64
import json
import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "build" / "site-pages"
CONFIG = ROOT / "build" / "mkdocs.yml"
WORKER = ROOT / "docs" / "site" / "iframe-worker.js"
"""Lets the search work in pages that are opened from a folder, where browsers start no worker."""
MOVED = {"README.md": "index.md", "CHANGELOG.md": "changelog.md"}
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]+)(#[^)]*)?\)")


def place_in_site(path: Path) -> Path | None:
    """Return where a file of the project is in the site, relative to its root; None if it is not there."""
    name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else ""
    if name in MOVED:
        return Path(MOVED[name])
    if path.suffix == ".ipynb":
        return path.relative_to(ROOT / "docs").with_suffix(".md")
    is_page = name.startswith("docs/") and not name.startswith("docs/site/") and path.is_file()
    return path.relative_to(ROOT / "docs") if is_page else None


def with_links_of_site(text: str, source: Path) -> str:
    """Return the text of a page with its links as they are in the site."""
    to_root = "" if source.parent == ROOT else "../" * len(source.relative_to(ROOT / "docs").parts[1:])

    def link(found: re.Match[str]) -> str:
        mark, words, target, heading = found[1], found[2], found[3], found[4] or ""
        if "://" in target or target.startswith("mailto:"):
            return found[0]
        path = (source.parent / target).resolve()
        there = place_in_site(path)
        if there is None:
            named = words.strip("`") in {path.name, target}
            return f"`{path.name}`" if named else f"{words} (`{path.relative_to(ROOT).as_posix()}`)"
        return f"{mark}[{words}]({to_root}{there.as_posix()}{heading})"

    return _LINK.sub(link, text)


def for_python_markdown(text: str) -> str:
    """Return the text of a page as Python-Markdown needs it.

    It wants four spaces before what belongs to an item of a numbered list, where CommonMark takes three, and one word
    after the marks of a code block.
    """
    lines, in_list = [], False
    for line in text.replace("```yaml manifest\n", "```yaml\n").split("\n"):
        is_item = re.match(r"\d+\. ", line) is not None
        in_list = is_item or (in_list and (not line or line.startswith("   ")))
        lines.append(f" {line}" if in_list and line and not is_item else line)
    return "\n".join(lines)


def page_of(path: Path) -> tuple[str, dict[str, bytes]]:
    """Return the text of a page of the site, and the pictures that it shows, by their names beside the page."""
    text = path.read_text("utf-8")
    return _page_of_notebook(text, path) if path.suffix == ".ipynb" else (with_links_of_site(text, path), {})


def _page_of_notebook(text: str, path: Path) -> tuple[str, dict[str, bytes]]:
    parts: list[str] = []
    pictures: dict[str, bytes] = {}
    for cell in json.loads(text)["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(with_links_of_site(source, path))
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            if "text" in output:
                parts.append(f"```text\n{''.join(output['text']).rstrip()}\n```")
            elif "image/jpeg" in output.get("data", {}):
                name = f"{path.stem}-{len(pictures) + 1}.jpg"
                pictures[name] = base64.b64decode(output["data"]["image/jpeg"])
                parts.append(f"![The output of the code above]({name})")
    return "\n\n".join(parts) + "\n", pictures


def main() -> None:
    """Write the pages, their pictures, and the configuration with the list of decisions."""
    shutil.rmtree(PAGES, ignore_errors=True)
    for path in [*sorted((ROOT / "docs").rglob("*")), *(ROOT / name for name in MOVED)]:
        there = place_in_site(path) if path.is_file() else None
        if there is None:
            continue
        (PAGES / there).parent.mkdir(parents=True, exist_ok=True)
        if there.suffix == ".md":
            text, pictures = page_of(path)
            (PAGES / there).write_text(for_python_markdown(text), "utf-8")
            for name, picture in pictures.items():
                (PAGES / there).with_name(name).write_bytes(picture)
        else:
            shutil.copyfile(path, PAGES / there)
    shutil.copyfile(WORKER, PAGES / WORKER.name)
    decisions = [f"decisions/{path.name}" for path in sorted((ROOT / "docs" / "decisions").glob("*.md"))]
    config = (ROOT / "docs" / "site" / "mkdocs.yml").read_text("utf-8")
    config = config.replace("DECISIONS", f"[{', '.join(decisions)}]").replace("../../build/", "")
    CONFIG.write_text(config, "utf-8")


if __name__ == "__main__":
    main()
