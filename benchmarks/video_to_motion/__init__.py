"""The choices of ViMo's training report, each tried at small scale with several seeds."""
