"""Correct gradients in the shapes that people write them in, by families: no false alarms here."""

from .losses import constant, cosine, deviation, huber, lasso, leaf, logistic, stopped
from .networks import characters, classifier, into_buffers
from .normalization import group_norm, normalization
from .single import single_buffers, single_inside
from .tensors import Problem

FAMILIES: dict[str, Problem] = {
    "batch norm": normalization(0),
    "layer norm": normalization(1),
    "batch norm in torch": normalization(0, torch_too=True),
    "layer norm in torch": normalization(1, torch_too=True),
    "group norm": group_norm,
    "lasso": lasso,
    "huber": huber,
    "cosine similarity": cosine,
    "standard deviation": deviation,
    "detach": stopped,
    "characters, one function": characters,
    "classifier, one function": classifier,
    "written into zeros": into_buffers,
    "float32 inside": single_inside("all"),
    "float32 in the loss": single_inside("loss"),
    "float32 in the gradient": single_inside("gradient"),
    "float32 in torch": single_inside("torch"),
    "float32 buffers": single_buffers,
    "logistic": logistic,
    "constant": constant,
    "leaf of a graph": leaf,
}
