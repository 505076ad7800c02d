// A stage of a job: what it reads and writes, and the worker process that runs it. What a stage
// reads was written by a stage before it, or is an input of the job.
import type { FineTuneJobSpec } from '../api/job.ts';

export type StageName =
  | 'fetch'
  | 'prepare'
  | 'teach'
  | 'calibrate'
  | 'decompose'
  | 'load'
  | 'train'
  | 'evaluate'
  | 'sample'
  | 'quantize'
  | 'prune'
  | 'recover'
  | 'publish';

/** Kinds of what lies between stages, in words. */
type ReferenceKind =
  | 'source'
  | 'files'
  | 'model'
  | 'records'
  | 'teacher'
  | 'measurements'
  | 'factors'
  | 'state'
  | 'figures'
  | 'answers'
  | 'integers'
  | 'smaller model'
  | 'whole adapter'
  | 'result';

export interface Reference {
  readonly kind: ReferenceKind;
  /** Where it is known. */
  readonly digest?: string;
}

/** A role of the worker that runs stages of a job: one process after the other. */
export type StageRole = 'prepare' | 'train' | 'publish';

export interface Stage {
  readonly name: StageName;
  readonly reads: readonly Reference[];
  readonly writes: readonly Reference[];
  readonly run: StageRole;
}

/** What a spec does not say. */
export interface StageFacts {
  readonly modelDigest?: string | undefined;
  readonly recordsDigest?: string | undefined;
  readonly stateDigest?: string | undefined;
  /** The model was cut out of another one, for which its adapter is published. */
  readonly isCut?: boolean;
}

export type StagedSpec = Pick<
  FineTuneJobSpec,
  'model' | 'dataset' | 'method' | 'training' | 'output'
>;
