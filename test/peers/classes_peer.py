"""The judge of texts with a class: transformers' AutoTokenizer on small tokenizers of BERT and RoBERTa that are trained here.

make FOLDER                    trains both and writes them as folders `bert`, `bert-cased` and `roberta`, as a model is published
tokens FOLDER TEXTS LENGTH...  prints, for each LENGTH, ids and token_type_ids of each text or pair of the JSON list TEXTS, truncated
                               to it by longest_first, and the texts that their ids decode to in the library behind it
"""
import json
import os
import sys

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from tokenizers_peer import CORPUS
from transformers import AutoTokenizer

LETTERS = list("abcdefghijklmnopqrstuvwxyz0123456789")


def bert(lowercase):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(cleanup=False)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=600, special_tokens=special, initial_alphabet=LETTERS)
    tokenizer.train_from_iterator(CORPUS, trainer)
    cls, sep = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", cls), ("[SEP]", sep)],
    )
    named = {"unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "mask_token": "[MASK]"}
    return tokenizer, {"tokenizer_class": "BertTokenizer", "do_lower_case": lowercase, **named}


def roberta():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", tokenizer.token_to_id("</s>")), ("<s>", tokenizer.token_to_id("<s>")), add_prefix_space=False
    )
    named = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "cls_token": "<s>", "sep_token": "</s>"}
    named.update({"pad_token": "<pad>", "mask_token": "<mask>"})
    return tokenizer, {"tokenizer_class": "RobertaTokenizer", "add_prefix_space": False, **named}


def make(folder):
    for name, (tokenizer, config) in {"bert": bert(True), "bert-cased": bert(False), "roberta": roberta()}.items():
        os.makedirs(f"{folder}/{name}")
        tokenizer.save(f"{folder}/{name}/tokenizer.json")
        with open(f"{folder}/{name}/tokenizer_config.json", "w", encoding="utf-8") as file:
            json.dump(config, file)


def tokens(folder, texts_path, *lengths):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with open(texts_path, encoding="utf-8") as file:
        batch = json.load(file)
    # As lists: one pair by itself whose second text is empty would be taken for a single text.
    singles = [(index, (text,)) for index, (text, pair) in enumerate(batch) if pair is None]
    pairs = [(index, (text, pair)) for index, (text, pair) in enumerate(batch) if pair is not None]
    library = Tokenizer.from_file(f"{folder}/tokenizer.json")

    def at(length):
        found = [None] * len(batch)
        for group in (singles, pairs):
            columns = [list(column) for column in zip(*(texts for _, texts in group))]
            encoded = tokenizer(*columns, truncation="longest_first", max_length=length, return_token_type_ids=True)
            for (index, _), ids, segments in zip(group, encoded["input_ids"], encoded["token_type_ids"]):
                text = library.decode(ids, skip_special_tokens=False)
                found[index] = {"ids": ids, "segments": segments, "text": text}
        return found

    print(json.dumps([at(int(length)) for length in lengths]))


if __name__ == "__main__":
    {"make": make, "tokens": tokens}[sys.argv[1]](*sys.argv[2:])
