// pruning.json of a model that was cut out of another: what is read says places that the whole
// model has, for each matrix of it.
import { readConfig } from '../../../worker/decoder/config.ts';
import { keptColumns, keptRows, parsePrunedBase } from '../../../worker/decoder/pruned-base.ts';
import { nests } from '../nests.ts';
import type { Target } from '../target.ts';

const config = readConfig({
  ...{ architectures: ['LlamaForCausalLM'], model_type: 'llama', hidden_size: 8 },
  ...{ intermediate_size: 3, num_hidden_layers: 2, num_attention_heads: 4, head_dim: 2 },
  ...{ num_key_value_heads: 2, vocab_size: 4, rms_norm_eps: 1e-5 },
});

const record = {
  version: 1,
  base: { name: 'owner/base', digest: `sha256:${'a'.repeat(64)}` },
  full: {
    ...{ intermediate_size: 6, num_attention_heads: 8, num_key_value_heads: 4, head_dim: 2 },
  },
  layers: [
    { channels: [0, 2, 5], heads: [0, 3] },
    { channels: [1, 2, 3], heads: [1, 2] },
  ],
};

export const target: Target = {
  seeds: [JSON.stringify(record)],
  words: [
    ...nests,
    ...['"version"', '"base"', '"full"', '"layers"', '"channels"', '"heads"', '"__proto__"'],
    ...['"head_dim"', '"digest"', '[]', '{}', 'null', '-1', '1e400', '4194304', '0', ',', ':'],
  ],
  run(bytes) {
    const { config: whole, specs, layers } = parsePrunedBase(bytes, 'pruning.json', config);
    for (const { role, shape } of specs.values()) {
      for (const kept of layers) {
        const [rows = 1, columns = 1] = shape;
        requireBelow(keptRows(whole, role, kept), rows);
        requireBelow(keptColumns(whole, role, kept), columns);
      }
    }
  },
};

function requireBelow(places: readonly number[] | null, size: number): void {
  const beyond = places?.find((place) => !(place >= 0 && place < size));
  if (beyond !== undefined) throw new Error(`place ${beyond} of ${size} is read`);
}
