"""Wrong backwards, one file each: all but the last lines of a file are what a learner sees."""
