// Subjects of messages about what a trainer makes beside its steps, and the stages that they belong
// to. A message of an earlier or later version has others, and then counts as training.
import type { StageName } from './stage.ts';

export const teacherSubject = 'the teacher';

export const answersSubject = 'by answering the prompts';

/** What data passes through the base for. */
export const calibrationSubject = {
  directions: 'directions of inputs',
  gradients: 'gradients of weights',
  search: 'a search for layers',
  contributions: 'contributions of layers',
  outliers: 'outliers of blocks',
} as const;

/** What is made of the weights. */
export const decompositionSubject = {
  factors: 'factors of weights',
  forms: 'forms of weights',
  codes: 'codes of weights',
  integers: 'blocks to integers',
} as const;

const stages = new Map<string, StageName>([
  [teacherSubject, 'teach'],
  [answersSubject, 'sample'],
  ...Object.values(calibrationSubject).map((subject) => [subject, 'calibrate'] as const),
  ...Object.values(decompositionSubject).map((subject) => [subject, 'decompose'] as const),
]);

export function stageOfSubject(subject: string | undefined): StageName | undefined {
  return subject === undefined ? undefined : stages.get(subject);
}
