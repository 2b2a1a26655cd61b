"""From a folder of clips to a style's clip set: found, moved, heard, judged window by window, and shown on a page."""
