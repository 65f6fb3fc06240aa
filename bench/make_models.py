#!/usr/bin/env python3
"""Makes the models that bench/compare.py measures: real shapes, random weights, in bench/models/.

    python bench/make_models.py [smollm-135m tinyllama-1.1b] [--out DIR]

Each is an ordinary Hugging Face folder in bfloat16 with a tokenizer, and beside it the same weights as
NAME.gguf for llama.cpp. Random weights cost what trained ones do. What exists already is left alone.
"""

import argparse
import json
import pathlib

import numpy
import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).resolve().parent
SHAPES = {
    "smollm-135m": dict(hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9,
                        num_key_value_heads=3, vocab_size=49152, tie_word_embeddings=True),
    "tinyllama-1.1b": dict(hidden_size=2048, intermediate_size=5632, num_hidden_layers=22, num_attention_heads=32,
                           num_key_value_heads=4, vocab_size=32000, tie_word_embeddings=False),
}
BOS, EOS = "<s>", "</s>"
WORDS = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
         r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def config_of(shape):
    return dict(architectures=["LlamaForCausalLM"], model_type="llama", hidden_act="silu", torch_dtype="bfloat16",
                max_position_embeddings=2048, rms_norm_eps=1e-5, rope_theta=10000.0, rope_scaling=None,
                attention_bias=False, mlp_bias=False, initializer_range=0.02, use_cache=True,
                bos_token_id=0, eos_token_id=1, **shape)


# ---- tokenizer: byte-level BPE whose merges are all pairs of bytes, as many as the vocabulary holds ----

def byte_characters():
    """GPT-2's printable stand-ins for the 256 bytes."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in printable]
    return [chr(b) for b in printable] + [chr(256 + i) for i in range(len(rest))]


def vocabulary(size):
    """(tokens in the order of their ids, merges)"""
    letters = byte_characters()
    tokens, merges = [BOS, EOS, *letters], []
    for first in letters:
        for second in letters:
            if len(tokens) == size:
                return tokens, merges
            tokens.append(first + second)
            merges.append((first, second))
    raise ValueError(f"a vocabulary of {size} is too large for pairs of bytes")


def write_tokenizer(folder, tokens, merges):
    special = [dict(id=i, content=content, single_word=False, lstrip=False, rstrip=False, normalized=False,
                    special=True) for i, content in enumerate((BOS, EOS))]
    byte_level = dict(type="ByteLevel", add_prefix_space=False, trim_offsets=True, use_regex=False)
    split = dict(type="Split", pattern=dict(Regex=WORDS), behavior="Isolated", invert=False)
    template = dict(type="TemplateProcessing",
                    single=[dict(SpecialToken=dict(id=BOS, type_id=0)), dict(Sequence=dict(id="A", type_id=0))],
                    pair=[dict(SpecialToken=dict(id=BOS, type_id=0)), dict(Sequence=dict(id="A", type_id=0)),
                          dict(Sequence=dict(id="B", type_id=1))],
                    special_tokens={BOS: dict(id=BOS, ids=[0], tokens=[BOS])})
    model = dict(type="BPE", dropout=None, unk_token=None, continuing_subword_prefix=None, end_of_word_suffix=None,
                 fuse_unk=False, byte_fallback=False, ignore_merges=False,
                 vocab={token: i for i, token in enumerate(tokens)}, merges=[list(pair) for pair in merges])
    tokenizer = dict(version="1.0", truncation=None, padding=None, added_tokens=special, normalizer=None,
                     pre_tokenizer=dict(type="Sequence", pretokenizers=[split, byte_level]),
                     post_processor=template, decoder=byte_level, model=model)
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False))
    (folder / "tokenizer_config.json").write_text(json.dumps(dict(
        tokenizer_class="PreTrainedTokenizerFast", bos_token=BOS, eos_token=EOS, model_max_length=2048,
        clean_up_tokenization_spaces=False), indent=2))


# ---- weights ---------------------------------------------------------------------------------------

def parameter_shapes(c):
    """{name: shape} as transformers names them, tied weights once."""
    head_dim = c["hidden_size"] // c["num_attention_heads"]
    kv = head_dim * c["num_key_value_heads"]
    hidden, inner = c["hidden_size"], c["intermediate_size"]
    shapes = {"model.embed_tokens.weight": (c["vocab_size"], hidden)}
    for i in range(c["num_hidden_layers"]):
        layer = f"model.layers.{i}."
        shapes |= {layer + "input_layernorm.weight": (hidden,), layer + "post_attention_layernorm.weight": (hidden,),
                   layer + "self_attn.q_proj.weight": (hidden, hidden), layer + "self_attn.k_proj.weight": (kv, hidden),
                   layer + "self_attn.v_proj.weight": (kv, hidden), layer + "self_attn.o_proj.weight": (hidden, hidden),
                   layer + "mlp.gate_proj.weight": (inner, hidden), layer + "mlp.up_proj.weight": (inner, hidden),
                   layer + "mlp.down_proj.weight": (hidden, inner)}
    shapes["model.norm.weight"] = (hidden,)
    if not c["tie_word_embeddings"]:
        shapes["lm_head.weight"] = (c["vocab_size"], hidden)
    return shapes


def random_weights(c):
    generator = torch.Generator().manual_seed(2026)
    return {name: torch.ones(shape, dtype=torch.bfloat16) if len(shape) == 1
            else (torch.randn(shape, generator=generator) * 0.02).bfloat16()
            for name, shape in parameter_shapes(c).items()}


# ---- the same for llama.cpp ---------------------------------------------------------------------------

GGUF_NAMES = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
              "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
              "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
              "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


def gguf_name(name):
    module = name.removesuffix(".weight")
    if module.startswith("model.layers."):
        _, _, layer, rest = module.split(".", 3)
        return f"blk.{layer}.{GGUF_NAMES[rest]}.weight"
    return GGUF_NAMES[module] + ".weight"


def interleave_rotary(weight, heads):
    """llama.cpp rotates neighbours where transformers rotates halves: the rows are permuted to match."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def write_gguf(path, c, weights, tokens, merges):
    import gguf
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_context_length(c["max_position_embeddings"])
    writer.add_embedding_length(c["hidden_size"])
    writer.add_block_count(c["num_hidden_layers"])
    writer.add_feed_forward_length(c["intermediate_size"])
    writer.add_head_count(c["num_attention_heads"])
    writer.add_head_count_kv(c["num_key_value_heads"])
    writer.add_rope_dimension_count(c["hidden_size"] // c["num_attention_heads"])
    writer.add_rope_freq_base(c["rope_theta"])
    writer.add_layer_norm_rms_eps(c["rms_norm_eps"])
    writer.add_vocab_size(c["vocab_size"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_BF16)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("llama-bpe")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL] * 2 + [gguf.TokenType.NORMAL] * (len(tokens) - 2))
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    for name, weight in weights.items():
        if weight.dim() == 1:  # norms stay float32 there
            writer.add_tensor(gguf_name(name), weight.float().numpy())
            continue
        if "q_proj" in name or "k_proj" in name:
            heads = c["num_attention_heads"] if "q_proj" in name else c["num_key_value_heads"]
            weight = interleave_rotary(weight, heads)
        raw = numpy.ascontiguousarray(weight.contiguous().view(torch.int16).numpy()).view(numpy.uint8)
        writer.add_tensor(gguf_name(name), raw, raw_dtype=gguf.GGMLQuantizationType.BF16)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make(name, out):
    folder, ggufs = out / name, out / f"{name}.gguf"
    if ggufs.exists():
        return
    print(f"making {folder}", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    c = config_of(SHAPES[name])
    tokens, merges = vocabulary(c["vocab_size"])
    weights = random_weights(c)
    (folder / "config.json").write_text(json.dumps(c, indent=2))
    (folder / "generation_config.json").write_text(json.dumps(dict(bos_token_id=0, eos_token_id=1)))
    write_tokenizer(folder, tokens, merges)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    unfinished = ggufs.with_suffix(".incomplete")
    write_gguf(unfinished, c, weights, tokens, merges)
    unfinished.rename(ggufs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(SHAPES), choices=[*SHAPES, []], metavar="NAME")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "models")
    args = parser.parse_args()
    for name in args.names:
        make(name, args.out)


if __name__ == "__main__":
    main()
