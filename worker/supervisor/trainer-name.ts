// Which of several trainers of a pod something happened to.
import type { Failure } from './end-of-child.ts';

export interface TrainerName {
  readonly rank: number;
  /** Undefined on the processor. */
  readonly device: string | undefined;
}

/** Undefined for the only trainer of a pod, which needs no name. */
export function withName(failure: Failure, name: TrainerName | undefined): Failure {
  if (name === undefined) return failure;
  const { message } = failure;
  return { ...failure, ...name, message: named(message, name) };
}

/** A line that it wrote, or a sentence about it. */
export function named(text: string, name: TrainerName | undefined): string {
  if (name === undefined) return text;
  const { rank, device } = name;
  return `rank ${rank}${device === undefined ? '' : ` on ${device}`}: ${text}`;
}
