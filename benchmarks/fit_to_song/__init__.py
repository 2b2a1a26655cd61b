"""Does a dance fit its own song? A trained backbone measured against the same dances under other songs."""
