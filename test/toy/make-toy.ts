// Writes a toy as a Hugging Face folder: config.json, model.safetensors, a byte-level tokenizer.
// Golden cases keep their weights; a larger vocabulary or other sizes may be asked for, and follow
// the same rule of integers.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readConfig } from '../../worker/decoder/config.ts';
import { printConfig } from '../../worker/decoder/print-config.ts';
import { writeSafetensorsModel } from '../../worker/files/safetensors-model.ts';
import type { DType } from '../../worker/tensor/dtype.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { tensor } from '../../worker/tensor/tensor.ts';
import { type GoldenCase, golden, goldenTensors } from './golden.ts';
import { toyTokenizer, toyTokenizerConfig } from './tokenizer.ts';

/** Of the toy tokenizer; class defaults of some families lie outside 40 tokens. */
const specialIds = { bos_token_id: 0, eos_token_id: 1, pad_token_id: 1 } as const;

export interface ToyOptions {
  /** @default 'float32' */
  readonly dtype?: DType;
  /** Fields of `config.json` in place of the case's own. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** @default one file */
  readonly maxShardBytes?: number;
}

export function goldenCase(name: string): GoldenCase {
  const found = golden.cases.find((each) => each.name === name);
  if (found === undefined) throw new RangeError(`there is no golden case ${name}`);
  return found;
}

/** Returns the folder. */
export async function makeToy(
  folder: string,
  name: string,
  { dtype = 'float32', config: changes = {}, maxShardBytes = 5e9 }: ToyOptions = {},
): Promise<string> {
  const json = { ...goldenCase(name).config, ...changes, ...specialIds, torch_dtype: dtype };
  const config = readConfig(json);
  const planned = [...goldenTensors(config)].map(([tensorName, { spec, values }]) => {
    const make = () => scope(() => ops.to(tensor(values, spec.shape), dtype));
    return [tensorName, { shape: spec.shape, dtype, make }] as const;
  });
  await mkdir(folder, { recursive: true });
  await writeSafetensorsModel(folder, new Map(planned), { maxShardBytes });
  await writeFile(join(folder, 'config.json'), printConfig(json));
  await writeJson(folder, 'generation_config.json', specialIds);
  await writeJson(folder, 'tokenizer.json', toyTokenizer(config.V));
  await writeJson(folder, 'tokenizer_config.json', toyTokenizerConfig);
  return folder;
}

async function writeJson(folder: string, name: string, value: unknown): Promise<void> {
  await writeFile(join(folder, name), `${JSON.stringify(value, null, 2)}\n`);
}
