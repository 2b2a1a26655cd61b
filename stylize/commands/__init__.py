"""One file a command: HELP (one line), EXAMPLE (one or more lines), add_arguments(parser), run(arguments) -> exit code.

Modules here import nothing heavy at their top, so that `vimo --help` answers at once.
"""
