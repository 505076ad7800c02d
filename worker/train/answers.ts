// Answers the job's prompts through the model's own chat template. The tokenizer is loaded only
// where a job asks for samples.
import { setImmediate } from 'node:timers/promises';
import type { RunRecord } from '../../crds/wire/run-folder.ts';
import { promptsOf } from '../data/prompts.ts';
import type { ModelFiles } from '../decoder/model-files.ts';
import { generateTogether } from '../decoding/generate.ts';
import type { Model } from '../engine/model.ts';
import { alone, type World } from '../engine/world.ts';
import { drawsOf, streamOf } from '../tensor/streams.ts';
import type { WriteSamples } from './parts.ts';

/**
 * A function that answers all prompts, in the order of the job, with the model as it is at the
 * call.
 */
export async function samplerOf(
  { spec }: RunRecord,
  files: ModelFiles,
  model: Model,
  world: World = alone,
): Promise<WriteSamples> {
  const { samples, seed } = spec.training;
  if (samples === undefined) return async () => [];
  const { encode, decode, stop } = await promptsOf(spec, files.headers);
  const prompts = samples.prompts.map((prompt) => ({
    prompt,
    ids: encode(prompt, 'a prompt of spec.training.samples'),
  }));
  const shared = { maxTokens: samples.maxTokens, temperature: Number(samples.temperature), stop };
  return async (stopped) => {
    const questions = prompts.map(({ ids }, index) => {
      const draws = drawsOf(streamOf(seed, 'sample', index));
      return { ...shared, prompt: ids, draw: () => draws.uniform() };
    });
    // A request to stop is received here.
    await setImmediate();
    const made = generateTogether(model, questions, { stopped, world });
    // The stop has cut answers off, or may have.
    if (stopped()) return null;
    return prompts.map(({ prompt }, i) => ({ prompt, text: decode(made[i] ?? []) }));
  };
}
