// All tensors of a model by name, as in Hugging Face files, adapters included. A parameter is
// frozen or trained for the whole run; which of the trained ones are active in a step is the
// selection's choice.
import { Bug } from '../../crds/failures/errors.ts';
import { type Coding, decoded } from '../methods/weights/coding.ts';
import { keep, scope } from '../tensor/scope.ts';
import { moveStorage, resizeStorage, type Tensor } from '../tensor/tensor.ts';

export interface Parameter {
  readonly name: string;
  /** Block number, or where outside the blocks the tensor is used. */
  readonly layer: number | 'embedding' | 'head';
  /** The value that the forward computes with, or its codes; bytes where it is quantised. */
  readonly value: Tensor;
  /** Of what the value stands for: `[out, in]` of a matrix, however it is stored. */
  readonly shape: readonly number[];
  /** Where the value is codes: what makes numbers of them. */
  readonly coded?: Coding;
  readonly trained: boolean;
  /** Multiplies the scheduled learning rate. */
  readonly learningRateFactor: number;
  /** Whether weight decay applies: matrices yes, norms and biases no. */
  readonly decayed: boolean;
}

/** The parameters of a model; owns their tensors. */
export class Parameters implements Disposable {
  readonly #byName = new Map<string, Parameter>();
  /**
   * What codes stand for. The tensors stay, so that a tape finds them again; their memory comes and
   * goes with their place.
   */
  readonly #made = new Map<string, Tensor>();
  readonly #madeAt = new Set<Parameter['layer']>();

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
   * What is computed with. Where it is stored in codes it is there while its place is made; else it
   * is made anew, in the caller's scope.
   */
  value(name: string): Tensor {
    const { value, coded, layer } = this.get(name);
    if (coded === undefined) return value;
    const made = this.#madeAt.has(layer) ? this.#made.get(name) : undefined;
    return made ?? decoded(value, coded);
  }

  /**
   * Makes the values of a place that are stored in codes, once for all that compute with them until
   * `unmake`.
   */
  make(layer: Parameter['layer']): void {
    for (const { name, value, coded } of this.#codedAt(layer)) {
      scope(() => {
        const fresh = decoded(value, coded);
        const made = this.#made.get(name);
        if (made === undefined) this.#made.set(name, keep(fresh));
        else moveStorage(made, fresh);
      });
    }
    this.#madeAt.add(layer);
  }

  /**
   * Gives the memory of what was made back; a tape may read it again when it has been made again.
   */
  unmake(layer: Parameter['layer']): void {
    this.#madeAt.delete(layer);
    for (const { name } of this.#codedAt(layer)) {
      const made = this.#made.get(name);
      if (made !== undefined) resizeStorage(made, 0);
    }
  }

  all(): readonly Parameter[] {
    return [...this.#byName.values()];
  }

  trained(): readonly Parameter[] {
    return this.all().filter((parameter) => parameter.trained);
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
    this.endMade();
  }

  /** Ends what was made, and nothing else: the tensors themselves may be somebody else's. */
  endMade(): void {
    for (const made of this.#made.values()) made.dispose();
    this.#made.clear();
    this.#madeAt.clear();
  }

  #codedAt(layer: Parameter['layer']) {
    return this.all().flatMap(({ name, value, coded, layer: own }) =>
      own === layer && coded !== undefined ? [{ name, value, coded }] : [],
    );
  }
}
