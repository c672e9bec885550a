"""Byte-level BPE: learns merges from text and encodes with them.

The pre-tokenizer is the one GGUF calls "gpt-2", here for ASCII text only, which is all the world's text.
Token ids: 0..255 the bytes, then one id per merge, then the control tokens.
"""
import collections
import re

WORDS = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+")
CONTROL = ["<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]


def byte_letters():
    """The printable character that stands for each byte in a GGUF vocabulary."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [b for b in range(256) if b not in plain]
    return {**{b: chr(b) for b in plain}, **{b: chr(0x100 + i) for i, b in enumerate(rest)}}


class Bpe:
    def __init__(self, merges):
        """merges: list of (left id, right id), most important first."""
        self.merges = [tuple(m) for m in merges]
        self.ranks = {pair: i for i, pair in enumerate(self.merges)}
        self.pieces = [bytes([b]) for b in range(256)]
        for left, right in self.merges:
            self.pieces.append(self.pieces[left] + self.pieces[right])
        self.control = {text: len(self.pieces) + i for i, text in enumerate(CONTROL)}
        self.size = len(self.pieces) + len(CONTROL)
        self.words = {}

    @classmethod
    def learn(cls, texts, size):
        """Merges the most frequent pair of neighbours until the vocabulary has `size` tokens."""
        counts = collections.Counter(word for text in texts for word in WORDS.findall(text))
        words = [(list(word.encode()), n) for word, n in counts.items()]
        merges = []
        while 256 + len(merges) + len(CONTROL) < size:
            pairs = collections.Counter()
            for ids, n in words:
                for pair in zip(ids, ids[1:]):
                    pairs[pair] += n
            if not pairs:
                raise ValueError(f"the text gives only {256 + len(merges)} tokens")
            best = max(pairs, key=lambda pair: (pairs[pair], pair))
            merges.append(best)
            for ids, _ in words:
                merge(ids, best, 255 + len(merges))
        return cls(merges)

    def encode(self, text):
        """Plain text, no control tokens."""
        assert text.isascii()
        out = []
        for word in WORDS.findall(text):
            if word not in self.words:
                self.words[word] = self.encode_word(word)
            out += self.words[word]
        return out

    def encode_word(self, word):
        ids = list(word.encode())
        while len(ids) > 1:
            best = min(zip(ids, ids[1:]), key=lambda pair: self.ranks.get(pair, len(self.ranks)))
            if best not in self.ranks:
                break
            merge(ids, best, 256 + self.ranks[best])
        return ids

    def decode(self, ids):
        return b"".join(self.pieces[i] for i in ids if i < len(self.pieces)).decode("utf-8", "replace")

    def written(self, ids):
        """The GGUF spelling of the bytes of some tokens."""
        letters = byte_letters()
        return "".join(letters[b] for i in ids for b in self.pieces[i])


def merge(ids, pair, new):
    """Replaces each occurrence of pair by new, from the left, in place."""
    i = 0
    while i + 1 < len(ids):
        if (ids[i], ids[i + 1]) == pair:
            ids[i:i + 2] = [new]
        i += 1
