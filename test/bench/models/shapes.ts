// Models by the sizes that their `config.json` on the hub has: larger ones than the demo's for
// memory and time of a step, which do not depend on what the weights say; one of its size to train
// from the beginning.

interface ModelSizes {
  readonly num_hidden_layers: number;
  readonly hidden_size: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly head_dim: number;
  readonly intermediate_size: number;
  /** @default that of the model whose files it takes */
  readonly vocab_size?: number;
}

export const sizes = (
  layers: number,
  hidden: number,
  [heads, keyHeads]: readonly [number, number],
  mlp: number,
  headSize = 64,
): ModelSizes => ({
  ...{ num_hidden_layers: layers, hidden_size: hidden, intermediate_size: mlp },
  ...{ num_attention_heads: heads, num_key_value_heads: keyHeads, head_dim: headSize },
});

/** With the vocabulary of the demo's model, whose family they are. */
export const modelShapes: ReadonlyMap<string, ModelSizes> = new Map([
  ['SmolLM2-135M', sizes(30, 576, [9, 3], 1536)],
  ['SmolLM2-360M', sizes(32, 960, [15, 5], 2560)],
  ['SmolLM2-1.7B', sizes(24, 2048, [32, 32], 8192)],
]);

export type { ModelSizes };
