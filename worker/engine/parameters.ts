// All tensors of a model by name, as in Hugging Face files, adapters included. A parameter is
// frozen or trained for the whole run; which of the trained ones are active in a step is the
// selection's choice.
import { Bug } from '../../crds/failures/errors.ts';
import { type Coding, decoded } from '../methods/weights/coding.ts';
import { keep, scope } from '../tensor/scope.ts';
import { moveStorage, resizeStorage, type Tensor } from '../tensor/tensor.ts';

/**
 * Trained tensors change, and are saved and published. Kept ones are fixed, and are read from what
 * the adapter began with; frozen ones from the files of the model.
 */
export type Role = 'trained' | 'kept' | 'frozen';

export interface Parameter {
  readonly name: string;
  /** Block number, or where outside the blocks the tensor is used. */
  readonly layer: number | 'embedding' | 'head';
  /** The tensor of the forward, or its quantized values or codes. */
  readonly value: Tensor;
  /** Shape of the decoded value: `[out, in]` for a matrix, however it is stored. */
  readonly shape: readonly number[];
  /** How `value` is decoded, where it is quantized values or codes. */
  readonly coded?: Coding;
  readonly role: Role;
  /** Multiplies the scheduled learning rate. */
  readonly learningRateFactor: number;
  /** Whether weight decay applies: matrices yes, norms and biases no. */
  readonly decayed: boolean;
  /** Of a tensor of an adapter: its suffix. */
  readonly suffix?: string;
}

/** The parameters of a model; owns their tensors. */
export class Parameters implements Disposable {
  readonly #byName = new Map<string, Parameter>();
  /**
   * Decoded values. The tensors stay, so that a tape finds them again; their storage exists only
   * while their layer is decoded.
   */
  readonly #decoded = new Map<string, Tensor>();
  readonly #decodedLayers = new Set<Parameter['layer']>();

  add(parameter: Parameter): void {
    if (this.#byName.has(parameter.name)) throw new Bug(`${parameter.name} was added twice`);
    this.#byName.set(parameter.name, parameter);
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  get(name: string): Parameter {
    const parameter = this.#byName.get(name);
    if (parameter === undefined) throw new Bug(`the model has no tensor ${name}`);
    return parameter;
  }

  /**
   * The value that the forward computes with. A quantized one is decoded in the caller's scope,
   * unless its layer is decoded already.
   */
  value(name: string): Tensor {
    const { value, coded, layer } = this.get(name);
    if (coded === undefined) return value;
    const kept = this.#decodedLayers.has(layer) ? this.#decoded.get(name) : undefined;
    return kept ?? decoded(value, coded);
  }

  /** Decodes the quantized values of a layer for all their uses until `releaseDecoded`. */
  decodeLayer(layer: Parameter['layer']): void {
    for (const { name, value, coded } of this.#codedAt(layer)) {
      scope(() => {
        const fresh = decoded(value, coded);
        const kept = this.#decoded.get(name);
        if (kept === undefined) this.#decoded.set(name, keep(fresh));
        else moveStorage(kept, fresh);
      });
    }
    this.#decodedLayers.add(layer);
  }

  /** Frees the storage of the decoded values; a tape may read them after the next `decodeLayer`. */
  releaseDecoded(layer: Parameter['layer']): void {
    this.#decodedLayers.delete(layer);
    for (const { name } of this.#codedAt(layer)) {
      const kept = this.#decoded.get(name);
      if (kept !== undefined) resizeStorage(kept, 0);
    }
  }

  all(): readonly Parameter[] {
    return [...this.#byName.values()];
  }

  trained(): readonly Parameter[] {
    return this.all().filter(({ role }) => role === 'trained');
  }

  /** Trained tensors of one block, or of the embedding or head. */
  trainedAt(layer: Parameter['layer']): readonly Parameter[] {
    return this.trained().filter((parameter) => parameter.layer === layer);
  }

  [Symbol.dispose](): void {
    for (const { value, coded } of this.#byName.values()) {
      for (const each of [value, ...Object.values(coded?.parts ?? {})]) each.dispose();
    }
    this.#byName.clear();
    this.disposeDecoded();
  }

  /** Disposes the decoded values only: the stored tensors may belong to another owner. */
  disposeDecoded(): void {
    for (const kept of this.#decoded.values()) kept.dispose();
    this.#decoded.clear();
    this.#decodedLayers.clear();
  }

  #codedAt(layer: Parameter['layer']) {
    return this.all().flatMap(({ name, value, coded, layer: own }) =>
      own === layer && coded !== undefined ? [{ name, value, coded }] : [],
    );
  }
}
