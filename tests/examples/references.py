"""What the scripts of this folder share: random models of the classes that sdk/examples serves, and
what Python computes for them.

Mamba is transformers' own class, without its optional kernels. ResNet is the custom code that lies
in tests/fixtures/models/resnet_small/model and needs timm.
"""

import importlib
import os
import sys

import numpy
import torch
import transformers

HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURES = os.path.join(HERE, "..", "fixtures", "models")
STAGES = ["maxpool", "layer1", "layer2", "layer3", "layer4"]


def quiet():
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()


def randomize(model):
    """Larger than at initialisation, so that every part of the model matters, but not so large that
    errors grow from layer to layer; norms not all one."""
    for _, p in model.named_parameters():
        scale = 0.1 if p.dim() < 2 else 0.8 / numpy.sqrt(p[0].numel())
        with torch.no_grad():
            p.add_(torch.randn_like(p) * scale)


def outputs_of(out, features=None):
    """A model's outputs by their names in Corbel."""
    result = dict(features or {})
    for k, v in out.items():
        if k == "hidden_states":
            result.update({f"hidden_states.{i}": h.numpy() for i, h in enumerate(v)})
        elif isinstance(v, torch.Tensor):
            result[k] = v.numpy()
    return result


# ---- Mamba -------------------------------------------------------------------------------------

MAMBA = dict(vocab_size=97, hidden_size=24, num_hidden_layers=2, pad_token_id=0, eos_token_id=2)


def mamba(seed, name="MambaForCausalLM", **changes):
    torch.manual_seed(seed)
    kind = getattr(transformers, name)
    model = kind(transformers.MambaConfig(**{**MAMBA, **changes})).eval()
    randomize(model)
    with torch.no_grad(): # or a tied head would say the last token again and again
        model.get_input_embeddings().weight.mul_(0.3)
    model.tie_weights()
    return model


def mamba_batch(side, rng, vocabulary, rows=3, columns=13):
    """Rows of different lengths, padded on the `side`."""
    ids = rng.integers(3, vocabulary, [rows, columns])
    mask = numpy.ones_like(ids)
    for row in range(rows):
        n = row * 4
        if n:
            mask[row, slice(0, n) if side == "left" else slice(columns - n, columns)] = 0
    ids[mask == 0] = 0
    return dict(input_ids=ids, attention_mask=mask)


def mamba_forward(model, inputs):
    with torch.no_grad():
        return outputs_of(model(**{k: torch.from_numpy(v) for k, v in inputs.items()},
                                output_hidden_states=True, return_dict=True))


def mamba_generate(model, inputs, n, eos=-1):
    """Greedy tokens [rows, n] and the logits that they were chosen from [rows, n, vocabulary]."""
    arguments = {k: torch.from_numpy(v) for k, v in inputs.items()}
    with torch.no_grad():
        out = model.generate(**arguments, max_new_tokens=n, do_sample=False, eos_token_id=eos,
                             pad_token_id=0, output_logits=True, return_dict_in_generate=True)
    tokens = out.sequences[:, inputs["input_ids"].shape[1]:].numpy()
    return tokens, torch.stack(out.logits, 1).numpy()


# ---- ResNet ------------------------------------------------------------------------------------

def resnet_code():
    """The custom model's module: modeling_resnet.py, as transformers would import it."""
    sys.path.insert(0, os.path.join(FIXTURES, "resnet_small"))
    try:
        return importlib.import_module("model.modeling_resnet")
    finally:
        sys.path.pop(0)


def resnet(seed, name="ResnetModelForImageClassification", **changes):
    torch.manual_seed(seed)
    code = resnet_code()
    model = getattr(code, name)(code.ResnetConfig(**changes)).eval()
    randomize(model)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.2)
            torch.nn.init.normal_(module.running_mean, std=0.3)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
    return model


def resnet_forward(model, pixel_values):
    """The outputs, and what each stage gives averaged over height and width."""
    features = {}

    def keep(name):
        def hook(module, inputs, output):
            features[f"features.{name}"] = output.mean((2, 3)).detach().numpy()
        return hook

    hooks = [getattr(model.model, s).register_forward_hook(keep(s)) for s in STAGES]
    with torch.no_grad():
        out = model(torch.from_numpy(pixel_values))
    for hook in hooks:
        hook.remove()
    if isinstance(out, torch.Tensor):
        out = {"last_hidden_state": out}
    return outputs_of(out, features)
