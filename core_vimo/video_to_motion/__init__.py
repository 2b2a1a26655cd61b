"""Videos become motions: a person's 2D poses, from any number of views, to plausible 3D motions."""
