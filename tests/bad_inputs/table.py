"""The table of all bad inputs that ran, at the end of the tests' output; also with workers."""

PROPERTY = "bad input"
COLUMNS = ("group", "input", "exit", "s", "MB")


def pytest_terminal_summary(terminalreporter):
    """Print the table, if there is anything to put into it."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    rows = sorted(value for report in reports for name, value in report.user_properties if name == PROPERTY)
    if not rows:
        return
    terminalreporter.section(f"{len(rows)} bad inputs")
    for group, name, code, seconds, megabytes in [COLUMNS, *rows]:
        terminalreporter.write_line(f"{group:<14} {name:<76} {code!s:>4} {seconds:>6} {megabytes:>5}")
