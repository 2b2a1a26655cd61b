"""Real video in: decoding, shot cuts, keypoint files, pose estimators, one person followed through the shots."""
