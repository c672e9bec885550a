#!/usr/bin/env python3
"""Trains Quern Valley, a llama of about 2.7 million parameters, and writes it as GGUF (needs numpy and torch).

  train.py train [--steps N] [--threads N] [--work DIR]     learn; a checkpoint every 250 steps
  train.py export CHECKPOINT OUT.gguf                       Q8_0 matrices, F32 norms
  train.py check CHECKPOINT QUESTIONS.jsonl                 greedy answers with the Q8_0 weights
"""
import argparse
import json
import math
import os
import random
import struct
import time

import numpy as np
import torch
import torch.nn.functional as F

import make_world
from bpe import CONTROL, Bpe

VOCAB, DIM, LAYERS, HEADS, KV_HEADS, FFN, ROWS, WINDOW = 1536, 192, 6, 6, 2, 512, 16, 256
HEAD_DIM = DIM // HEADS
EPS, ROPE_BASE = 1e-5, 10000.0
SEED = 5
TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>\\n' + message['content'] + '<|end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}")


# ---------------------------------------------------------------- the model
def matrices():
    """Name and shape (out, in) of every matrix, by GGUF name."""
    yield "token_embd", (VOCAB, DIM)
    for i in range(LAYERS):
        yield f"blk.{i}.attn_q", (DIM, DIM)
        yield f"blk.{i}.attn_k", (KV_HEADS * HEAD_DIM, DIM)
        yield f"blk.{i}.attn_v", (KV_HEADS * HEAD_DIM, DIM)
        yield f"blk.{i}.attn_output", (DIM, DIM)
        yield f"blk.{i}.ffn_gate", (FFN, DIM)
        yield f"blk.{i}.ffn_up", (FFN, DIM)
        yield f"blk.{i}.ffn_down", (DIM, FFN)


def norms():
    return [f"blk.{i}.{part}" for i in range(LAYERS) for part in ("attn_norm", "ffn_norm")] + ["output_norm"]


def new_weights():
    torch.manual_seed(SEED)
    w = {}
    for name, shape in matrices():
        std = 0.02 / math.sqrt(2 * LAYERS) if name.endswith(("attn_output", "ffn_down")) else 0.02
        w[name] = torch.randn(shape) * (std if name == "token_embd" else std * math.sqrt(768 / DIM))
    w.update({name: torch.ones(DIM) for name in norms()})
    return w


def rms_norm(x, weight):
    x = x.float()
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPS) * weight


def rotate(x, cos, sin):
    """Rotary embedding of the halves (i, i + D/2); export() reorders the rows for GGUF's neighbours (2i, 2i+1)."""
    a, b = x.float().chunk(2, -1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), -1).to(x.dtype)


def forward(w, ids, mask, dtype=torch.float32):
    """Logits [rows, time, vocab].  mask [rows, 1, time, time] is added to the attention scores.

    Matrices run in `dtype`; the residual stream, norms and logits stay in float32."""
    rows, time_ = ids.shape
    angle = torch.arange(time_)[:, None] * ROPE_BASE ** (-torch.arange(HEAD_DIM // 2) * 2 / HEAD_DIM)
    cos, sin = angle.cos(), angle.sin()
    linear = lambda x, name: F.linear(x.to(dtype), w[name].to(dtype))
    x = w["token_embd"][ids]
    for i in range(LAYERS):
        p = f"blk.{i}."
        h = rms_norm(x, w[p + "attn_norm"]).to(dtype)
        heads = lambda name, n: linear(h, p + name).view(rows, time_, n, HEAD_DIM).transpose(1, 2)
        q, k, v = rotate(heads("attn_q", HEADS), cos, sin), rotate(heads("attn_k", KV_HEADS), cos,
                                                                   sin), heads("attn_v", KV_HEADS)
        # Query heads of one group share their key head: fold them into the time axis.
        group = HEADS // KV_HEADS
        q = q.reshape(rows, KV_HEADS, group * time_, HEAD_DIM) * HEAD_DIM ** -0.5
        scores = torch.matmul(q, k.transpose(-1, -2)).view(rows, KV_HEADS, group, time_, time_) + mask[:, :,
                                                                                                       None].to(dtype)
        mixed = torch.matmul(scores.softmax(-1).view(rows, KV_HEADS, group * time_, time_), v)
        mixed = mixed.view(rows, HEADS, time_, HEAD_DIM).transpose(1, 2).reshape(rows, time_, DIM)
        x = x + linear(mixed, p + "attn_output")
        h = rms_norm(x, w[p + "ffn_norm"]).to(dtype)
        x = x + linear(F.silu(linear(h, p + "ffn_gate")) * linear(h, p + "ffn_up"), p + "ffn_down")
    return linear(rms_norm(x, w["output_norm"]), "token_embd").float()


def causal_mask(document):
    """0 where a token may look (its own document, not later), a large negative number elsewhere."""
    n = document.shape[1]
    seen = (document[:, :, None] == document[:, None, :]) & torch.ones(n, n, dtype=torch.bool).tril()
    return torch.where(seen, 0.0, -1e4)[:, None]


# ---------------------------------------------------------------- training data
def encode_document(bpe, turns):
    """(ids, weights): how much each token's prediction counts.

    What a user asks counts next to nothing: much of it is drawn at random, and its noise would drown the answers."""
    ids, weights = [], []
    newline = bpe.encode("\n")

    def put(tokens, weight):
        ids.extend(tokens)
        weights.extend([weight] * len(tokens))

    for role, text in turns:
        if role == "text":
            put(bpe.encode(text), 1.0)
        else:
            weight = 1.0 if role == "assistant" else 0.02
            put([bpe.control[f"<|{role}|>"]] + newline, 0.02)
            put(bpe.encode(text) + [bpe.control["<|end|>"]], weight)
            put(newline, 0.02)
    put([bpe.control["<|endoftext|>"]], 1.0)
    return ids, weights


def batches(bpe, rng, forbidden):
    """Endless batches of rows packed with whole documents: inputs, targets, weights, document numbers."""
    pool = []
    while True:
        batch = np.zeros((4, ROWS, WINDOW), dtype=np.float32)
        batch[3] = -1
        for row in range(ROWS):
            at, number = 0, 0
            while True:
                while len(pool) < 64:
                    turns = make_world.document(rng)
                    assert not any(text in forbidden for role,
                                   text in turns if role == "user"), "a test question in training"
                    pool.append(encode_document(bpe, turns))
                fitting = [i for i, (ids,
                                     _) in enumerate(pool) if len(ids) - 1 <= WINDOW - at or (at == 0 and i == 0)]
                if not fitting:
                    break
                ids, weights = pool.pop(fitting[0])
                ids, weights = ids[:WINDOW + 1], weights[:WINDOW + 1]
                n = len(ids) - 1
                batch[:, row, at:at + n] = ids[:-1], ids[1:], weights[1:], [number] * n
                at, number = at + n, number + 1
        inputs, targets, weights, documents = (torch.from_numpy(x) for x in batch)
        yield inputs.long(), targets.long(), weights, documents


def train(args):
    torch.set_num_threads(args.threads)
    os.makedirs(args.work, exist_ok=True)
    rng = random.Random(args.seed)
    questions = make_world.test_questions()
    forbidden = {row["prompt"] for row in questions}
    if args.start:
        state = torch.load(args.start)
        bpe, weights = Bpe(state["merges"]), state["weights"]
    else:
        bpe = Bpe.learn((text for _ in range(40000) for _, text in make_world.document(rng)), VOCAB)
        weights = new_weights()
    w = {name: p.requires_grad_() for name, p in weights.items()}
    print(f"{sum(p.numel() for p in w.values())} parameters, {bpe.size} tokens", flush=True)
    optimizer = torch.optim.AdamW([{"params": [p for p in w.values() if p.dim() == 2], "weight_decay": 0.05},
                                   {"params": [p for p in w.values() if p.dim() == 1], "weight_decay": 0.0}],
                                  lr=args.rate, betas=(0.9, 0.95))
    dtype = torch.bfloat16 if args.bf16 else torch.float32
    begin, tokens, smooth = time.time(), 0, None
    for step, (inputs, targets, weights, documents) in enumerate(batches(bpe, rng, forbidden)):
        done = step / args.steps
        rate = args.rate * min((step + 1) / 100, 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        logits = forward(w, inputs, causal_mask(documents), dtype)
        losses = F.cross_entropy(logits.view(-1, VOCAB), targets.view(-1), reduction="none")
        loss = (losses * weights.view(-1)).sum() / weights.sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(w.values(), 1.0)
        optimizer.step()
        tokens += int((documents >= 0).sum())
        smooth = loss.item() if smooth is None else 0.98 * smooth + 0.02 * loss.item()
        if (step + 1) % 25 == 0:
            spent = time.time() - begin
            print(f"step {step + 1}  loss {smooth:.4f}  rate {rate:.5f}  {tokens / spent:.0f} tokens/s  "
                  f"{spent / 60:.1f} min", flush=True)
        last = step + 1 >= args.steps
        if (step + 1) % 250 == 0 or last:
            state = {"merges": bpe.merges, "weights": {name: p.detach() for name, p in w.items()}, "tokens": tokens,
                     "step": step + 1, "minutes": (time.time() - begin) / 60}
            torch.save(state, f"{args.work}/valley.pt.new")
            os.replace(f"{args.work}/valley.pt.new", f"{args.work}/valley.pt")
        if last:
            return


# ---------------------------------------------------------------- Q8_0 and GGUF
def q8_0(x):
    """Scales (float16) and quants (int8) of blocks of 32."""
    blocks = x.astype(np.float32).reshape(-1, 32)
    d = np.abs(blocks).max(1, keepdims=True) / 127
    inverse = np.divide(1, d, out=np.zeros_like(d), where=d > 0)
    scaled = blocks * inverse
    return d.astype(np.float16), np.trunc(scaled + np.copysign(0.5, scaled)).astype(np.int8)


def through_q8_0(weights):
    """The weights as an engine sees them after export."""
    def once(x):
        d, q = q8_0(x.numpy())
        return torch.from_numpy((d.astype(np.float32) * q).reshape(x.shape))
    return {name: once(x) if x.dim() == 2 else x for name, x in weights.items()}


U32, FLOAT, BOOL, STRING, ARRAY, INT32 = 4, 6, 7, 8, 9, 5
PACK = {U32: "<I", INT32: "<i", FLOAT: "<f", BOOL: "<?"}


def packed_string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def packed_value(kind, value):
    return packed_string(value) if kind == STRING else struct.pack(PACK[kind], value)


def packed_pair(key, kind, value):
    if isinstance(value, list):
        return packed_string(key) + struct.pack("<IIQ", ARRAY, kind,
                                                len(value)) + b"".join(packed_value(kind, v) for v in value)
    return packed_string(key) + struct.pack("<I", kind) + packed_value(kind, value)


def metadata(bpe):
    tokens = [bpe.written([i]) for i in range(len(bpe.pieces))] + CONTROL
    merges = [bpe.written([a]) + " " + bpe.written([b]) for a, b in bpe.merges]
    a = "llama."
    return [
        ("general.architecture", STRING, "llama"),
        ("general.name", STRING, "Quern Valley"),
        ("general.license", STRING, "MIT"),
        ("general.description", STRING,
         "A very small model of one invented valley, trained on text of its own generator."),
        ("general.size_label", STRING, "2.7M"),
        ("general.file_type", U32, 7),
        ("general.quantization_version", U32, 2),
        (a + "vocab_size", U32, VOCAB),
        (a + "context_length", U32, 512),
        (a + "embedding_length", U32, DIM),
        (a + "block_count", U32, LAYERS),
        (a + "feed_forward_length", U32, FFN),
        (a + "attention.head_count", U32, HEADS),
        (a + "attention.head_count_kv", U32, KV_HEADS),
        (a + "attention.layer_norm_rms_epsilon", FLOAT, EPS),
        (a + "rope.dimension_count", U32, HEAD_DIM),
        (a + "rope.freq_base", FLOAT, ROPE_BASE),
        ("tokenizer.ggml.model", STRING, "gpt2"),
        ("tokenizer.ggml.pre", STRING, "gpt-2"),
        ("tokenizer.ggml.tokens", STRING, tokens),
        ("tokenizer.ggml.token_type", INT32, [1] * len(bpe.pieces) + [3] * len(CONTROL)),
        ("tokenizer.ggml.merges", STRING, merges),
        ("tokenizer.ggml.bos_token_id", U32, bpe.control["<|endoftext|>"]),
        ("tokenizer.ggml.eos_token_id", U32, bpe.control["<|endoftext|>"]),
        ("tokenizer.ggml.eot_token_id", U32, bpe.control["<|end|>"]),
        ("tokenizer.ggml.add_bos_token", BOOL, False),
        ("tokenizer.ggml.add_eos_token", BOOL, False),
        ("tokenizer.chat_template", STRING, TEMPLATE),
    ]


def export(state, path):
    bpe = Bpe(state["merges"])
    tensors = []
    for name, x in state["weights"].items():
        x = x.numpy()
        if name.endswith(("attn_q", "attn_k")):      # halves (i, i + D/2) of each head become neighbours (2i, 2i+1)
            x = x.reshape(-1, 2, HEAD_DIM // 2, DIM).swapaxes(1, 2).reshape(x.shape)
        if x.ndim == 1:
            tensors.append((name, x.shape, 0, x.astype("<f4").tobytes()))
        else:
            d, q = q8_0(x)
            data = np.concatenate([d.view(np.uint8), q.view(np.uint8)], 1).tobytes()
            tensors.append((name, x.shape, 8, data))
    pad = lambda data: data + bytes(-len(data) % 32)
    pairs = metadata(bpe)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs)) + b"".join(packed_pair(*p) for p in pairs)
    offset = 0
    for name, shape, kind, data in tensors:
        head += packed_string(name + ".weight") + struct.pack("<I", len(shape))
        head += b"".join(struct.pack("<Q", n) for n in reversed(shape)) + struct.pack("<IQ", kind, offset)
        offset += len(pad(data))
    with open(path, "wb") as out:
        out.write(pad(head) + b"".join(pad(data) for *_, data in tensors))
    print(f"{path}: {os.path.getsize(path)} bytes, step {state['step']}")


# ---------------------------------------------------------------- greedy answers
def answers(weights, bpe, prompts, limit=64):
    """Greedy continuations of chat prompts, in groups of similar length."""
    def chat(text):
        user, end, assistant = (bpe.control[f"<|{name}|>"] for name in ("user", "end", "assistant"))
        newline = bpe.encode("\n")
        return [user, *bpe.encode("\n" + text), end, *newline, assistant, *newline]

    stop = {bpe.control["<|end|>"], bpe.control["<|endoftext|>"]}
    rows = {text: chat(text) for text in prompts}
    order, out = sorted(rows, key=lambda text: len(rows[text])), {}
    for at in range(0, len(order), 20):
        group = {text: list(rows[text]) for text in order[at:at + 20]}
        running = set(group)
        for _ in range(limit):
            width = max(len(group[text]) for text in running)
            batch = list(running)
            ids = torch.tensor([group[text] + [0] * (width - len(group[text])) for text in batch])
            with torch.no_grad():
                logits = forward(weights, ids, causal_mask(torch.zeros_like(ids)))
            for text, row in zip(batch, logits):
                group[text].append(int(row[len(group[text]) - 1].argmax()))
                if group[text][-1] in stop:
                    running.discard(text)
            if not running:
                break
        out.update({text: bpe.decode(ids[len(rows[text]):]) for text, ids in group.items()})
    return out


def check(state, path):
    bpe, weights = Bpe(state["merges"]), through_q8_0(state["weights"])
    questions = [json.loads(line) for line in open(path)]
    got = answers(weights, bpe, [row["prompt"] for row in questions])
    score = {}
    for row in questions:
        ok = make_world.right(got[row["prompt"]], row)
        score.setdefault(row["kind"], []).append(ok)
        if not ok:
            print(f"wrong: {row['prompt']}  ->  {got[row['prompt']]}  (expected {row['expect']})")
    for kind, marks in score.items():
        print(f"{kind}: {sum(marks)} of {len(marks)}")
    print(f"all: {sum(map(sum, score.values()))} of {len(questions)} at step {state['step']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    p = commands.add_parser("train")
    p.add_argument("--steps", type=int, default=5000)
    p.add_argument("--start", help="a checkpoint whose weights and tokenizer to go on from, with a fresh optimizer")
    p.add_argument("--rate", type=float, default=2e-3)
    p.add_argument("--seed", type=int, default=SEED, help="of the training documents")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--bf16", action="store_true", help="matrix products in bfloat16; faster on CPUs with AMX")
    p.add_argument("--work", default="build/valley")
    for name, last in (("export", "out"), ("check", "questions")):
        p = commands.add_parser(name)
        p.add_argument("checkpoint")
        p.add_argument(last)
    args = parser.parse_args()
    if args.command == "train":
        train(args)
    elif args.command == "export":
        export(torch.load(args.checkpoint), args.out)
    else:
        check(torch.load(args.checkpoint), args.questions)


if __name__ == "__main__":
    main()
