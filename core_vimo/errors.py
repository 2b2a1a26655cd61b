"""What can be wrong with what a person hands in. Each message is one sentence: the file, what is wrong, what to do."""


class InputError(Exception):
    """Bad input; the command line prints the message alone and exits with 2."""


class MediaError(InputError):
    """A sound or video file that cannot be used."""


class MissingExtraError(InputError):
    """An optional package is not installed; the message names the extra that brings it."""
