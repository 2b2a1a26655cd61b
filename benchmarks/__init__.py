"""How fast the suite is, beside a plain implementation of the reference's way, on the machine at hand."""
