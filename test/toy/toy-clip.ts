// Toys of two towers with a tokenizer and what is done to pictures, as jobs read them.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeClip } from './clip.ts';
import { clipJson } from './clip-json.ts';
import { tokenizerOf } from './encoder-tokenizer.ts';

type Fields = Readonly<Record<string, unknown>>;

const size = { height: 12, width: 12 };

/** Returns the folder. */
export async function makeClipModel(
  folder: string,
  name: 'clip' | 'dual',
  changes: Fields = {},
  hasJoint = true,
): Promise<string> {
  const isOwn = name === 'clip';
  const tokenizer = isOwn ? clipTokenizer() : tokenizerOf('bert', 70);
  const positions = { vocab_size: isOwn ? sizeOf(tokenizer) : 70, max_position_embeddings: 40 };
  const ends = isOwn ? { bos_token_id: 0, eos_token_id: 1, pad_token_id: 1 } : {};
  const { text_config, vision_config } = clipJson(name);
  const config = {
    text_config: { ...Object(text_config), ...positions, ...ends, ...changes },
    vision_config: { ...Object(vision_config), ...changes },
  };
  await makeClip(folder, name, config, hasJoint);
  const files = {
    'tokenizer.json': tokenizer,
    'tokenizer_config.json': { tokenizer_class: 'PreTrainedTokenizerFast' },
    'preprocessor_config.json': {
      image_processor_type: isOwn ? 'CLIPImageProcessor' : 'BitImageProcessor',
      ...{ do_convert_rgb: true, size: { shortest_edge: 12 }, crop_size: size, resample: 3 },
    },
  };
  for (const [file, json] of Object.entries(files)) {
    await writeFile(join(folder, file), JSON.stringify(json));
  }
  return folder;
}

function sizeOf({ model }: Fields): number {
  return Object.keys((model as { readonly vocab: Fields }).vocab).length;
}

const [begin, end] = ['<|startoftext|>', '<|endoftext|>'];

/** As CLIP's: lower case, words without the spaces between them, and another last character. */
function clipTokenizer(): Fields {
  const letters = [...'abcdefghijklmnopqrstuvwxyz0123456789'];
  const last = letters.map((letter) => `${letter}</w>`);
  const merges = [
    ...[
      ['p', 'h'],
      ['ph', 'o'],
      ['t', 'o</w>'],
      ['o', 'f</w>'],
      ['o', 'w</w>'],
      ['m', 'e</w>'],
    ],
  ];
  const tokens = [begin, end, ...letters, ...last, ...merges.map((pair) => pair.join(''))];
  return {
    ...{ version: '1.0', truncation: null, padding: null },
    added_tokens: [begin, end].map((content, id) => ({
      ...{ id, content, special: true, normalized: false },
      ...{ single_word: false, lstrip: false, rstrip: false },
    })),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFC' },
        { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
        { type: 'Lowercase' },
      ],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        {
          type: 'Split',
          pattern: {
            Regex: "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+",
          },
          ...{ behavior: 'Removed', invert: true },
        },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: {
      type: 'RobertaProcessing',
      ...{ sep: [end, 1], cls: [begin, 0], trim_offsets: false, add_prefix_space: false },
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      ...{ type: 'BPE', dropout: null, unk_token: end, continuing_subword_prefix: '' },
      ...{ end_of_word_suffix: '</w>', fuse_unk: false, byte_fallback: false },
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: merges.map((pair) => pair.join(' ')),
    },
  };
}
