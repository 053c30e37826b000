"""`spec.lock`: what a spec stands for today, and whether that is still so tomorrow."""
