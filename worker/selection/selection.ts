// The selection seam: which trained parameters move in a step.
import type { Moving } from '../engine/model.ts';

export interface Selection {
  readonly name: string;
  at(step: number): Moving;
}
