// Memory of answers to some prompts that are decoded together, beside the model.
import { changedMatrices, changeFactors } from './block-bytes.ts';
import { forwardWorking } from './forward-bytes.ts';
import { memoryConstants } from './memory-constants.ts';
import type { MemoryQuestion } from './memory-question.ts';
import { sharedBytes } from './shared-bytes.ts';
import { valueBytes } from './static-bytes.ts';

/**
 * Keys and values of all blocks, those of one block in float32, and the logits of one token.
 * `tokens`: of the longest prompt with its answer.
 */
export function decodingBytes(question: MemoryQuestion, prompts: number, tokens: number) {
  const { facts, method } = question;
  const all = prompts * tokens;
  const pairs = 2 * all * facts.NK * facts.D;
  return {
    activations: pairs * (facts.L * valueBytes(method) + 4),
    working:
      forwardWorking(question, all) +
      besideMatrices(question) +
      4 * facts.V * 4 * prompts +
      sharedBytes(question).vocabulary,
  };
}

/** Changes are not added to matrices here: in place of them are factors, both turned at worst. */
function besideMatrices({ facts, method }: MemoryQuestion): number {
  const changed = changedMatrices(facts, method).reduce((sum, one) => sum + one, 0);
  const factors = changeFactors(facts, method).reduce((sum, one) => sum + one, 0);
  return 2 * memoryConstants.adapterBytes * factors - valueBytes(method) * changed;
}
