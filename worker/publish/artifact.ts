// One form of the result: how it is written, and how it is read back for the check.

import type { ResultClass } from '../../crds/evaluation/form.ts';
import type { Size } from '../../crds/evaluation/gate.ts';
import type { ResolvedMethod } from '../../crds/index.ts';
import type { resultFolder } from '../../crds/names/result-folders.ts';
import type { PreparedRecord, RunRecord } from '../../crds/wire/run-folder.ts';
import type { RunReport } from '../../crds/wire/run-report.ts';
import type { ModelFiles } from '../decoder/model-files.ts';
import type { PrunedBase } from '../decoder/pruned-base.ts';
import type { Model } from '../engine/model.ts';
import type { Initial } from '../methods/adapters/adapter.ts';
import type { DType } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { CodedTensor } from './codes-check.ts';
import type { StoredType } from './rounding.ts';

export type ArtifactFormat = keyof typeof resultFolder;

export interface ArtifactFacts {
  readonly run: RunRecord;
  readonly prepared: PreparedRecord;
  readonly method: ResolvedMethod;
  /** The base before training. */
  readonly files: ModelFiles;
  /** The trained model. */
  readonly model: Model;
  /** What its adapter began with, by tensor name. */
  readonly initial: Initial;
  /** Of a base that was cut out of another one. */
  readonly cut?: PrunedBase | null;
  readonly report: RunReport;
}

/** What a file of an adapter depends on: not on how it was trained. */
export type AdapterFacts = Omit<ArtifactFacts, 'report'>;

export interface ArtifactWriter {
  readonly format: ArtifactFormat;
  /** Name of the artefact's folder in the destination. */
  readonly folder: string;
  /**
   * Type that matrices are rounded to; null where the artefact has the bits of the trained model.
   */
  readonly rounding: StoredType | null;
  /**
   * Tensors that the file has in codes so coarse that no divergence says whether they are right:
   * what they decode to is compared, and the divergence of `rounding` is that without them.
   */
  readonly coded?: readonly CodedTensor[];
  /** Types of tensors, for the report. */
  readonly contents?: RunReport['artifacts'][number]['contents'];
  /** What limits its evaluation has. */
  readonly made: ResultClass;
  /** Of its tensors, read from their headers; absent of a form without a formula for its bits. */
  size?(folder: string): Promise<Size>;
  /** Whether a tensor has other bits than that of the trained model. @default all */
  isRounded?(name: string): boolean;
  /**
   * Logits of the check that the file is to have, where these are not those of the trained model;
   * after `write`.
   */
  expected?(): Tensor;
  /** Fills the folder; returns the bytes of the tensors written. */
  write(folder: string): Promise<number>;
  /** The model as a user would load it from the folder, in `dtype`; the caller disposes it. */
  reload(folder: string, dtype: DType): Promise<Model>;
  /**
   * The trained model with what the file holds in place of its own, where training changed the base
   * that the file is for; throws where the file does not give back what was changed.
   */
  asTrained?(folder: string): Model;
  /** Frees what was kept to be compared. */
  dispose?(): void;
}
