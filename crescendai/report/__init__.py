"""One self-contained HTML page about a run: `build_page` in `crescendai.report.page` makes it."""
