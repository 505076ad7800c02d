// Answers to some questions, all decoded together.

import { pageTokens } from '../../crds/plan/serving-memory.ts';
import type { Model } from '../engine/model.ts';
import { alone, type World } from '../engine/world.ts';
import { peakPages } from './admission.ts';
import { Decoder } from './decoder.ts';
import { type Question, Sequence } from './sequence.ts';

interface TogetherOptions {
  /** Asked before each token: whether the run was asked to stop. */
  readonly stopped?: () => boolean;
  readonly world?: World;
}

export type GenerateOptions = Omit<Question, 'prompt'> & TogetherOptions;

/** Token ids that follow `prompt`; fewer when `stopped`. */
export function generate(
  model: Model,
  prompt: readonly number[],
  { stopped, world, ...question }: GenerateOptions,
): readonly number[] {
  const [made = []] = generateTogether(model, [{ prompt, ...question }], {
    ...(stopped && { stopped }),
    ...(world && { world }),
  });
  return made;
}

/** Answers all questions together, token by token: ranks gather each block once for all of them. */
export function generateTogether(
  model: Model,
  questions: readonly Question[],
  { stopped = () => false, world = alone }: TogetherOptions = {},
): readonly (readonly number[])[] {
  const growths = questions.map((question) => new Sequence(question).growth);
  using decoder = new Decoder(model, { pages: peakPages(growths, pageTokens), world });
  const sequences = questions.map((question) => decoder.start(question));
  while (decoder.live.length > 0 && !stopped()) decoder.step();
  return sequences.map(({ made }) => made);
}
