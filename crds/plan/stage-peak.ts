// The memory peak of one stage of a run.

export type StageName = 'Step' | 'Decompose' | 'Teach' | 'Evaluate' | 'Sample' | 'Publish';

export interface MemoryParts {
  readonly weights: number;
  readonly optimizer: number;
  readonly gradients: number;
  readonly activations: number;
  readonly workspace: number;
}

export interface StagePeak {
  readonly stage: StageName;
  readonly parts: MemoryParts;
  /** The sum of the parts. */
  readonly peak: number;
}

export function stagePeak(stage: StageName, parts: MemoryParts): StagePeak {
  const whole: MemoryParts = {
    weights: Math.ceil(parts.weights),
    optimizer: Math.ceil(parts.optimizer),
    gradients: Math.ceil(parts.gradients),
    activations: Math.ceil(parts.activations),
    workspace: Math.ceil(parts.workspace),
  };
  return { stage, parts: whole, peak: Object.values(whole).reduce((sum, part) => sum + part, 0) };
}
