// All tensors of a model by name, as in Hugging Face files, adapters included. A parameter is frozen
// or trained for the whole run; which of the trained ones move in a step is the selection's choice.
import { Bug } from '../../crds/errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Coding, decoded } from '../weights/coding.ts';

export interface Parameter {
  readonly name: string;
  /** Block number, or where outside the blocks the tensor is used. */
  readonly place: number | 'embedding' | 'head';
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

  /** What is computed with; made anew from codes, in the caller's scope, where it is stored so. */
  value(name: string): Tensor {
    const { value, coded } = this.get(name);
    return coded === undefined ? value : decoded(value, coded);
  }

  all(): readonly Parameter[] {
    return [...this.#byName.values()];
  }

  trained(): readonly Parameter[] {
    return this.all().filter((parameter) => parameter.trained);
  }

  /** Trained tensors of one block, or of the embedding or head. */
  trainedAt(place: Parameter['place']): readonly Parameter[] {
    return this.trained().filter((parameter) => parameter.place === place);
  }

  [Symbol.dispose](): void {
    for (const { value, coded } of this.#byName.values()) {
      for (const each of [value, ...Object.values(coded?.parts ?? {})]) each.dispose();
    }
    this.#byName.clear();
  }
}
