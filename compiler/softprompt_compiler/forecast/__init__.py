"""What can be said of a run before a GPU is booked: steps, tokens, memory, traffic, time.

rows      the lengths of the rows that are trained on, from the data or from the limit
batches   batches, steps and tokens
ranks     memory of each rank, and whether it fits a GPU
traffic   what ranks send each other in a step
duration  how long a step and the run take, by stated assumptions
forecast  all of it
"""
