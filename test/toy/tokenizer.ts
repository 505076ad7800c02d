// A byte-level tokenizer of any size: special tokens, by default two, then letters and signs, then
// the rest of the 256 bytes, then merges. With 40 tokens it spells lower-case English and digits;
// from 258 on it spells every text.

const begin = '<|begin|>';
const end = '<|end|>';

export const toyTokenizerConfig = {
  bos_token: begin,
  eos_token: end,
  add_bos_token: false,
  tokenizer_class: 'PreTrainedTokenizerFast',
  chat_template:
    "{% for message in messages %}{{ bos_token + message['role'] + '\n' + message['content'] + eos_token }}{% endfor %}" +
    "{% if add_generation_prompt %}{{ bos_token + 'assistant\n' }}{% endif %}",
} as const;

/** A `tokenizer.json` of `size` tokens. */
export function toyTokenizer(
  size: number,
  special: readonly string[] = [begin, end],
): Readonly<Record<string, unknown>> {
  const letters = 'abcdefghijklmnopqrstuvwxyz';
  const first = [...`${letters}\u0120\u010a0123456789`];
  const bytes = [...first, ...byteAlphabet().filter((character) => !first.includes(character))];
  const shards = bytes.slice(0, Math.max(0, size - special.length));
  const merges = pairsOf(letters).slice(0, Math.max(0, size - special.length - shards.length));
  const tokens = [...special, ...shards, ...merges.map(([a, b]) => a + b)];
  if (tokens.length !== size) throw new RangeError(`${size} tokens are more than the toy has`);
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.map((content, id) => ({
      ...{ id, content, special: true, normalized: false },
      ...{ single_word: false, lstrip: false, rstrip: false },
    })),
    normalizer: null,
    pre_tokenizer: {
      type: 'ByteLevel',
      add_prefix_space: false,
      trim_offsets: true,
      use_regex: true,
    },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: merges.map(([a, b]) => `${a} ${b}`),
    },
  };
}

/** One printable character for each byte, as byte-level tokenizers have it. */
function byteAlphabet(): readonly string[] {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable =
      (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
    if (isPrintable) return String.fromCharCode(byte);
    next += 1;
    return String.fromCharCode(next - 1);
  });
}

function pairsOf(letters: string): readonly (readonly [string, string])[] {
  return [...letters].flatMap((a) => [...letters].map((b) => [a, b] as const));
}
