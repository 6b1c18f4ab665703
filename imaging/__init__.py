"""From pairs of X-ray tomograms to lithium volume fraction, thickness and islands."""
