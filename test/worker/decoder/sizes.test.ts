import test from 'ava';
import { parametersOf } from '../../../crds/plan/parameters.ts';
import { readConfig } from '../../../worker/decoder/config.ts';
import {
  blockParameterCount,
  forwardFlopsPerToken,
  linearParameterCount,
  parameterCount,
} from '../../../worker/decoder/sizes.ts';

type Row = readonly [
  name: string,
  type: string,
  V: number,
  L: number,
  H: number,
  NH: number,
  NK: number,
  D: number,
  I: number,
  tied: boolean,
  parameters: number,
];

// Published shapes; the totals are the ones that the models are known by.
const models: readonly Row[] = [
  ['SmolLM2-135M', 'llama', 49152, 30, 576, 9, 3, 64, 1536, true, 134_515_008],
  ['SmolLM2-360M', 'llama', 49152, 32, 960, 15, 5, 64, 2560, true, 361_821_120],
  ['SmolLM2-1.7B', 'llama', 49152, 24, 2048, 32, 32, 64, 8192, true, 1_711_376_384],
  ['Qwen2.5-0.5B', 'qwen2', 151936, 24, 896, 14, 2, 64, 4864, true, 494_032_768],
  ['Qwen2.5-1.5B', 'qwen2', 151936, 28, 1536, 12, 2, 128, 8960, true, 1_543_714_304],
  ['Qwen2.5-7B', 'qwen2', 152064, 28, 3584, 28, 4, 128, 18944, false, 7_615_616_512],
  ['Qwen3-0.6B', 'qwen3', 151936, 28, 1024, 16, 8, 128, 3072, true, 596_049_920],
  ['Qwen3-8B', 'qwen3', 151936, 36, 4096, 32, 8, 128, 12288, false, 8_190_735_360],
  ['Llama-3.2-1B', 'llama', 128256, 16, 2048, 32, 8, 64, 8192, true, 1_235_814_400],
  ['Llama-3.2-3B', 'llama', 128256, 28, 3072, 24, 8, 128, 8192, true, 3_212_749_824],
  ['Llama-2-7B', 'llama', 32000, 32, 4096, 32, 32, 128, 11008, false, 6_738_415_616],
  ['Llama-3.1-8B', 'llama', 128256, 32, 4096, 32, 8, 128, 14336, false, 8_030_261_248],
  ['Mistral-7B-v0.1', 'mistral', 32000, 32, 4096, 32, 8, 128, 14336, false, 7_241_732_096],
  ['Phi-3-mini', 'phi3', 32064, 32, 3072, 32, 32, 96, 8192, false, 3_821_079_552],
  ['Gemma-2-2B', 'gemma2', 256000, 26, 2304, 8, 4, 256, 9216, true, 2_614_341_888],
  ['Gemma-2-9B', 'gemma2', 256000, 42, 3584, 16, 8, 256, 14336, true, 9_241_705_984],
  ['Gemma-3-1B', 'gemma3_text', 262144, 26, 1152, 4, 1, 256, 6912, true, 999_885_952],
];

function configOf([, type, V, L, H, NH, NK, D, I, tied]: Row) {
  return readConfig({
    model_type: type,
    vocab_size: V,
    num_hidden_layers: L,
    hidden_size: H,
    num_attention_heads: NH,
    num_key_value_heads: NK,
    head_dim: D,
    intermediate_size: I,
    tie_word_embeddings: tied,
  });
}

const macro = test.macro({
  exec(t, row: Row) {
    const config = configOf(row);
    const { V, H, L, NH, NK, D, I, tied } = config;
    const norms = config.sandwichNorms ? 4 : 2;
    // The closed formula, beside the sum over the shapes of all tensors.
    const formula =
      V * H * (tied ? 1 : 2) +
      H +
      L *
        (2 * H * NH * D +
          2 * H * NK * D +
          3 * H * I +
          norms * H +
          (config.bias.qkv ? (NH + 2 * NK) * D : 0) +
          (config.qkNorm ? 2 * D : 0));
    t.is(parameterCount(config), row[10]);
    t.is(parametersOf(config).total, row[10], 'by plan');
    t.is(formula, row[10]);
  },
  title: (_, row: Row) => `${row[0]} has ${row[10].toLocaleString('en')} parameters`,
});
for (const row of models) test(macro, row);

test('blocks, embedding, head and final norm are all there is', (t) => {
  for (const row of models) {
    const config = configOf(row);
    const { V, H, L, tied } = config;
    const outside = V * H * (tied ? 1 : 2) + H;
    t.is(outside + L * blockParameterCount(config), parameterCount(config), row[0]);
  }
});

test('the forward of a token costs two operations for each linear parameter, and attention', (t) => {
  const config = configOf(models[0]!);
  t.is(linearParameterCount(config), 134_515_008 - 576 - 30 * 2 * 576);
  t.is(forwardFlopsPerToken(config, 0), 2 * linearParameterCount(config));
  const attention = forwardFlopsPerToken(config, 100) - forwardFlopsPerToken(config, 0);
  t.is(attention, 2 * 2 * 9 * 64 * 100 * 30);
});
