// Answers the job's prompts through the model's own chat template. The tokenizer is loaded only
// where a job asks for samples.
import { setImmediate } from 'node:timers/promises';
import { UserError } from '../../crds/failures/errors.ts';
import type { RunRecord } from '../../crds/wire/run-folder.ts';
import { compileTemplate } from '../data/chat-template.ts';
import { modelTokenizer } from '../data/model-tokenizer.ts';
import { stopIds } from '../data/stop-ids.ts';
import { TookTooLong, withinTime } from '../data/time-limit.ts';
import { createTokenizer } from '../data/tokenizer.ts';
import type { ModelFiles } from '../decoder/model-files.ts';
import { generateTogether } from '../decoding/generate.ts';
import type { Model } from '../engine/model.ts';
import { alone, type World } from '../engine/world.ts';
import { drawsOf, streamOf } from '../tensor/rng.ts';

interface Sample {
  readonly prompt: string;
  readonly text: string;
}

/**
 * A function that answers all prompts, in the order of the job, with the model as it is at the
 * call.
 */
export async function samplerOf(
  { spec }: RunRecord,
  files: ModelFiles,
  model: Model,
  world: World = alone,
): Promise<(stopped: () => boolean) => Promise<readonly Sample[] | null>> {
  const { samples, seed } = spec.training;
  if (samples === undefined) return async () => [];
  const definition = await modelTokenizer(files.headers);
  const tokenizer = createTokenizer(definition);
  const source = spec.dataset.chatTemplate ?? definition.chatTemplate;
  const template =
    source === undefined
      ? null
      : compileTemplate({
          source,
          bos: definition.bos,
          eos: definition.eos,
          arguments: spec.dataset.chatTemplateArguments,
        });
  const prompts = samples.prompts.map((prompt) => {
    const message = { role: 'user', content: prompt, isTarget: false } as const;
    const encode = (): readonly number[] =>
      tokenizer.encode(template?.render([message], undefined, true) ?? prompt);
    return { prompt, ids: encodeInTime(encode) };
  });
  const shared = {
    maxTokens: samples.maxTokens,
    temperature: Number(samples.temperature),
    stop: stopIds(tokenizer),
  };
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
    return prompts.map(({ prompt }, i) => ({
      prompt,
      text: tokenizer.decode([...(made[i] ?? [])]).trim(),
    }));
  };
}

/** Generous: encoding takes milliseconds. */
const promptMs = 60_000;

function encodeInTime(encode: () => readonly number[]): readonly number[] {
  try {
    return withinTime(promptMs, encode);
  } catch (error) {
    throw error instanceof TookTooLong ? stuck(error) : error;
  }
}

function stuck(cause: TookTooLong): UserError {
  return new UserError({
    code: 'E_INVALID_TOKENIZER',
    message: `the model's tokenizer or chat template did not finish a prompt of spec.training.samples within ${promptMs / 1000} s`,
    cause,
  });
}
