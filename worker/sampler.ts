// The job's prompts through the model's own chat template, and its answers as text. The tokenizer is
// loaded only where a job asks for samples.
import type { RunRecord } from '../crds/wire/run-folder.ts';
import { compileTemplate } from './data/chat-template.ts';
import { modelTokenizer } from './data/model-tokenizer.ts';
import { createTokenizer, type Tokenizer } from './data/tokenizer.ts';
import type { ModelFiles } from './decoder/model-files.ts';
import type { Model } from './engine/model.ts';
import { generate } from './sample.ts';
import { drawsOf, streamOf } from './tensor/rng.ts';

export interface Sample {
  readonly prompt: string;
  readonly text: string;
}

/** A function that answers all prompts with the model as it is then; the order is the job's. */
export async function samplerOf(
  { spec }: RunRecord,
  files: ModelFiles,
  model: Model,
): Promise<() => readonly Sample[]> {
  const { samples, seed } = spec.training;
  if (samples === undefined) return () => [];
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
    const text =
      template?.render([{ role: 'user', content: prompt, learned: false }], undefined, true) ??
      prompt;
    return { prompt, ids: tokenizer.encode(text) };
  });
  const stop = stopIds(tokenizer);
  return () =>
    prompts.map(({ prompt, ids }, index) => {
      const draws = drawsOf(streamOf(seed, 'sample', index));
      const made = generate(model, ids, {
        maxTokens: samples.maxTokens,
        temperature: Number(samples.temperature),
        stop,
        draw: () => draws.uniform(),
      });
      return { prompt, text: tokenizer.decode(made).trim() };
    });
}

/** Tokens that end an answer: the end token, and those that chat templates close a turn with. */
function stopIds(tokenizer: Tokenizer): ReadonlySet<number> {
  const ids = tokenizer.specialTexts
    .filter((text) => /end|eot|eos|<\/s>/i.test(text))
    .flatMap((text) => {
      const [id, ...more] = tokenizer.encode(text);
      return id === undefined || more.length > 0 ? [] : [id];
    });
  return new Set(tokenizer.eos === undefined ? ids : [tokenizer.eos, ...ids]);
}
