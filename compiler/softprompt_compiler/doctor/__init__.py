"""`spec doctor`: whether this machine can do what a spec asks of it."""
