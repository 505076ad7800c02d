// How instructions of an evaluation are asked: limits that worker and memory plan share.

/** Answers that are decoded at a time. */
export const instructionsTogether = 16;
/** Of one answer. */
export const answerTokens = 96;
/** Of one instruction within a chat template, at most. */
export const instructionTokens = 96;
/** As many as there are. */
export const mostInstructions = 64;
