"""The registry of engines: name, class and what each computes."""

from dataclasses import dataclass

from ..problems.training_oracle import FINAL, INSIDE, OUTSIDE, RUNNING, Rule

BOTH = ("float64", "float32")


@dataclass(frozen=True)
class Engine:
    """An engine; `subject` names its class as "module:class" and is imported in its worker only.

    `precision` is that of its arithmetic where it isn't the problem's dtype.
    """

    name: str
    subject: str
    description: str
    rule: Rule | None = None
    dtypes: tuple[str, ...] = BOTH
    precision: str = ""


def _training(name: str, subject: str, description: str, rule: Rule, *dtypes: str) -> Engine:
    return Engine(name, f"benchmarks.engines.{subject}", description, rule, dtypes or BOTH)


OURS = Rule(RUNNING, INSIDE)
OPTIM = Rule(FINAL, OUTSIDE)
OTHERS = Rule(FINAL, INSIDE)

TRAINING = (
    _training("numpy-loop", "numpy_training:Loop", "NumPy as commonly written", OURS),
    _training("reference", "numpy_training:Reference", "reference.Training", OURS, "float64"),
    _training("twin", "torch_training:Twin", "torch_impl.Training", OURS),
    _training("fast", "torch_training:Fast", "torch_impl.fast.Training", OURS),
    _training("elman", "module_training:Elman", "ElmanRNN, autograd, torch.optim", OPTIM),
    _training("nn.RNN", "module_training:Module", "nn.RNN, autograd, torch.optim", OPTIM),
    _training("nn.RNN-compiled", "module_training:Compiled", "nn.RNN under torch.compile", OPTIM),
    _training("jax-step", "jax_training:Step", "JAX, an iteration compiled", OTHERS),
    _training("jax-loop", "jax_training:WholeLoop", "JAX, the whole loop compiled", OTHERS),
    _training("jax-by-hand", "jax_training:LoopByHand", "JAX, loop, backward by hand", OTHERS),
    _training("autograd", "autograd_training:Autograd", "HIPS autograd over NumPy", OTHERS),
)

LAYER = (
    Engine("passes", "benchmarks.engines.torch_layers:Passes", "torch_impl.ElmanPasses, by hand"),
    Engine("elman", "benchmarks.engines.torch_layers:Elman", "torch_impl.ElmanRNN, autograd"),
    Engine("nn.RNN", "benchmarks.engines.torch_layers:Module", "nn.RNN, autograd"),
    Engine("nn.RNN-compiled", "benchmarks.engines.torch_layers:Compiled", "under torch.compile"),
    Engine("jax-scan", "benchmarks.engines.jax_layers:Scan", "JAX, scan and its vjp compiled"),
    Engine("jax-by-hand", "benchmarks.engines.jax_layers:ByHand", "JAX, backward by hand"),
    Engine("torch-ops", "benchmarks.engines.torch_layers:Operations", "addmm(out=) a step"),
    Engine(
        "onednn",
        "benchmarks.engines.onednn_layers:Float32",
        "oneDNN's vanilla RNN",
        dtypes=("float32",),
    ),
    Engine(
        "onednn-bf16",
        "benchmarks.engines.onednn_layers:Bfloat16",
        "oneDNN's vanilla RNN in bfloat16",
        dtypes=("float32",),
        precision="bfloat16",
    ),
)

SAMPLING = (
    Engine("numpy-loop", "benchmarks.engines.numpy_sampling:Loop", "NumPy as commonly written"),
    Engine("reference", "benchmarks.engines.numpy_sampling:Reference", "reference.generate"),
    Engine("twin", "benchmarks.engines.torch_sampling:Twin", "torch_impl.generate"),
    Engine("nn.RNN", "benchmarks.engines.torch_sampling:Module", "nn.RNN, a step a call"),
    Engine("jax-loop", "benchmarks.engines.jax_sampling:Loop", "JAX, the whole text compiled"),
)


def names() -> tuple[str, ...]:
    """Return the names of all engines, without duplicates."""
    return tuple(dict.fromkeys(engine.name for engine in TRAINING + LAYER + SAMPLING))
