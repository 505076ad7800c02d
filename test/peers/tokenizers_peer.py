"""The judge of our tokenizer: the Rust library behind transformers, through its Python package `tokenizers`.

make FOLDER          trains a small tokenizer of each family and writes it with the ids of awkward texts
ids FILE TEXTS       prints the ids that the tokenizer.json FILE gives each text of the JSON list TEXTS; null for a text with
                     characters that the Unicode of this Python does not know: two programs of other ages may disagree
"""
import json
import os
import sys
import unicodedata

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|" + REST
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|" + REST

CORPUS = [
    "The quick brown fox jumps over the lazy dog, and then it doesn't stop: it runs 1234 miles.",
    "def add(a, b):\n    return a + b  # the sum of a and b\n\n\nprint(add(1, 2))\n",
    "Größe, façade, naïve, Ångström, coöperate; être ou ne pas être, c'est la question.",
    "Съешь же ещё этих мягких французских булок, да выпей чаю.",
    "色は匂へど散りぬるを 我が世誰ぞ常ならむ。機械学習は楽しいです。",
    "😀 😀😀 👩‍👩‍👧 👍🏽 🇩🇪 are emoji; ∑ ∞ ≠ are signs; ½ and ² are numbers.",
    "I'll say it's what they've done, and we're done. They'd go; he'll see that I'm here.",
    "The the the   spaces     and\ttabs\t\tand\r\nline ends\n\n and so on  ",
] * 4


def texts():
    return [
        "", " ", "  ", "\n", "\n\n", "\r\n\r\n", "\t\t a", "   a  b   c    ", "a\u00a0b\u2003c\u3000d",
        "The quick brown fox", " The quick", "the the", "don't DON'T it's IT'S we'Ll", "'s 'S ''s",
        "1", "12", "123", "1234567890", "3.14159", "x1y22z333", "٣٤٥ ๑๒๓ Ⅷ ½ ² ⑤",
        "a\u0301 e\u0301\u0327 \u1e69 s\u0323\u0307 \u212b \ufb01", "\u0301start", "Z\u0351\u036b\u0343\u036a\u0302",
        "\ufeffbom", "a\u0085b\u200bc\u200dd\ufeffe", "\u2028line\u2029para", "\u0000\u0001\u001f\u007f",
        "👩‍👩‍👧 👍🏽 🇩🇪 😀😀", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈 🀄", "日本語のテキスト", "한국어 텍스트", "नमस्ते दुनिया", "שלום עולם", "مرحبا بالعالم",
        "▁", "▁▁a ▁ b", "<0x41> <0xFF>", "<unk>", "<s>hello</s>", "<|im_start|>user\nhi<|im_end|>\n", "<|endoftext|>",
        "<|begin_of_text|>a", "<|end|>  \n next", "x <|end|>", "a<|user|> \n b<|assistant|>c", "<mask> b <mask>",
        "<start_of_turn>model\nhi<end_of_turn>\n", "\n\n\nafter", "a\n\n\n\nb", "<|im_start|", "<|im_start|><|im_start|>",
        "ſ K ſt", "ŉ's", "İstanbul ıI", "ß ẞ", "..." * 9, "=" * 70, "!?!?!?", "a" * 100, "word" * 40, "\\n \\t \\u00e9",
        "http://example.org/a?b=c&d=%20e#f", "{\"key\": [1, 2.5e-3, null]}", "\U000e0001\U0010fffd", "\ufffd",
    ]


def byte_level(pre, normalizer=None, size=420, **model):
    tokenizer = Tokenizer(models.BPE(**model))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def sentence_piece(first, added=(), pre=None, cover=False):
    """Byte-pair encoding over characters with ▁ for a space and bytes for the rest."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    trained.train_from_iterator(CORPUS[:3] + CORPUS[6:8], trainers.BpeTrainer(vocab_size=180))
    learned = json.loads(trained.to_str())["model"]
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    tokens += [token for token in sorted(learned["vocab"], key=learned["vocab"].get)]
    merges = [tuple(pair) if isinstance(pair, list) else tuple(pair.split(" ")) for pair in learned["merges"]]
    if cover:
        # Tokens that reach over a space, and runs of spaces, as real vocabularies have.
        for pair in [("▁", "▁"), ("▁▁", "▁▁"), ("d", "▁"), ("e", "▁the"), ("\n", "▁")]:
            if all(part in tokens for part in pair):
                tokens.append("".join(pair))
                merges.append(pair)
    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    replace = normalizers.Replace(" ", "▁")
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), replace]) if first else replace
    if pre is not None:
        tokenizer.pre_tokenizer = pre
        if isinstance(pre, pre_tokenizers.Metaspace):
            tokenizer.normalizer = None
    tokenizer.add_special_tokens([AddedToken(name, normalized=False, special=True) for name in ("<unk>", "<s>", "</s>")])
    tokenizer.add_tokens(list(added))
    return tokenizer


def unigram():
    """Pieces and scores by a rule: the trainer of the library gives others at every run."""
    words = [text for line in CORPUS[:8] for text in line.split()]
    pieces = {"▁" + word[:length]: -8.0 - length / 8 for word in words for length in range(1, 5)}
    pieces.update({character: -10.0 for word in words for character in word})
    vocabulary = [("<s>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -9.0)]
    vocabulary += [(piece, pieces[piece] - index / 997) for index, piece in enumerate(sorted(pieces))]
    tokenizer = Tokenizer(models.Unigram([piece for piece in vocabulary], unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.add_special_tokens([AddedToken(name, normalized=False, special=True) for name in ("<unk>", "<s>", "</s>")])
    return tokenizer


def families():
    digits = pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(False)])
    split = lambda pattern: pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
    )
    llama3 = byte_level(split(LLAMA3), ignore_merges=True)
    llama3.add_special_tokens(["<|begin_of_text|>"])
    begin = llama3.token_to_id("<|begin_of_text|>")
    llama3.post_processor = processors.Sequence([
        processors.ByteLevel(),
        processors.TemplateProcessing("<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", begin)]),
    ])
    strips = [
        AddedToken("<|end|>", rstrip=True, normalized=False, special=True),
        AddedToken("<|user|>", rstrip=True, normalized=False, special=True),
        AddedToken("<|assistant|>", normalized=False, special=True),
        AddedToken("<mask>", lstrip=True, normalized=False, special=True),
    ]
    gemma = [
        AddedToken(name, normalized=False, special=name.startswith("<"))
        for name in ("<start_of_turn>", "<end_of_turn>", "\n\n", "\n\n\n", "▁▁", "▁▁▁")
    ]
    return {
        "gpt2": byte_level(pre_tokenizers.ByteLevel(False)),
        "smollm": byte_level(digits),
        "qwen2": byte_level(split(QWEN2), normalizers.NFC()),
        "llama-3": llama3,
        "llama-2": sentence_piece(True),
        "phi-3": sentence_piece(True, strips, cover=True),
        "mistral": sentence_piece(False, pre=pre_tokenizers.Metaspace("▁", "first", split=False)),
        "metaspace": sentence_piece(False, pre=pre_tokenizers.Metaspace("▁", "always", split=True), cover=True),
        "gemma": sentence_piece(False, gemma, pre=pre_tokenizers.Split(" ", "merged_with_previous"), cover=True),
        "unigram": unigram(),
    }


def make(folder):
    os.makedirs(folder, exist_ok=True)
    for name, tokenizer in families().items():
        cases = [{"text": text, "ids": tokenizer.encode(text, add_special_tokens=False).ids} for text in texts()]
        # As a user would load it: what is written and read again.
        again = Tokenizer.from_str(tokenizer.to_str())
        assert all(again.encode(case["text"], add_special_tokens=False).ids == case["ids"] for case in cases), name
        with open(f"{folder}/{name}.json", "w", encoding="utf-8") as file:
            begins = again.encode("a").ids[:1] != again.encode("a", add_special_tokens=False).ids[:1]
            definition = json.loads(tokenizer.to_str())
            json.dump({"begins": begins, "tokenizer": definition, "cases": cases}, file, separators=(",", ":"))
            file.write("\n")


def is_known(character):
    """Combining marks only when they are old: their order in composed text is another in older tables."""
    tables = unicodedata.ucd_3_2_0 if unicodedata.combining(character) else unicodedata
    return tables.category(character) != "Cn"


def ids(path, texts_path):
    tokenizer = Tokenizer.from_file(path)
    with open(texts_path, encoding="utf-8") as file:
        batch = json.load(file)
    known = [all(is_known(character) for character in text) for text in batch]
    print(json.dumps([tokenizer.encode(text, add_special_tokens=False).ids if old else None for text, old in zip(batch, known)]))


if __name__ == "__main__":
    {"make": make, "ids": ids}[sys.argv[1]](*sys.argv[2:])
