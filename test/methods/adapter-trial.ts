// What tests of all adapters need to know of one: a row for each of them. An adapter has a file in
// adapters/, which says what is its own; adapter-trials.ts reads the folder.
import type { resolveMethod } from '../../crds/methods/resolve.ts';
import type { Tensor } from '../../worker/tensor/tensor.ts';
import type { ToyJobOptions } from '../toy/toy-job.ts';

/** Rows by the beginning of the titles of their tests. */
type Rows<Row> = Readonly<Record<string, Row>>;

export interface AdapterTrial {
  /** test/numerics/methods/adapters/kit.test.ts */
  readonly identities: Rows<IdentityCase>;
  /** test/e2e/world-methods.ts: together with values of other axes. */
  readonly workers?: Rows<ToyJobOptions['method']>;
  /** test/gpu/training/methods.ts: together with values of other axes. */
  readonly device?: Rows<DeviceCase>;
  /** test/peers/trained-toys.test.ts */
  readonly peers?: Rows<PeerCase>;
}

/** A tensor of a layer by its suffix. */
export type Own = (suffix: string) => Tensor;

export interface IdentityCase {
  readonly method: Parameters<typeof resolveMethod>[0];
  /** The most that the hidden states differ before the first step, relative to the largest. */
  readonly start: number;
  /** Weights lose a part for good: the model to compare with has lost it too. @default false */
  readonly loses?: true;
  /** Linear layers that have an adapter. @default all of the toy's three blocks */
  readonly layers?: number;
  /** Gradient of each trained tensor for the dense gradient `G [O, I]`. */
  gradients(own: Own, G: Tensor): Readonly<Record<string, Tensor>>;
}

export interface DeviceCase {
  readonly family?: ToyJobOptions['family'];
  readonly method: ToyJobOptions['method'];
  readonly training?: ToyJobOptions['training'];
  /** Of the host for the device in a step. @default 1, for the norm and the loss together */
  readonly waits?: number;
  /**
   * Largest relative gap of a loss to the processor's. In float32 the order of sums; in bfloat16
   * its rounding; with codes, a value that rounds to the other side now and then.
   */
  readonly gap: number;
}

export const exact = 1e-4;
export const rounded = 2e-2;

export interface PeerCase {
  /** Of the golden table. */
  readonly toy: string;
  readonly method: Readonly<Record<string, unknown>>;
  /** Whether its file of one rank is asked for as well. */
  readonly uniform?: boolean;
  /** Whether its base is one that nobody else has, so that it has no file of an adapter. */
  readonly merged?: boolean;
  /** Whether it has no form but its own. */
  readonly mixture?: boolean;
  /** Whether its file in the form of KaSA is asked for as well. */
  readonly kasa?: boolean;
}
