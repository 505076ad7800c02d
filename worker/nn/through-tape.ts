// Gradients of a part of a model that is written as a function of its input and its tensors,
// without a backward by hand: what lies before or behind the blocks.
import { Bug } from '../../crds/failures/errors.ts';
import { grad, leaf, withTape } from '../tensor/autograd.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** A complete tensor of the model by its name. */
type Value = (name: string) => Tensor;

interface Wanted {
  /** Names of the tensors whose gradients are wanted. */
  readonly active: readonly string[];
  /** The gradient of the function's output, given that. */
  seed(output: Tensor): Tensor;
}

interface Taped extends Wanted {
  /** The function, of leaves where gradients are wanted. */
  of(x: Tensor, value: Value, beside: Beside): Tensor;
  /** What it reads beside `x` and has a gradient too. @default nothing */
  readonly beside?: Beside;
}

type Beside = Readonly<Record<string, Tensor>>;

interface TapedParameters extends Wanted {
  of(value: Value): Tensor;
}

interface ParameterGradients {
  readonly output: Tensor;
  /** Of the active tensors, in their order; null for one that the function does not read. */
  readonly active: readonly (Tensor | null)[];
}

interface TapedGradients extends ParameterGradients {
  /** Gradient of `x`, of its shape. */
  readonly input: Tensor;
  /** Of what the function reads beside `x`. */
  readonly beside: Beside;
}

export function throughTape(x: Tensor, value: Value, taped: Taped): TapedGradients {
  return scope(() => {
    const from = leaf(x);
    const others = Object.entries(taped.beside ?? {});
    const leaves = others.map(([name, tensor]) => [name, leaf(tensor)] as const);
    const beside = Object.fromEntries(leaves);
    const own = { ...taped, of: (values: Value) => taped.of(from, values, beside) };
    const { output, found } = gradients([from, ...Object.values(beside)], value, own);
    const [input, ...rest] = found;
    if (input === undefined || input === null) throw new Bug('a function ignores its input');
    const read = others.flatMap(([name], i) => (rest[i] ? [[name, rest[i]] as const] : []));
    return { output, input, beside: Object.fromEntries(read), active: rest.slice(others.length) };
  });
}

/** Of a function whose input has no gradient. Gradients may be views of each other or the seed. */
export function parametersThroughTape(value: Value, taped: TapedParameters): ParameterGradients {
  return scope(() => {
    const { output, found } = gradients([], value, taped);
    return { output, active: found };
  });
}

function gradients(first: readonly Tensor[], value: Value, { active, of, seed }: TapedParameters) {
  const leaves = new Map(active.map((name) => [name, leaf(value(name))]));
  const taped = withTape(() => of((name) => leaves.get(name) ?? value(name)));
  const output = ops.detach(taped);
  return { output, found: grad([taped], [...first, ...leaves.values()], [seed(output)]) };
}
