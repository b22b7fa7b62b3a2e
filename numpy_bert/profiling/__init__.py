"""What each block costs: operations counted, time measured, both beside the limits of the machine."""
