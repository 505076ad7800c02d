// Memory of quantizing a result block by block, beside the model: the integers of all blocks, the
// states of the sequences that pass, and what one matrix takes.
import { isCalibrated } from '../api/quantization.ts';
import { linearsOf } from '../methods/linears.ts';
import type { DecoderFacts } from './decoder-facts.ts';
import { forwardWorking } from './forward-bytes.ts';
import { memoryConstants } from './memory-constants.ts';
import type { MemoryQuestion } from './memory-question.ts';
import { valueBytes } from './static-bytes.ts';
import { requireWholeGroups, requireWholeWords } from './whole-groups.ts';

/** While integers are made, beside the model. */
export function quantizeBytes(question: MemoryQuestion): number {
  const { facts, method, stages } = question;
  const own = stages?.quantization;
  if (own === undefined) return 0;
  const { perValue, ofMatrix } = memoryConstants.quantize;
  const matrix = ofMatrix * 4 * largest(facts);
  if (!isCalibrated(own)) return integerBytes(question) + matrix;
  const width = valueBytes(method);
  const states = own.calibrationSequences * own.tokens * facts.H * width;
  const sizes = [facts.H, facts.NH * facts.D, facts.H, facts.I];
  const grams = sizes.reduce((sum, size) => sum + 4 * size ** 2, 0);
  const solving = own.method === 'GPTQ' ? perValue * Math.max(...sizes) ** 2 : 0;
  const passing = forwardWorking(question, own.tokens) + roundedInputBytes(question, own.tokens);
  const working = Math.max(passing, grams + solving + matrix);
  // What products read in place of the matrices of a block.
  const block = linearsOf(facts).reduce((sum, linear) => sum + linear.out * linear.in, 0);
  return integerBytes(question) + states + width * block + working;
}

/**
 * While the widest input of a block is rounded: itself, its steps on the grid, and their values.
 */
export function roundedInputBytes(
  { facts, method, stages }: MemoryQuestion,
  tokens: number,
): number {
  const activations = stages?.quantization?.activations ?? 'None';
  if (activations === 'None') return 0;
  const { H, NH, D, I } = facts;
  return 3 * tokens * Math.max(H, NH * D, I) * valueBytes(method);
}

/** Of the integers of all blocks: a byte each, and scales and zero points in float32. */
export function integerBytes({ facts, stages }: MemoryQuestion): number {
  const own = stages?.quantization;
  if (own === undefined) return 0;
  const linears = linearsOf(facts);
  const group = own.strategy === 'Channel' ? undefined : own.groupSize;
  const path = 'spec.output.quantization.groupSize';
  requireWholeGroups(linears, { path, group, instead: 'strategy: Channel' });
  requireWholeWords(linears, stages?.formats ?? []);
  const values = linears.reduce((sum, linear) => sum + linear.out * linear.in, 0);
  return facts.L * (values + 8 * groupsOf(facts, group));
}

function groupsOf(facts: DecoderFacts, group: number | undefined): number {
  return linearsOf(facts).reduce(
    (sum, linear) => sum + (linear.out * linear.in) / (group ?? linear.in),
    0,
  );
}

function largest(facts: DecoderFacts): number {
  return Math.max(...linearsOf(facts).map((linear) => linear.out * linear.in));
}
