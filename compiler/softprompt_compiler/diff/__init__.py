"""What two compiled specs differ in, and what that means for a run that has begun."""
