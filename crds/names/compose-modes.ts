// How several adapters answer under one name, and limits of that.
export const composeModes = ['merge', 'logits', 'switch', 'dominant'] as const;
export type ComposeMode = (typeof composeModes)[number];

/** Each part may cost a sequence of keys and values. */
export const mostParts = 8;
/** Tokens that one part leads, of a composition that does not say. */
export const defaultSpan = 8;
export const mostSpan = 4096;
/** Of a weight, either sign. */
export const mostWeight = 1000;

/** Whether `span` says something. */
export function hasSpans(mode: ComposeMode): boolean {
  return mode === 'switch' || mode === 'dominant';
}

/** Whether weights are asked for; the others have rules of their own. */
export function hasWeights(mode: ComposeMode): boolean {
  return mode === 'merge' || mode === 'logits';
}
