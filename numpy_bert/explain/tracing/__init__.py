"""Every intermediate and gradient of one pass: recorded, saved, compared and shown on a page."""
