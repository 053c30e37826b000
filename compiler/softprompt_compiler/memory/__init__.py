"""How much memory a training takes on each rank, from the numbers of its model and its plan alone.

model_shape  a config's numbers, with each family's defaults
weights      the frozen model, tensor by tensor, by pipeline stage and tensor-parallel shard
learner      what trains, its gradients and its optimizer's state
batch        the micro-batch that is reckoned with, as the runtime lays it out
activations  what a training step holds at its peak
"""
