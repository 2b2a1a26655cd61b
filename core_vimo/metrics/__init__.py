"""How good a dance is: the field's metrics as published, mended companions beside them, and the report.

Where public code departs from its own definition both are offered: the plain name behaves as the public code
does, a suffix (`_fixed`, `_abs`) names the mended one.
"""
