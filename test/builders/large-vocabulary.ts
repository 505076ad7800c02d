// A Gemma-3 whose vocabulary is most of it, with drawn weights and a tokenizer of that size: for
// memory, which does not depend on what weights say. Nothing is downloaded.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readConfig } from '../../worker/decoder/config.ts';
import { tensorSpecs } from '../../worker/decoder/names.ts';
import { rowPanels } from '../../worker/files/row-panels.ts';
import type { PlannedPanels } from '../../worker/files/safetensors.ts';
import { writeSafetensorsModel } from '../../worker/files/safetensors-model.ts';
import { normal } from '../../worker/tensor/rng.ts';
import { keep } from '../../worker/tensor/scope.ts';
import { streamOf } from '../../worker/tensor/streams.ts';

export interface VocabularyModelSizes {
  readonly vocabulary: number;
  readonly hidden: number;
  readonly layers: number;
  readonly intermediate: number;
}

/** As `config.json` of Gemma-3-270M has it. */
export const gemma270m: VocabularyModelSizes = {
  ...{ vocabulary: 262_144, hidden: 640, layers: 18, intermediate: 2048 },
};

const dtype = 'bfloat16';

/** Fills a folder in the layout of the hub. */
export async function writeLargeVocabulary(
  folder: string,
  sizes: VocabularyModelSizes,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const json = configOf(sizes);
  const planned = tensorSpecs(readConfig(json)).map(
    ({ name, shape }) => [name, { shape, dtype, panels: () => drawn(name, shape) }] as const,
  );
  await writeSafetensorsModel(folder, new Map<string, PlannedPanels>(planned));
  const write = (name: string, value: unknown) =>
    writeFile(join(folder, name), `${JSON.stringify(value, null, 1)}\n`);
  await write('config.json', json);
  await write('tokenizer.json', tokenizerOf(sizes.vocabulary));
  await write('tokenizer_config.json', tokenizerConfig);
}

function configOf({ vocabulary, hidden, layers, intermediate }: VocabularyModelSizes) {
  return {
    ...{ model_type: 'gemma3_text', architectures: ['Gemma3ForCausalLM'] },
    ...{ vocab_size: vocabulary, hidden_size: hidden, intermediate_size: intermediate },
    ...{ num_hidden_layers: layers, num_attention_heads: 4, num_key_value_heads: 1 },
    ...{ head_dim: 256, query_pre_attn_scalar: 256, hidden_activation: 'gelu_pytorch_tanh' },
    ...{ max_position_embeddings: 32_768, rms_norm_eps: 1e-6, tie_word_embeddings: true },
    ...{ rope_theta: 1e6, rope_local_base_freq: 1e4, sliding_window: 512 },
    layer_types: Array.from({ length: layers }, (_, layer) =>
      layer % 6 === 5 ? 'full_attention' : 'sliding_attention',
    ),
    ...{ bos_token_id: 2, eos_token_id: 1, pad_token_id: 0, torch_dtype: dtype },
  };
}

/** Norms of this family are stored without their 1. */
function* drawn(name: string, shape: readonly number[]) {
  for (const [first, behind] of rowPanels(shape)) {
    const stream = streamOf(0, 'vocabulary', `${name}#${first}`);
    yield keep(normal([behind - first, ...shape.slice(1)], 0.02, stream, dtype));
  }
}

const special = ['<pad>', '<eos>', '<bos>', '<unk>'];
const turns = ['<start_of_turn>', '<end_of_turn>'];
const letters = [...'▁aeiounrtslcdmphgbfyvw'];
/** Every text is a text of these, and each of up to four of them is a token. */
const others = Array.from({ length: 0x7f - 0x20 }, (_, at) => String.fromCharCode(0x21 + at));

const tokenizerConfig = {
  ...{ bos_token: '<bos>', eos_token: '<eos>', unk_token: '<unk>', add_bos_token: true },
  chat_template:
    "{{ bos_token }}{% for message in messages %}{{ '<start_of_turn>' + message['role'] + '\\n' + message['content'] + '<end_of_turn>\\n' }}{% endfor %}" +
    "{% if add_generation_prompt %}{{ '<start_of_turn>assistant\\n' }}{% endif %}",
};

/**
 * Bytes, characters, and all that is made of two to four letters, with each way to make it of two;
 * the rest is unused.
 */
function tokenizerOf(size: number) {
  const characters = [...new Set([...letters, ...others])].filter((each) => each !== '\x7f');
  const bytes = Array.from({ length: 256 }, (_, byte) => {
    return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
  });
  const tokens = [...special, ...turns, ...bytes, ...characters];
  const merges: (readonly [string, string])[] = [];
  let shorter: readonly string[] = letters;
  for (let length = 2; length <= 4; length += 1) {
    const longer: string[] = [];
    for (const begin of shorter) {
      for (const end of letters) {
        if (tokens.length === size) break;
        const token = begin + end;
        tokens.push(token);
        longer.push(token);
        for (let cut = length - 1; cut >= Math.max(1, length - 2); cut -= 1) {
          merges.push([token.slice(0, cut), token.slice(cut)]);
        }
      }
    }
    shorter = longer;
  }
  while (tokens.length < size) tokens.push(`<unused${tokens.length}>`);
  const added = [...special, ...turns].map((content, id) => ({
    ...{ id, content, special: true, normalized: false },
    ...{ single_word: false, lstrip: false, rstrip: false },
  }));
  const replace = (from: string, content: string) => {
    return { type: 'Replace', pattern: { String: from }, content };
  };
  return {
    ...{ version: '1.0', truncation: null, padding: null, added_tokens: added },
    normalizer: replace(' ', '▁'),
    ...{ pre_tokenizer: null, post_processor: null },
    decoder: {
      type: 'Sequence',
      decoders: [replace('▁', ' '), { type: 'ByteFallback' }, { type: 'Fuse' }],
    },
    model: {
      ...{ type: 'BPE', dropout: null, unk_token: '<unk>', fuse_unk: true, byte_fallback: true },
      ...{ continuing_subword_prefix: null, end_of_word_suffix: null, ignore_merges: false },
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
  };
}
