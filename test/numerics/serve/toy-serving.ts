// A toy with adapters in folders, questions for them, and the logits that answer.
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { pageTokens } from '../../../crds/plan/serving-memory.ts';
import { meansOf } from '../../../worker/decoding/ensemble.ts';
import { PagedCache } from '../../../worker/decoding/paged-cache.ts';
import { type Question, Sequence } from '../../../worker/decoding/sequence.ts';
import { stepLogits } from '../../../worker/decoding/step-logits.ts';
import type { Model } from '../../../worker/engine/model.ts';
import {
  adapterTap,
  loadAdapter,
  type ServedAdapter,
} from '../../../worker/serve/served-adapter.ts';
import type { DType } from '../../../worker/tensor/dtype.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { toArray } from '../../../worker/tensor/tensor.ts';
import { type PeftOptions, writePeftFolder } from '../../builders/peft-folder.ts';
import { aToyModel, countUp } from '../../builders/toy-training.ts';
import { temporaryFolder } from '../../doubles/sources.ts';

export const digest = `sha256:${'a'.repeat(64)}`;
export const steps = 3;

export async function aServing(t: ExecutionContext, dtype: DType = 'float32') {
  const folder = await temporaryFolder();
  const model = aToyModel({ dtype });
  t.teardown(async () => {
    model.parameters[Symbol.dispose]();
    await folder[Symbol.asyncDispose]();
  });
  const base = { model, digest, acceptsUnnamed: false };
  const write = (name: string, rank: number, more: Partial<PeftOptions> = {}) =>
    writePeftFolder(join(folder.path, name), model, {
      rank,
      baseDigest: digest,
      seed: rank,
      ...more,
    });
  const load = async (name: string): Promise<ServedAdapter> => {
    const adapter = await loadAdapter(name, join(folder.path, name), base);
    t.teardown(() => adapter[Symbol.dispose]());
    return adapter;
  };
  return { model, base, write, load };
}

export function aQuestion(length: number, change?: ServedAdapter): Question {
  const sampling = { temperature: 0, stop: new Set<number>(), draw: () => 0 };
  return { ...sampling, prompt: countUp(length, length), maxTokens: 9, ...(change && { change }) };
}

/** Logits of some steps, by question and step; the tokens between them are given. */
export function logitsOf(
  model: Model,
  questions: readonly Question[],
): readonly (readonly number[])[][] {
  using cache = new PagedCache(model, 40);
  const sequences = questions.map((question) => new Sequence(question));
  const lanes = sequences.flatMap((one) => one.lanes);
  const found: (readonly number[])[][] = questions.map(() => []);
  for (let step = 0; step < steps; step += 1) {
    for (const one of sequences) cache.clear(one.extend(cache.pages, pageTokens));
    const size = model.config.V;
    const all = scope(
      () => toArray(meansOf(stepLogits(model, cache, lanes, adapterTap), lanes, sequences)),
      model.device,
    );
    for (const [i, sequence] of sequences.entries()) {
      found[i]?.push(all.slice(i * size, (i + 1) * size));
      sequence.add(5 + step);
    }
  }
  return found;
}

export function farthest(
  a: readonly (readonly number[])[],
  b: readonly (readonly number[])[],
): number {
  const one = a.flat();
  const other = b.flat();
  return Math.max(...one.map((x, i) => Math.abs(x - (other[i] ?? Number.NaN))));
}
